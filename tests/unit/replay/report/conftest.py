"""One small backtest that every test of the report reads."""

import numpy as np
import pytest

from bayescaler.policy import Policy
from bayescaler.replay.backtest import Backtest, Case, backtest
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant
from bayescast import ForecastSpec

DAYS, STEP = 12, 1800.0
START = 1_700_006_400.0  # midnight, UTC


@pytest.fixture(scope="session")
def case() -> Case:
    """Twelve days with a daily rise and bursts, the latter half of which is judged."""
    buckets = DAYS * int(86400 / STEP)
    phase = np.arange(buckets) * STEP / 86400 * 2 * np.pi
    dice = np.random.default_rng(5)
    loads = (60.0 - 40.0 * np.cos(phase)) * dice.gamma(60.0, 1 / 60.0, buckets)
    loads[dice.integers(buckets // 2, buckets, 8)] *= 2.0
    scenario = Scenario(
        loads, STEP, 10.0, start=START, interval_seconds=300.0, start_up=constant(300.0), max_replicas=40
    )
    return Case("shop/checkout", Policy(1, 40, 10.0, unit="/s"), ForecastSpec(STEP, (1,), seasons=(86400.0,)), scenario)


@pytest.fixture(scope="session")
def found(case: Case) -> Backtest:
    return backtest(case, ["hpa", "kpa", "static"])

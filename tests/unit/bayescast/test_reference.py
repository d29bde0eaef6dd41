"""The kernels together, against a forecaster that is slow and obvious, on loads in which everything happens."""

import math

import numpy as np
import pytest

from bayescast import Forecaster, ForecastSpec, Kind, Settings

from .reference import Reference

pytestmark = pytest.mark.jit

HOUR, DAY = 3600.0, 86400.0
SINGLE = 1e-6  # the shapes are kept in single precision, and summed in another order
SWITCHES = tuple(name for name in Settings._fields if name.startswith("with_"))


def counts(times, rng):
    """Arrivals by day, a step of three, a night of zeros, and bursts."""
    mean = 40.0 * (1.0 + 0.6 * np.sin(2 * np.pi * times / DAY)) * np.where(np.arange(len(times)) > 250, 3.0, 1.0)
    mean[100:110] = 0.0
    return rng.poisson(mean * rng.gamma(4.0, 0.25, len(times))).astype(np.float64)


def rate(times, rng):
    """Noise in proportion to a day, far from one."""
    return 1e4 * np.exp(np.sin(2 * np.pi * times / DAY) + 0.3 * rng.standard_normal(len(times)))


def gauge(times, rng):
    """A CPU that is full at its daily height."""
    return np.minimum(1.0, 0.7 * np.exp(0.6 * np.sin(2 * np.pi * times / DAY) + 0.1 * rng.standard_normal(len(times))))


def held_against(spec, make, buckets=420, seed=1):
    """What is issued, and what the slow one issues, on a load with gaps short and long and some throttling."""
    rng = np.random.default_rng(seed)
    times = spec.step_seconds * (1000.0 + np.arange(buckets))
    values = make(times, rng)
    values[:2] = math.nan
    values[rng.random(buckets) < 0.02] = math.nan
    values[180:200] = math.nan
    values[240:256] = 0.0
    saturated = rng.random(buckets) < 0.03
    saturated[300:312] = True
    issued = Forecaster(spec).replay(times, values, saturated=saturated)
    return issued, Reference(spec).replay(times, values, saturated)


@pytest.mark.parametrize(("kind", "make"), [(Kind.COUNT, counts), (Kind.RATE, rate), (Kind.GAUGE, gauge)])
@pytest.mark.parametrize(("step", "seasons"), [(HOUR, (DAY, 7 * DAY)), (HOUR, ()), (300.0, (HOUR, 6 * HOUR))])
def test_what_is_issued_is_what_the_slow_forecaster_issues(kind, make, step, seasons):
    issued, slow = held_against(ForecastSpec(step, (1, 6), kind=kind, seasons=seasons), make)
    for lead in (1, 6):
        np.testing.assert_allclose(issued[lead], slow[lead], rtol=SINGLE, atol=1e-12)


@pytest.mark.parametrize("switch", SWITCHES)
def test_without_any_one_part_both_still_issue_the_same(switch):
    settings = Settings(**{switch: False})
    issued, slow = held_against(ForecastSpec(HOUR, (3,), kind=Kind.GAUGE, seasons=(DAY,), settings=settings), gauge)
    np.testing.assert_allclose(issued[3], slow[3], rtol=SINGLE, atol=1e-12)


QUICK = Settings(
    family_memory=30.0,
    family_rest=15.0,
    tracker_memory=300.0,
    tracker_gain=0.05,
    hedge_rate=0.5,
    mean_memory=100.0,
    silence_share=0.05,
    silence_memory=200.0,
    silence_prior=0.1,
)


@pytest.mark.parametrize(("kind", "make"), [(Kind.COUNT, counts), (Kind.RATE, rate), (Kind.GAUGE, gauge)])
def test_with_short_memories_that_let_every_part_move_both_issue_the_same(kind, make):
    spec = ForecastSpec(15.0, (2, 5), kind=kind, seasons=(900.0, 7 * DAY), settings=QUICK)
    issued, slow = held_against(spec, make, buckets=600, seed=2)
    for lead in (2, 5):
        np.testing.assert_allclose(issued[lead], slow[lead], rtol=SINGLE, atol=1e-12)

"""Steering that is primed with a history knows the price a replay of that history comes to."""

import numpy as np
import pytest

from bayescaler.policy import Budget, Policy
from bayescaler.policy.kernels import books as ladder
from bayescaler.policy.priming import primed

from .worlds import NOON, expected

MINUTE, COUNT = 60.0, 400


def policy(share=0.01, capacity=50.0):
    return Policy(1, 60, capacity, budget=Budget(share, MINUTE, startup_seconds=60.0, lag_seconds=15.0))


def history(spread, seed=4):
    """Loads around 500 whose forecasts know the median and are too narrow the more, the wider the loads are."""
    loads = 500.0 * np.random.default_rng(seed).lognormal(0.0, spread, COUNT)
    values = expected(500.0 * np.linspace(1.0, 1.4, 9)).values
    ends = NOON - MINUTE * np.arange(COUNT)[::-1]
    return ends, loads, np.broadcast_to(values, (COUNT, 2, 9)).copy()


def shares(ledger):
    steering = ladder.opened(ledger)
    return steering.rungs[:, ladder.RATE] / steering.figures[ladder.WEIGHT]


def test_the_share_of_time_short_falls_along_the_ladder_of_prices():
    found = shares(primed(policy(), *history(0.3)))
    assert (np.diff(found) <= 1e-9).all()
    assert found[0] > 0.1 > found[-1]


def test_wilder_loads_are_short_more_often_at_every_price():
    calm, wild = (shares(primed(policy(), *history(spread))) for spread in (0.1, 0.4))
    assert (calm <= wild).all()
    assert calm[4] < 0.5 * wild[4]


def test_nothing_is_owed_for_what_somebody_else_ran():
    figures = ladder.opened(primed(policy(), *history(0.3))).figures
    assert figures[ladder.SHORT] == pytest.approx(ladder.AIM * 0.01 * figures[ladder.WEIGHT])
    assert figures[ladder.OWN_COUNT] == 0


def test_missing_buckets_teach_nothing():
    ends, loads, outlooks = history(0.3)
    loads[::2] = np.nan
    outlooks[1::4] = np.nan
    assert ladder.opened(primed(policy(), ends, loads, outlooks)).figures[ladder.WEIGHT] < COUNT / 4 + 1


@pytest.mark.parametrize("given", [policy(capacity=float("nan")), Policy(1, 60, 50.0)], ids=["capacity", "no budget"])
def test_without_a_capacity_or_a_budget_there_is_nothing_to_replay(given):
    found = primed(given, *history(0.3))
    assert not len(found) or ladder.opened(found).figures[ladder.WEIGHT] == 0.0

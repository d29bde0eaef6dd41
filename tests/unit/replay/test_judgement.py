"""What a policy cost and missed, in numbers that can be counted by hand."""

import numpy as np
import pytest

from bayescaler.replay.baselines import Clairvoyant
from bayescaler.replay.judgement import Interval, Prices, by_day, draws, interval, judge, spread
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant

HOURS = 24


def scenario(days, **more):
    """Judged whole: 5 by day and 2 by night, in hours."""
    loads = np.tile(np.r_[np.full(12, 2.0), np.full(12, 5.0)], days)
    fixed = {"step_seconds": 3600.0, "capacity": 1.0, "interval_seconds": 3600.0, "learned_buckets": 0}
    return Scenario(loads, **(fixed | {"start_up": constant(0.0)} | more))


def test_cost_is_pods_and_overload_at_their_prices():
    case = scenario(6)
    told, enough = judge(case, {"four": np.full(144, 4), "five": np.full(144, 5)}, Prices(0.5, 20.0))

    assert told.name == "four"
    assert told.outcome.violating_share == 0.5
    assert told.outcome.unserved_share == pytest.approx(6 * 12 * 1.0 / (6 * 12 * 7.0))
    assert told.cost == pytest.approx(0.5 * 4 * 144 + 20.0 * 72)
    assert enough.cost == pytest.approx(0.5 * 5 * 144)
    assert enough.regret == pytest.approx(0.5 * 3 * 72)


def test_who_knows_the_future_regrets_nothing():
    case = scenario(6, start_up=constant(3600.0))
    told = judge(case, {"clairvoyant": Clairvoyant().replicas(case)})[0]

    assert told.regret == 0.0
    assert told.regretted == Interval(0.0, 0.0)
    assert told.outcome.violating_seconds == 0.0


def test_days_that_are_all_alike_leave_no_doubt():
    told = judge(scenario(6), {"four": np.full(144, 4)})[0]

    assert told.violating == Interval(0.5, 0.5)
    assert told.pod_hours == Interval(576.0, 576.0)
    assert told.unserved.low == told.unserved.high == pytest.approx(1 / 7)


def test_days_that_differ_leave_some():
    case = scenario(10)
    wanted = np.repeat([5, 4], 120)  # five days served, five not
    told = judge(case, {"half": wanted})[0]

    assert told.violating.low < told.outcome.violating_share < told.violating.high
    assert 0.05 < told.violating.low < 0.15
    assert told.violating.high == pytest.approx(0.5 - told.violating.low, abs=0.05)


def test_of_too_few_days_nothing_is_said():
    told = judge(scenario(4), {"four": np.full(96, 4)})[0]

    assert np.isnan([told.violating.low, told.pod_hours.high, told.regretted.low]).all()
    assert told.cost == 384.0


def test_days_are_local():
    case = scenario(6, start=1_767_571_200.0)
    played = case.play(np.full(144, 4))

    assert by_day(case, played).seconds.tolist() == [86400.0] * 6
    assert by_day(case, played, "Asia/Tokyo").seconds.tolist() == [54000.0] + [86400.0] * 5 + [32400.0]
    assert by_day(case, played, "Asia/Tokyo").violating_seconds.tolist()[0] == 3600.0 * 3


def test_a_policy_that_is_always_at_its_most_is_told_so():
    told = judge(scenario(5, max_replicas=4), {"four": np.full(120, 4)})[0]

    assert told.outcome.at_max_seconds == 5 * 86400.0


def test_the_same_days_are_drawn_for_the_same_seed():
    assert np.array_equal(draws(9, 1), draws(9, 1))
    assert not np.array_equal(draws(9, 1), draws(9, 2))
    assert (draws(9).sum(axis=1) == 9).all()


def test_a_ratio_over_nothing_is_none():
    assert interval(draws(6), np.zeros(6), np.zeros(6)) == Interval(0.0, 0.0)


def test_an_interval_of_what_often_cannot_be_said_is_not_said():
    samples = np.r_[np.ones(90), np.full(10, np.nan)]

    assert np.isnan(spread(samples).low)
    assert spread(samples[:90]) == Interval(1.0, 1.0)

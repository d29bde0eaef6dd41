"""Last week's load at the same time, yesterday's, or today's."""

import numpy as np
import pytest

from bayescaler.replay.baselines.hpa import Hpa
from bayescaler.replay.baselines.last_week import LastWeek
from bayescaler.replay.baselines.static import Static
from bayescaler.replay.scenario import Scenario

STEP = 1800.0
DAY = 48


def scenario(loads, **more):
    return Scenario(loads, **({"step_seconds": STEP, "capacity": 10.0, "interval_seconds": STEP} | more))


def test_before_a_day_is_over_it_is_the_newest_load_and_before_any_is_known_what_runs():
    case = scenario([100.0, 50.0, 80.0, 20.0], lag_seconds=0.0, start_replicas=7)

    assert LastWeek(10.0, margin=0.2).replicas(case).tolist() == [7, 12, 6, 10]


def test_then_it_is_yesterday_and_after_a_week_last_week():
    loads = np.concatenate([np.full(DAY, 10.0 * (day + 1)) for day in range(9)])
    told = LastWeek(10.0, margin=0.0).replicas(scenario(loads)).reshape(9, DAY)

    assert told[1:, 10].tolist() == [1, 2, 3, 4, 5, 6, 1, 2]


def test_it_looks_ahead_from_the_same_time():
    loads = np.tile(np.r_[np.full(20, 10.0), np.full(28, 90.0)], 3)
    told = LastWeek(10.0, margin=0.0, ahead_seconds=2 * STEP).replicas(scenario(loads))

    assert told[2 * DAY + 18 : 2 * DAY + 21].tolist() == [1, 9, 9]


def test_what_was_not_measured_a_week_ago_is_taken_from_yesterday():
    loads = np.concatenate([np.full(DAY, 10.0 * (day + 1)) for day in range(9)])
    loads[5:9] = np.nan
    told = LastWeek(10.0, margin=0.0).replicas(scenario(loads))

    assert told[7 * DAY + 4 : 7 * DAY + 10].tolist() == [1, 7, 7, 7, 7, 1]


def test_without_any_number_it_stays():
    loads = np.array([100.0, 50.0, np.nan, np.nan, 30.0, 30.0])

    assert LastWeek(10.0, margin=0.0).replicas(scenario(loads, lag_seconds=0.0)).tolist() == [10, 10, 5, 5, 5, 3]


def test_as_a_second_metric_it_raises_an_hpa_before_the_load_does():
    dice = np.random.default_rng(3)
    loads = np.tile(np.r_[np.full(20, 30.0), np.full(28, 90.0)], 9) * dice.uniform(0.7, 1.3, 9 * DAY)
    case = scenario(loads, interval_seconds=60.0)
    hpa = Hpa(7.0, tolerance=0.0)
    both, alone = LastWeek(10.0, ahead_seconds=2 * STEP, hpa=hpa).replicas(case), hpa.replicas(case)

    assert (both >= alone).all()
    rise = int((8 * DAY + 20) * STEP / 60.0)
    assert both[rise - 10] > 1.5 * alone[rise - 10]


@pytest.mark.parametrize("count", [0, 3])
def test_a_fixed_number_is_a_fixed_number(count):
    assert Static(count).replicas(scenario([1.0, 2.0])).tolist() == [count, count]

"""Predictive scaling as AWS documents it: what is foretold is a floor by the hour, two alarms do the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.baselines.aws import Aws, hourly_peaks
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.service import ready
from bayescaler.replay.startup import constant, uniform

HOUR = 3600.0
MONDAY = 1_767_571_200.0  # 2026-01-05T00:00:00Z


def days(count, *, quiet=100.0, busy=900.0, step_seconds=300.0):
    """Office hours, 8 to 18, every day."""
    hours = np.arange(count * 86400.0 / step_seconds) * step_seconds % 86400.0 / HOUR
    return np.where((hours >= 8) & (hours < 18), busy, quiet)


def scenario(loads, **more):
    fixed = {"step_seconds": 300.0, "capacity": 100.0, "interval_seconds": 60.0, "start": MONDAY}
    return Scenario(loads, **(fixed | more))


def test_capacity_is_there_five_minutes_before_the_hour():
    case = scenario(days(4))
    told = Aws(100.0).replicas(case)
    at = case.instants % 86400.0

    second_day = case.instants >= 2 * 86400.0
    assert (told[second_day & (at >= 8 * HOUR - 300.0) & (at < 18 * HOUR)] >= 9).all()
    assert (told[second_day & (at > 6 * HOUR) & (at < 8 * HOUR - 300.0)] == 1).all()


def test_without_a_day_of_history_it_only_reacts():
    case = scenario(days(1))

    assert Aws(100.0).capacity(case).max() == 0
    late = case.instants[np.flatnonzero(Aws(100.0).replicas(case) >= 9)[0]]
    assert 8 * HOUR + 300.0 + 120.0 <= late <= 8 * HOUR + 300.0 + 240.0  # bucket, lag, and three minutes of alarm


def test_a_forecast_never_lowers_what_runs():
    case = scenario(np.concatenate([days(2), np.full(288, 900.0)]))
    told = Aws(100.0).replicas(case)

    # On the third day the night is as busy as the day, and the forecast of a quiet one changes nothing.
    assert (told[case.instants > 2 * 86400.0 + 1200.0] >= 9).all()


def test_a_level_twice_as_high_is_carried_into_the_forecast():
    case = scenario(np.concatenate([days(3), 2.0 * days(1), days(1)]))
    told = Aws(100.0).capacity(case)

    at = case.instants - 4 * 86400.0
    assert told[(at >= 9 * HOUR) & (at < 17 * HOUR)].min() > 9


def test_hours_are_those_of_the_clock():
    loads = np.arange(30.0)
    origin, peaks = hourly_peaks(scenario(loads, start=MONDAY + 1800.0))

    assert origin == MONDAY / HOUR
    assert peaks.tolist() == [5.0, 17.0, 29.0]


def test_hours_nobody_measured_are_not_foretold():
    loads = days(3)
    loads[:288] = np.nan

    assert np.isfinite(Aws(100.0).forecast(np.concatenate([np.full(24, np.nan), np.full(24, 5.0)]))).all()
    assert Aws(100.0).forecast(np.full(48, np.nan)).size == 0
    assert Aws(100.0).replicas(scenario(loads)).min() >= 1


def by_hand(aws, case):
    """The two alarms over lists of datapoints."""
    startups, floor = case.fleet()[0], aws.capacity(case)
    metrics, lowered, out = [], -1e9, []
    current = case.first_replicas
    for step, (now, load) in enumerate(zip(case.instants, case.seen, strict=True)):
        pods = int(ready([case.first_replicas, *out, current], startups)[1:][step])
        metrics.append(load / max(pods, 1))
        high, low = metrics[-3:], metrics[-15:]
        if len(high) == 3 and all(value > aws.target_value for value in high):
            wanted = max(current, int(np.ceil(load / aws.target_value * (1 - 1e-9))))
        elif len(low) == 15 and all(value < 0.9 * aws.target_value for value in low) and now - lowered >= 300.0:
            wanted = min(current, int(np.ceil(load / aws.target_value * (1 - 1e-9))))
        else:
            wanted = current
        wanted = min(max(wanted, case.min_replicas, floor[step]), case.max_replicas)
        lowered = now if wanted < current else lowered
        current = wanted
        out.append(current)
    return out


@pytest.mark.jit
@given(
    some.lists(some.sampled_from([np.nan, 0.0, 3.0, 90.0, 250.0, 900.0, 2500.0]), min_size=2, max_size=25),
    some.integers(0, 2),
    some.sampled_from([constant(0.0), constant(150.0), uniform(0.0, 300.0)]),
)
def test_it_equals_two_alarms_by_hand(loads, fewest, start_up):
    case = scenario([1.0, *loads], min_replicas=fewest, max_replicas=20, start_replicas=3, start_up=start_up)

    assert Aws(100.0).replicas(case).tolist() == by_hand(Aws(100.0), case)

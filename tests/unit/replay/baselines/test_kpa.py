"""Knative's autoscaler: golden vectors of one tick, then stories, then against a plain telling of the same."""

from math import ceil, floor, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.baselines.kpa import Kpa, trailing_mean
from bayescaler.replay.kernels.kpa import tick
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.service import ready
from bayescaler.replay.startup import constant, uniform

CALM = [nan, 0.0, 0.0, nan]  # no panic


def desired(kpa, stable, panic, pods, memory=CALM, now=1000.0):
    scenario = Scenario([0.0, 0.0], 60.0, 100.0)
    return tick(kpa.decider(scenario), np.array(memory), stable, panic, pods, now)


@pytest.mark.parametrize(
    ("kpa", "stable", "panic", "pods", "wanted"),
    [
        pytest.param(Kpa(100.0), 300.0, 900.0, 5, 13, id="13 for the panic window are twice the five: panic"),
        pytest.param(Kpa(100.0), 70.0, 70.0, 10, 5, id="at most half the pods are let go"),
        pytest.param(Kpa(1.0, 100.0, max_scale_up_rate=1.1), 3.0, 3.0, 2, 3, id="a slow rate still adds one pod"),
        pytest.param(Kpa(100.0), 300.0, 350.0, 5, 5, id="the panic window alone moves nothing below the threshold"),
        pytest.param(Kpa(100.0, activation_scale=3), 10.0, 10.0, 1, 3, id="what starts, starts with three"),
        pytest.param(Kpa(100.0), 0.0, 0.0, 1, 0, id="none are wanted of an idle one"),
    ],
)
def test_one_tick(kpa, stable, panic, pods, wanted):
    assert desired(kpa, stable, panic, pods) == wanted


def test_in_panic_it_never_falls_and_it_ends_a_stable_window_after_the_surge():
    kpa, memory = Kpa(100.0), np.array(CALM)
    decider = kpa.decider(Scenario([0.0, 0.0], 60.0, 100.0))
    told = [
        tick(decider, memory, stable, panic, 5, now)
        for now, stable, panic in (
            (0.0, 300.0, 900.0),
            (30.0, 700.0, 700.0),
            (60.0, 400.0, 300.0),
            (90.0, 300.0, 300.0),
            (91.0, 300.0, 300.0),
        )
    ]

    # 700 is ten pods, twice the five: the panic goes on from there.
    assert told == [13, 13, 13, 13, 5]


def test_a_surge_is_answered_at_once_and_left_by_halves():
    loads = [350.0] * 5 + [1400.0] * 2 + [350.0] * 5
    scenario = Scenario(loads, 60.0, 100.0, lag_seconds=0.0, start_replicas=5, start_up=constant(0.0))
    told = Kpa(100.0).replicas(scenario)[::4]

    assert told[:6].tolist() == [5] * 6
    assert told[6:].tolist() == [20, 20, 10, 5, 5, 5]


def test_an_idle_revision_goes_to_none_after_its_window_and_the_grace():
    scenario = Scenario([70.0] * 3 + [0.0] * 8, 60.0, 100.0, lag_seconds=0.0, min_replicas=0, start_replicas=1)
    told = Kpa(100.0).replicas(scenario)

    # The first idle minute is known at 240 s.
    assert np.flatnonzero(told == 0)[0] * 15.0 == 240.0 + 30.0


def test_what_went_to_none_comes_back_when_load_does():
    scenario = Scenario([0.0] * 8 + [140.0] * 3, 60.0, 100.0, lag_seconds=0.0, min_replicas=0, start_replicas=1)
    told = Kpa(100.0).replicas(scenario)

    assert told[35] == 0
    assert told[36] == 2


def test_a_scale_down_delay_keeps_the_most_of_the_last_minutes():
    loads = [700.0] * 4 + [70.0] * 8
    scenario = Scenario(loads, 60.0, 100.0, lag_seconds=0.0, start_replicas=10, start_up=constant(0.0))
    fast, slow = (Kpa(100.0, scale_down_delay_seconds=delay).replicas(scenario) for delay in (0.0, 180.0))

    assert np.flatnonzero(slow < 10)[0] - np.flatnonzero(fast < 10)[0] == pytest.approx(180 / 15, abs=1)


def test_its_windows_are_means_of_what_is_known():
    scenario = Scenario([10.0, 20.0, nan, 40.0], 30.0, 1.0, lag_seconds=0.0, interval_seconds=15.0)
    told = trailing_mean(scenario, 60.0)

    # Known after 0, 30, 60 and 90 s; what was not measured is as before.
    assert np.isnan(told[:2]).all()
    assert told[2:].tolist() == pytest.approx([10.0, 10.0, 15.0, 15.0, 20.0, 20.0])
    assert trailing_mean(scenario, 15.0)[4] == 20.0


def by_hand(kpa, scenario):
    """Every tick told plainly; the pods that are ready are those of the service at the decisions before."""
    decider = kpa.decider(scenario)
    stable, panic = (trailing_mean(scenario, w) for w in (decider.stable_window_seconds, decider.panic_window_seconds))
    startups = scenario.fleet()[0]
    current = scenario.first_replicas
    panicking, most, active, idle = (0.0, current, 0.0, None) if current > 1 else (None, 0, 0.0, None)
    out = []
    for step in range(len(stable)):
        pods = int(ready([scenario.first_replicas, *out, current], startups)[1:][step])
        for turn in range(-6, 1):
            seen = step + (0 if turn == 0 else -1)
            if seen < 0 or isnan(stable[seen]):
                continue
            now = step * 15.0 + turn * 2.0
            count = max(pods, 1)
            up, down = ceil(decider.max_scale_up_rate * count), floor(count / decider.max_scale_down_rate)
            calm, surge = ceil(stable[seen] / decider.target), ceil(panic[seen] / decider.target)
            wanted = min(max(calm, down), up)
            if surge / count >= decider.panic_threshold:
                panicking = now
            elif panicking is not None and panicking + decider.stable_window_seconds < now:
                panicking, most = None, 0
            if panicking is not None:
                wanted = most = max(most, wanted, min(max(surge, down), up))
            wanted = min(max(wanted, decider.min_scale), decider.max_scale)
            if wanted > 0:
                active, idle = (now, None) if idle is not None else (active, None)
            elif now - active < decider.stable_window_seconds:
                wanted = min(current, 1)
            else:
                idle = now if idle is None else idle
                wanted = 0 if now - idle >= decider.scale_to_zero_grace_period_seconds else current
            current = wanted
            pods = min(pods, current)
        out.append(current)
    return out


@given(
    some.lists(some.sampled_from([nan, 0.0, 0.0, 3.0, 90.0, 250.0, 900.0, 2500.0]), min_size=2, max_size=20),
    some.sampled_from([30.0, 60.0, 120.0]),
    some.integers(0, 2),
    some.sampled_from([2.0, 1000.0]),
    some.sampled_from([constant(0.0), constant(45.0), uniform(0.0, 90.0)]),
)
def test_it_equals_ticks_by_hand(loads, step_seconds, fewest, rate, start_up):
    scenario = Scenario(
        [1.0, *loads], step_seconds, 100.0, min_replicas=fewest, max_replicas=40, start_replicas=3, start_up=start_up
    )
    kpa = Kpa(100.0, max_scale_up_rate=rate)

    assert kpa.replicas(scenario).tolist() == by_hand(kpa, scenario)

"""KEDA: none and one by the operator's poll, the rest by its HPA, and what each makes of no answer."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.baselines.keda import Fallback, FallbackBehavior, Keda
from bayescaler.replay.hpa import HpaSpec, HpaState, step
from bayescaler.replay.scenario import Scenario

NO_LAG = {"step_seconds": 15.0, "capacity": 100.0, "lag_seconds": 0.0, "max_replicas": 50}


def replicas(keda, loads, **more):
    """At each decision from the one at which the first load is known."""
    return keda.replicas(Scenario([*loads, 0.0], **(NO_LAG | {"start_replicas": 1} | more)))[1:].tolist()


def test_activation_takes_it_from_none_to_one_and_the_hpa_from_there():
    told = replicas(Keda(threshold=100.0), [0.0, 0.0, 50.0, 700.0, 700.0, 700.0], min_replicas=0, start_replicas=0)

    # The load of 50 is known at the third decision, the poll is every second one.
    assert told == [0, 0, 1, 4, 7, 7]


def test_a_load_that_does_not_activate_is_no_reason_to_start():
    assert replicas(Keda(100.0, activation_threshold=80.0), [80.0] * 4, min_replicas=0, start_replicas=0) == [0] * 4


def test_it_goes_to_none_after_the_cooldown_and_not_before():
    keda = Keda(threshold=100.0, polling_interval_seconds=15.0, cooldown_period_seconds=60.0)
    told = replicas(keda, [50.0, 50.0] + [0.0] * 6, min_replicas=0)

    # Last active at the second decision; more than 60 s later is the seventh.
    assert told == [1] * 6 + [0] * 2


def test_with_a_minimum_nothing_is_ever_scaled_to_none():
    assert replicas(Keda(threshold=100.0), [0.0] * 40, min_replicas=2, start_replicas=2) == [2] * 40


def test_an_empty_answer_is_zero_as_shipped():
    told = replicas(Keda(threshold=100.0), [500.0] * 4 + [nan] * 25, start_replicas=5)

    assert told == [5] * 4 + [5] * 20 + [1] * 5  # the five minutes of the HPA's window, then down


def test_an_empty_answer_that_is_an_error_holds():
    assert replicas(Keda(100.0, ignore_null_values=False), [500.0] * 4 + [nan] * 30, start_replicas=5) == [5] * 34


@pytest.mark.parametrize(
    ("behavior", "fallen"),
    [
        (FallbackBehavior.STATIC, 5),
        (FallbackBehavior.CURRENT_REPLICAS, 3),
        (FallbackBehavior.CURRENT_REPLICAS_IF_HIGHER, 5),
        (FallbackBehavior.CURRENT_REPLICAS_IF_LOWER, 3),
    ],
)
def test_after_failures_in_a_row_the_hpa_is_shown_the_fallback(behavior, fallen):
    keda = Keda(100.0, ignore_null_values=False, fallback=Fallback(3, 5, behavior), polling_interval_seconds=1e9)
    told = replicas(keda, [300.0] * 2 + [nan] * 6, start_replicas=3)

    # The fourth failure in a row is above the threshold of three; the operator's poll is left out here.
    assert told == [3] * 5 + [fallen] * 3


def test_a_failure_while_nothing_is_active_goes_to_the_fallback_at_once():
    keda = Keda(100.0, ignore_null_values=False, fallback=Fallback(3, 5), polling_interval_seconds=15.0)

    assert replicas(keda, [200.0, nan], start_replicas=2) == [2, 5]


def by_hand(keda, scenario):
    """The same with the HPA's own sync after sync, and a list of what was read."""
    spec = HpaSpec(keda.threshold, max(scenario.min_replicas, 1), scenario.max_replicas)
    state, current, active_at, failures, out = HpaState(), scenario.first_replicas, None, 0, []
    fallback, now0 = keda.fallback, None
    for index, (now, known) in enumerate(zip(scenario.instants, scenario.known, strict=True)):
        if not known:
            out.append(current)
            continue
        now0 = now if now0 is None else now0
        active_at = now if active_at is None else active_at
        value = scenario.seen[index]
        value = 0.0 if isnan(value) and keda.ignore_null_values else value
        if (now - now0) % keda.polling_interval_seconds == 0:
            failures = failures + 1 if isnan(value) else 0
            fallen = isnan(value) and fallback is not None and failures > fallback.failure_threshold
            if fallen or value > keda.activation_threshold:
                active_at = now
                current = current or max(scenario.min_replicas, 1)
            elif isnan(value):
                current = fallback.replicas if fallback else current
            elif scenario.min_replicas == 0:
                current = 0 if now > active_at + keda.cooldown_period_seconds else current
        failures = failures + 1 if isnan(value) else 0
        metric = value
        if isnan(value) and fallback is not None and failures > fallback.failure_threshold:
            metric = keda.threshold * fallback.replicas
        current, state = step(spec, state, metric=metric, current=current, now=now)
        out.append(current)
    return out


@given(
    some.lists(some.sampled_from([nan, 0.0, 0.0, 30.0, 90.0, 250.0, 900.0]), min_size=2, max_size=60),
    some.booleans(),
    some.none() | some.just(Fallback(2, 4)),
    some.sampled_from([15.0, 30.0, 60.0]),
    some.integers(0, 2),
)
def test_it_equals_the_two_loops_by_hand(loads, zero, fallback, polling, fewest):
    keda = Keda(100.0, 20.0, polling, 45.0, ignore_null_values=zero, fallback=fallback)
    scenario = Scenario([1.0, *loads], **NO_LAG, min_replicas=fewest, start_replicas=2)

    assert keda.replicas(scenario).tolist() == by_hand(keda, scenario)


def test_without_scaling_to_none_it_is_its_hpa():
    dice = np.random.default_rng(5)
    scenario = Scenario(np.abs(np.cumsum(dice.normal(0.0, 90.0, 400))) + 50.0, **NO_LAG, start_replicas=3)
    state, current, expected = HpaState(), 3, []
    for now, metric in zip(scenario.instants, scenario.seen, strict=True):
        if not isnan(metric):
            current, state = step(HpaSpec(70.0, 1, 50), state, metric=metric, current=current, now=now)
        expected.append(current)

    assert Keda(70.0).replicas(scenario).tolist() == expected

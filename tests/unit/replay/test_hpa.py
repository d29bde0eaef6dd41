"""The HPA baseline: golden vectors, and against a memory kept the plain way."""

from dataclasses import replace
from math import ceil, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.replay.behavior import History
from bayescaler.replay.hpa import HpaSpec, HpaState, rules_of, run, step
from bayescaler.replay.kernels.controller import pods_proposal

SET = HpaSpec(target=100.0, max_replicas=100, behavior=Behavior())
UNSET = HpaSpec(target=100.0, max_replicas=100)


@pytest.mark.parametrize("spec", [SET, UNSET], ids=["behavior set", "behavior unset"])
@pytest.mark.parametrize(
    ("metric", "current", "replicas"),
    [
        pytest.param(1050.0, 10, 10, id="a ratio of 1.05 is within tolerance"),
        pytest.param(1100.0, 10, 10, id="a ratio of 1.1 still is"),
        pytest.param(1110.0, 10, 12, id="a ratio of 1.11 is not"),
        pytest.param(nan, 10, 10, id="without a metric nothing changes"),
        pytest.param(None, 10, 10, id="nor with an error for an answer"),
        pytest.param(5000.0, 0, 0, id="zero replicas are switched off"),
        pytest.param(5000.0, 120, 100, id="above the maximum is brought inside before anything else"),
    ],
)
def test_one_sync(spec, metric, current, replicas):
    assert step(spec, HpaState(), metric=metric, current=current, now=0.0)[0] == replicas


PODS, PERCENT = PolicyType.PODS, PolicyType.PERCENT
NOW = 1000.0
AT_WILL = (ScalingPolicy(PERCENT, 100, 15.0),)


@pytest.mark.parametrize(
    ("current", "added", "limit"),
    [(3, 0, 7), (10, 0, 20), (10, 3, 14)],
    ids=["four more", "twice as many", "those added in the last 15 s count"],
)
def test_how_far_up_a_sync_may_go(current, added, limit):
    before = HpaState(History(ups=((NOW - 10.0, added),) if added else ()))

    assert step(SET, before, metric=1e6, current=current, now=NOW)[0] == limit


@pytest.mark.parametrize(
    ("policies", "current", "removed", "limit"),
    [
        pytest.param([(PERCENT, 10, 60.0)], 15, 0, 13, id="a tenth of 15, rounded down to 13"),
        pytest.param([(PERCENT, 10, 60.0)], 15, 5, 15, id="five of the last minute's twenty are more than a tenth"),
        pytest.param([(PODS, 4, 60.0), (PERCENT, 10, 60.0)], 80, 0, 72, id="the larger of both changes"),
    ],
)
def test_how_far_down_a_sync_may_go(policies, current, removed, limit):
    down = ScalingRules(tuple(ScalingPolicy(*policy) for policy in policies), 0.0)
    before = HpaState(History(downs=((NOW - 30.0, removed),) if removed else ()))

    assert (
        step(replace(SET, behavior=Behavior(scale_down=down)), before, metric=0.0, current=current, now=NOW)[0] == limit
    )


def test_a_fall_goes_no_lower_than_what_was_recommended_meanwhile():
    before = HpaState(History(highest=((NOW - 200.0, 9), (NOW - 100.0, 7))))

    assert step(SET, before, metric=400.0, current=10, now=NOW)[0] == 9


def test_a_raise_goes_no_higher_than_what_was_recommended_meanwhile():
    spec = replace(SET, behavior=Behavior(scale_up=replace(Behavior().scale_up, stabilization_window_seconds=60.0)))
    before = HpaState(History(lowest=((NOW - 30.0, 6), (NOW - 15.0, 9))))

    assert step(spec, before, metric=900.0, current=5, now=NOW)[0] == 6


@pytest.mark.parametrize(
    ("usage", "measured", "missing", "unready", "target", "current", "replicas"),
    [
        pytest.param(1500.0, 3, 0, 0, 30, 3, 5, id="50 % of the requests at a target of 30 %"),
        pytest.param(3 * 339.0, 3, 0, 0, 30, 3, 3, id="33.9 % is cut to 33 %, which is within tolerance"),
        pytest.param(220.0, 2, 1, 0, 50, 3, 3, id="low: a pod without a sample counts as fully used"),
        pytest.param(1800.0, 2, 0, 1, 60, 3, 3, id="high: a pod not ready counts as idle"),
        pytest.param(2700.0, 3, 1, 0, 60, 4, 5, id="high: so does a pod without a sample"),
        pytest.param(1000.0, 2, 1, 0, 60, 3, 3, id="a missing pod that would turn the change round stops it"),
        pytest.param(0.0, 0, 2, 3, 60, 5, -1, id="without a measured ready pod there is no answer"),
        pytest.param(2000.0, 2, 0, 4, 80, 6, 6, id="idle pods that would turn the change round stop it"),
        pytest.param(3000.0, 6, 1, 0, 50, 7, 7, id="just on target a pod without a sample changes nothing"),
        pytest.param(7 * 1450.0, 7, 0, 0, 35, 7, 30, id="145 over 35 times 7 is 29, and by float noise a pod more"),
    ],
)
def test_what_the_pods_own_use_asks_for(usage, measured, missing, unready, target, current, replicas):
    rules = rules_of(SET, 15.0)

    assert pods_proposal(rules, usage, measured, missing, unready, 1000.0, target, current) == replicas


@pytest.mark.parametrize(
    ("target", "metric", "current", "replicas"),
    [
        pytest.param(0.7, 2.31, 3, 3, id="a tenth above, in thousandths, is within tolerance"),
        pytest.param(0.7, 2.311, 3, 4, id="a thousandth more is not"),
        pytest.param(33.3, 149.85, 5, 5, id="so is a tenth below"),
        pytest.param(100.0, 500.0001, 1, 6, id="what is finer than a thousandth counts as one"),
    ],
)
def test_quantities_are_thousandths(target, metric, current, replicas):
    spec = HpaSpec(target, max_replicas=100, behavior=Behavior(scale_down=ScalingRules(AT_WILL, 0.0)))

    assert step(spec, HpaState(), metric=metric, current=current, now=0.0)[0] == min(replicas, current + 4)
    assert run(spec, [metric], start_replicas=current).tolist() == [min(replicas, current + 4)]


def test_it_is_the_pods_there_are_that_share_the_load():
    # Of ten asked for five are there, a quota keeps them from being more: 500 is just what five are for.
    spec = replace(SET, behavior=Behavior(scale_down=ScalingRules(AT_WILL, 0.0)))

    assert step(spec, HpaState(), metric=520.0, current=10, running=5, now=NOW)[0] == 5
    assert step(spec, HpaState(), metric=520.0, current=10, running=0, now=NOW)[0] == 6


def test_it_forgets_a_change_older_than_its_own_policies_look_back():
    # Seen in the real one: the policies of a raise look back a second, those of a scale-in half a minute.
    up, down = ScalingRules((ScalingPolicy(PODS, 2, 1.0),), 0.0), ScalingRules((ScalingPolicy(PODS, 3, 27.0),), 0.0)
    spec = HpaSpec(100.0, 1, 12, Behavior(up, down))

    # Three raises of two; the later took the places of the earlier. Before the last it had five, so two may stay.
    told = run(spec, [900.0, 900.0, 900.0, 100.0], start_replicas=1, sync_seconds=1.2)

    assert told.tolist() == [3, 5, 7, 2]


def test_zero_replicas_that_somebody_else_set_switch_it_off_and_its_own_do_not():
    spec = replace(UNSET, min_replicas=0, downscale_stabilization_seconds=0.0)
    zero, state = step(spec, HpaState(), metric=0.0, current=2, now=NOW)
    zero, state = step(spec, state, metric=0.0, current=2, now=NOW + 15.0)

    assert (zero, state.scaled_to_zero) == (0, True)
    assert step(spec, state, metric=150.0, current=0, now=NOW + 30.0)[0] == 2
    assert step(replace(spec, min_replicas=3), state, metric=150.0, current=0, now=NOW + 30.0)[0] == 3
    assert step(spec, HpaState(), metric=150.0, current=0, now=NOW + 30.0)[0] == 0


@pytest.mark.parametrize(("current", "replicas"), [(1, 4), (3, 6)])
def test_without_behavior_a_sync_at_most_doubles_or_reaches_four(current, replicas):
    assert step(UNSET, HpaState(), metric=5000.0, current=current, now=0.0)[0] == replicas


@pytest.mark.parametrize(("current", "replicas"), [(3, 7), (10, 20)])
def test_with_behavior_a_sync_doubles_or_adds_four(current, replicas):
    assert step(SET, HpaState(), metric=5000.0, current=current, now=0.0)[0] == replicas


def test_zero_is_allowed_where_the_minimum_is_zero():
    spec = replace(SET, min_replicas=0, behavior=Behavior(scale_down=ScalingRules(Behavior().scale_down.policies, 0.0)))
    assert run(spec, [0.0, 0.0, 90.0], start_replicas=2).tolist() == [0, 0, 1]


def test_a_fall_is_followed_after_five_minutes():
    load = [1000.0] * 4 + [200.0] * 30
    replicas = run(SET, load, start_replicas=10)

    assert replicas.tolist() == [10] * (3 + 20) + [2] * 11


def test_without_behavior_a_recommendation_of_just_five_minutes_ago_still_counts():
    load = [1000.0] * 4 + [200.0] * 30
    replicas = run(UNSET, load, start_replicas=10)

    assert replicas.tolist() == [10] * (3 + 21) + [2] * 10


def test_without_behavior_a_fall_below_a_recent_peak_is_a_raise_to_it():
    load = [600.0, 600.0, 300.0]
    state, current, said = HpaState(), 1, []
    for index, metric in enumerate(load):
        current, state = step(UNSET, state, metric=metric, current=current, now=15.0 * index)
        said.append(current)

    assert said == [4, 6, 6]


def plain_hpa(spec, metrics, start):
    """The same arithmetic with every recommendation and event kept and searched."""
    recommended, events, current, out = [(0.0, start)], [], start, []
    up, down = spec.behavior.scale_up, spec.behavior.scale_down

    def limit(rules, direction, now):
        if rules.select is Select.DISABLED:
            return current
        proposals = []
        for policy in rules.policies:
            begun = current - sum(change for at, change in events if at > now - policy.period_seconds)
            if policy.type is PolicyType.PODS:
                proposals.append(begun + direction * policy.value)
            else:
                share = begun * (1 + direction * policy.value / 100)
                proposals.append(ceil(share) if direction > 0 else int(share))
        widest = (max if direction > 0 else min)(proposals)
        narrowest = (min if direction > 0 else max)(proposals)
        chosen = narrowest if rules.select is Select.MIN else widest
        return max(chosen, current) if direction > 0 else min(chosen, current)

    for index, metric in enumerate(metrics):
        now = 15.0 * index
        ratio = metric / (spec.target * current)
        keep = 1 - down.tolerance <= ratio <= 1 + up.tolerance
        desired = current if keep else ceil(metric / spec.target)
        lowest = min([desired] + [r for at, r in recommended if at > now - up.stabilization_window_seconds])
        highest = max([desired] + [r for at, r in recommended if at > now - down.stabilization_window_seconds])
        wanted = min(max(current, lowest), highest)
        recommended.append((now, desired))
        if wanted > current:
            wanted = min(wanted, limit(up, 1, now), spec.max_replicas)
        elif wanted < current:
            wanted = max(wanted, limit(down, -1, now), spec.min_replicas)
        if wanted != current:
            events.append((now, wanted - current))
        current = wanted
        out.append(current)
    return out


SLOW = (ScalingPolicy(PODS, 2, 60.0), ScalingPolicy(PERCENT, 10, 120.0))


@pytest.mark.parametrize(
    "behavior",
    [
        pytest.param(Behavior(), id="defaults"),
        pytest.param(Behavior(ScalingRules(SLOW, 60.0, Select.MIN), ScalingRules(SLOW, 120.0)), id="slow both ways"),
        pytest.param(Behavior(ScalingRules(SLOW, 0.0), ScalingRules(SLOW, 0.0, Select.MIN, 0.0)), id="no windows"),
        pytest.param(Behavior(scale_down=ScalingRules(SLOW, 300.0, Select.DISABLED)), id="never down"),
    ],
)
def test_it_equals_a_memory_that_keeps_everything(behavior):
    spec = HpaSpec(target=80.0, min_replicas=2, max_replicas=40, behavior=behavior)
    dice = np.random.default_rng(7)
    metrics = np.abs(np.cumsum(dice.normal(0.0, 150.0, 600))) + 100.0 * dice.random(600)

    assert run(spec, metrics, start_replicas=5).tolist() == plain_hpa(spec, metrics.tolist(), 5)


DIRECTIONS = some.builds(
    ScalingRules,
    some.lists(
        some.builds(
            ScalingPolicy,
            some.sampled_from([PODS, PERCENT]),
            some.integers(1, 120),
            some.sampled_from([1.0, 15.0, 20.0, 60.0, 90.0]),
        ),
        max_size=3,
    ).map(tuple),
    some.sampled_from([0.0, 10.0, 15.0, 40.0, 60.0]),
    some.sampled_from(list(Select)),
    some.sampled_from([0.0, 0.1, 0.3]),
)
SPECS = some.builds(
    HpaSpec,
    target=some.sampled_from([0.7, 1.0, 3.0]),
    min_replicas=some.integers(0, 3),
    max_replicas=some.integers(4, 30),
    behavior=some.none() | some.builds(Behavior, DIRECTIONS, DIRECTIONS),
    downscale_stabilization_seconds=some.sampled_from([0.0, 20.0, 45.0]),
)


@given(SPECS, some.lists(some.just(nan) | some.floats(0.0, 60.0), min_size=1, max_size=40), some.integers(0, 40))
def test_a_history_compiled_equals_sync_after_sync(spec, metrics, start):
    state, current, expected = HpaState(scaled_to_zero=start == 0 == spec.min_replicas), start, []
    for index, metric in enumerate(metrics):
        current, state = step(spec, state, metric=metric, current=current, now=1_767_571_200.0 + 15.0 * index)
        expected.append(current)

    assert run(spec, metrics, start_replicas=start).tolist() == expected


def test_while_another_metric_fails_it_raises_but_does_not_lower():
    spec = replace(UNSET, downscale_stabilization_seconds=0.0)
    told = run(spec, [500.0, 500.0, 900.0, 900.0], start_replicas=8, incomplete=[True, False, True, False])

    assert told.tolist() == [8, 5, 9, 9]


def test_a_spec_that_cannot_be_followed_is_refused():
    with pytest.raises(ValueError, match="target 0"):
        HpaSpec(target=0.0)
    with pytest.raises(ValueError, match=r"replicas 4\.\.2"):
        HpaSpec(target=1.0, min_replicas=4, max_replicas=2)

"""The HPA baseline: golden vectors, and against a memory kept the plain way."""

from dataclasses import replace
from math import ceil, nan

import numpy as np
import pytest

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.replay.hpa import HpaSpec, HpaState, run, step

SET = HpaSpec(target=100.0, max_replicas=100, behavior=Behavior())
UNSET = HpaSpec(target=100.0, max_replicas=100)


@pytest.mark.parametrize("spec", [SET, UNSET], ids=["behavior set", "behavior unset"])
@pytest.mark.parametrize(
    ("metric", "current", "replicas"),
    [
        pytest.param(1050.0, 10, 10, id="a ratio of 1.05 is within tolerance"),
        pytest.param(1110.0, 10, 12, id="a ratio of 1.11 is not"),
        pytest.param(nan, 10, 10, id="without a metric nothing changes"),
        pytest.param(None, 10, 10, id="nor with an error for an answer"),
        pytest.param(5000.0, 0, 0, id="zero replicas are switched off"),
        pytest.param(5000.0, 120, 100, id="above the maximum is brought inside before anything else"),
    ],
)
def test_one_sync(spec, metric, current, replicas):
    assert step(spec, HpaState(), metric=metric, current=current, now=0.0)[0] == replicas


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


PODS, PERCENT = PolicyType.PODS, PolicyType.PERCENT
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


def test_a_spec_that_cannot_be_followed_is_refused():
    with pytest.raises(ValueError, match="target 0"):
        HpaSpec(target=0.0)
    with pytest.raises(ValueError, match=r"replicas 4\.\.2"):
        HpaSpec(target=1.0, min_replicas=4, max_replicas=2)

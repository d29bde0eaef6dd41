"""A converted HPA, played beside the HPA: without a forecast the same load gets the same replicas.

The rules coincide where the load is not inside the HPA's tolerance above its target (there a replica is added here, as
what runs no longer serves the load), and, for an HPA without behavior, from 4 replicas on.
"""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from bayescaler.control.settings import Settings
from bayescaler.control.translate import translate
from bayescaler.migrate import Unsaid, from_hpa, from_scaledobject
from bayescaler.policy import (
    Behavior,
    Health,
    Mode,
    Observation,
    PolicyType,
    Rung,
    ScalingPolicy,
    ScalingRules,
    Select,
    State,
    decide,
)
from bayescaler.replay.hpa import HpaSpec, HpaState, step

from .builders import external, hpa, scaled_object

NOON, SYNC_SECONDS, TARGET = 1_767_571_200.0, 15.0, 50.0
PODS, PERCENT = PolicyType.PODS, PolicyType.PERCENT
SETTINGS = Settings(default_server_address="http://prometheus:9090")
SLOW = {
    "scaleUp": {
        "stabilizationWindowSeconds": 45,
        "selectPolicy": "Min",
        "tolerance": "0",
        "policies": [
            {"type": "Pods", "value": 3, "periodSeconds": 60},
            {"type": "Percent", "value": 50, "periodSeconds": 30},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 120,
        "tolerance": "50m",
        "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
    },
}
# The same, as the HPA's own controller has it in memory.
SLOW_RULES = Behavior(
    ScalingRules((ScalingPolicy(PODS, 3, 60.0), ScalingPolicy(PERCENT, 50, 30.0)), 45.0, Select.MIN, 0.0),
    ScalingRules((ScalingPolicy(PERCENT, 10, 60.0),), 120.0, Select.MAX, 0.05),
)
NO_RAISE = {"scaleUp": {"selectPolicy": "Disabled"}, "scaleDown": {"stabilizationWindowSeconds": 0}}
NO_RAISE_RULES = Behavior(
    replace(Behavior().scale_up, select=Select.DISABLED),
    replace(Behavior().scale_down, stabilization_window_seconds=0.0),
)


def policy_of(migrated):
    """What the operator makes of the manifest once its user has switched it on."""
    return replace(translate("shop", "checkout", migrated.manifest, SETTINGS).policy, mode=Mode.AUTO)


def play_ours(policy, loads, start):
    """Replicas after each sync, with live load and no forecast."""
    state, current, replicas = State(), start, []
    for index, load in enumerate(loads):
        seen = Observation(current, current, Health.LIVE, load=float(load))
        decision, state = decide(policy, seen, None, state, now=NOON + SYNC_SECONDS * index)
        assert decision.rung is Rung.REACTIVE
        current = decision.final
        replicas.append(current)
    return replicas


def play_hpa(spec, loads, start):
    state, current, replicas = HpaState(), start, []
    for index, load in enumerate(loads):
        current, state = step(spec, state, metric=float(load), current=current, now=NOON + SYNC_SECONDS * index)
        replicas.append(current)
    return replicas


def wandering_load(seed, n=900):
    """A random walk between one and fifty replicas' worth, with jumps."""
    dice = np.random.default_rng(seed)
    steps = dice.normal(0.0, 0.06, n) + (dice.random(n) < 0.02) * dice.normal(0.0, 0.8, n)
    return TARGET * 12.0 * np.exp(np.clip(np.cumsum(steps), -2.4, 1.4))


def outside_tolerance(spec, loads, start):
    """The loads, those moved up that lie within the tolerance above what the HPA's replicas are to serve."""
    state, current, moved = HpaState(), start, []
    for index, load in enumerate(loads):
        over = load / (TARGET * current)
        moved.append(load * 1.2 if 1.0 < over <= 1.1 else load)
        current, state = step(spec, state, metric=moved[-1], current=current, now=NOON + SYNC_SECONDS * index)
    return moved


@pytest.mark.parametrize("metric", ["Pods", "External"])
@pytest.mark.parametrize(
    ("behavior", "rules"), [(SLOW, SLOW_RULES), (NO_RAISE, NO_RAISE_RULES)], ids=["slow both ways", "never up"]
)
def test_behavior_of_every_kind_gives_the_same_replicas_at_every_sync(metric, behavior, rules):
    metrics = (external(averageValue="50"),) if metric == "External" else ()
    migrated = from_hpa(hpa(*metrics, behavior=behavior), Unsaid(query="sum(queue_length)"))
    spec = HpaSpec(TARGET, 2, 40, rules)
    loads = outside_tolerance(spec, wandering_load(1), 9)

    ours, theirs = play_ours(policy_of(migrated), loads, 9), play_hpa(spec, loads, 9)
    assert ours == theirs
    assert len(set(theirs)) > 5


@pytest.mark.parametrize("seed", range(5))
def test_the_defaults_of_behavior_give_the_same_replicas_outside_the_tolerance(seed):
    migrated = from_hpa(hpa(behavior={}), Unsaid(query="sum(queue_length)"))
    spec = HpaSpec(TARGET, 2, 40, Behavior())
    loads = outside_tolerance(spec, wandering_load(seed), 6)

    ours, theirs = play_ours(policy_of(migrated), loads, 6), play_hpa(spec, loads, 6)
    assert ours == theirs
    assert len(set(theirs)) > 10


@pytest.mark.parametrize("convert", ["HPA", "ScaledObject"])
def test_without_behavior_they_are_the_same_from_four_replicas_on(convert):
    if convert == "HPA":
        migrated = from_hpa(hpa(minReplicas=4), Unsaid(query="sum(queue_length)"))
    else:
        migrated = from_scaledobject(scaled_object(minReplicaCount=4, maxReplicaCount=40))
    spec = HpaSpec(TARGET, 4, 40, None)
    levels = [4.5, 8.3, 16.2, 31.9, 12.4, 5.1, 22.8, 40.0, 7.7]
    loads = np.repeat(np.array(levels) * TARGET, 40)

    ours, theirs = play_ours(policy_of(migrated), loads, 4), play_hpa(spec, loads, 4)
    late = [index for index, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    # Without behavior an HPA counts a recommendation of just 300 s ago as well: its falls come a sync later.
    falls = [40 * (i + 1) + 20 - 1 for i in range(len(levels) - 1) if levels[i + 1] < levels[i]]
    assert late == falls
    assert [theirs[index + 1] for index in late] == [ours[index] for index in late]


@pytest.mark.parametrize(("start", "hpa_replicas", "our_replicas"), [(1, 4, 5), (3, 6, 7), (4, 8, 8), (10, 20, 20)])
def test_without_behavior_the_first_steps_from_fewer_than_four_are_larger_here(start, hpa_replicas, our_replicas):
    policy = policy_of(from_hpa(hpa(minReplicas=1), Unsaid(query="sum(queue_length)")))
    loads = [5000.0]

    assert play_hpa(HpaSpec(TARGET, 1, 40, None), loads, start) == [hpa_replicas]
    assert play_ours(policy, loads, start) == [our_replicas]


@pytest.mark.parametrize("over", [1.01, 1.05, 1.1])
def test_within_the_tolerance_the_hpa_lets_load_pass_and_a_replica_is_added_here(over):
    policy = policy_of(from_hpa(hpa(behavior={}), Unsaid(query="sum(queue_length)")))
    loads = [10 * TARGET * over]

    assert play_hpa(HpaSpec(TARGET, 2, 40, Behavior()), loads, 10) == [10]
    assert play_ours(policy, loads, 10) == [ceil(10 * over - 1e-9)] == [11]


@pytest.mark.parametrize(("load", "replicas"), [(9 * TARGET, 10), (8.99 * TARGET, 9)])
def test_below_the_target_the_tolerance_is_the_same(load, replicas):
    given = hpa(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    rules = Behavior(scale_down=replace(Behavior().scale_down, stabilization_window_seconds=0.0))

    assert play_hpa(HpaSpec(TARGET, 2, 40, rules), [load], 10) == [replicas]
    assert play_ours(policy_of(from_hpa(given, Unsaid(query="q"))), [load], 10) == [replicas]


def test_a_value_target_asks_for_ready_replicas_times_the_ratio():
    policy = policy_of(from_hpa(hpa(external(value="20")), Unsaid(query="avg(queue_length)")))
    ready, metric = 8, 30.0
    assert play_ours(policy, [metric * ready], ready) == [ceil(ready * metric / 20.0)]

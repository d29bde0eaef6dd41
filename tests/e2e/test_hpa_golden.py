"""The lab's HPA held to the real one: equal proposals and replicas at every sync of the controller manager.

One read of the scripted metric is one sync. `step` is given what the controller saw (the scale, the value) and the
times at which it remembered it, so that a loaded machine makes syncs late but none of them different. Windows and
periods end between two syncs, as where they end on one milliseconds decide in the real one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.policy.behavior import begin
from bayescaler.replay.hpa import HpaSpec, HpaState, recommend, step
from harness import binaries as executables
from harness.adapter import MetricsAdapter
from harness.controlplane import ControlPlane, Options
from harness.kwok import StartUp
from harness.manifests import Manifest, deployment, hpa_on_external_metric
from harness.syncs import CONTROLLER_FLAGS, Script, Sync, syncs_of

SYNC_SECONDS = 1.2
WINDOW_SECONDS = 9.0  # seven and a half syncs
SYNCS = 50
DEADLINE_SECONDS = 240.0
AT_ONCE = StartUp(shortest_seconds=0.0, longest_seconds=0.0)
METRIC = "load"

PODS, PERCENT = PolicyType.PODS, PolicyType.PERCENT
TWO = ScalingPolicy(PODS, 2, 3.0)
HALF = ScalingPolicy(PERCENT, 50, 9.0)
AS_EVER = Behavior(scale_down=replace(Behavior().scale_down, stabilization_window_seconds=WINDOW_SECONDS))


def loads(seed: int, highest: float, *, lost: float = 0.05) -> list[float | None]:
    """Levels that are kept for a while, noise about as large as the tolerance, and a share of reads without a value."""
    dice = np.random.default_rng(seed)
    level, told = highest / 2, []
    for _ in range(SYNCS):
        if dice.random() < 0.3:
            level = highest * dice.random() ** 2
        value = round(level * dice.uniform(0.85, 1.15), 3)
        told.append(None if dice.random() < lost else value)
    return told


@dataclass(frozen=True)
class Story:
    """An HPA, the replicas it finds and what its metric tells at each read."""

    spec: HpaSpec
    values: Sequence[float | None]
    start: int = 3


def both(up: ScalingRules, down: ScalingRules) -> HpaSpec:
    return HpaSpec(100.0, 1, 12, Behavior(up, down))


UNSET = HpaSpec(100.0, 1, 12, downscale_stabilization_seconds=WINDOW_SECONDS)
STORIES = {
    "without behavior": Story(UNSET, loads(1, 1400.0)),
    "defaults spelled out": Story(replace(UNSET, behavior=AS_EVER), loads(2, 1400.0)),
    "the least of the policies": Story(
        both(ScalingRules((TWO, HALF), 0.0, Select.MIN), ScalingRules((TWO, HALF), 0.0, Select.MIN)),
        loads(3, 1400.0),
    ),
    "the most of the policies": Story(
        both(ScalingRules((TWO, HALF), 0.0), ScalingRules((ScalingPolicy(PODS, 1, 3.0), HALF), 0.0)),
        loads(4, 1400.0),
    ),
    "windows both ways": Story(
        both(ScalingRules((TWO, HALF), 3.0), ScalingRules((ScalingPolicy(PERCENT, 100, 3.0),), 9.0)), loads(5, 1400.0)
    ),
    "up has the longer window": Story(
        both(ScalingRules(AS_EVER.scale_up.policies, 9.0), ScalingRules((TWO,), 3.0)), loads(6, 1400.0)
    ),
    "never down": Story(both(ScalingRules((TWO,), 0.0), ScalingRules((TWO,), 0.0, Select.DISABLED)), loads(7, 1400.0)),
    "never up": Story(
        both(ScalingRules((TWO,), 0.0, Select.DISABLED), ScalingRules((ScalingPolicy(PODS, 1, 9.0),), 3.0)),
        loads(8, 1400.0),
        start=11,
    ),
    "tolerances of its own": Story(
        both(ScalingRules((TWO,), 0.0, tolerance=0.02), ScalingRules((TWO,), 0.0, tolerance=0.4)), loads(9, 1400.0)
    ),
    "a target with decimals": Story(replace(UNSET, target=11.1, behavior=AS_EVER), loads(10, 150.0)),
    "looks back longer on the way down": Story(
        both(ScalingRules((ScalingPolicy(PODS, 2, 1.0),), 0.0), ScalingRules((ScalingPolicy(PODS, 3, 27.0),), 0.0)),
        loads(11, 1400.0),
    ),
    "to none and back": Story(
        replace(UNSET, min_replicas=0, behavior=Behavior(scale_down=ScalingRules((HALF, TWO), 3.0))),
        [0.0 if (index // 8) % 2 else value for index, value in enumerate(loads(12, 1400.0))],
    ),
    "without behavior to none and back": Story(
        replace(UNSET, min_replicas=0),
        [0.0 if (index // 12) % 2 else value for index, value in enumerate(loads(13, 700.0))],
    ),
    "more than the most at first": Story(UNSET, loads(14, 1400.0), start=15),
}


@pytest.fixture(scope="module")
def control_plane(binaries: executables.Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    options = Options(
        start_up=AT_ONCE,
        hpa_sync_seconds=SYNC_SECONDS,
        hpa_downscale_stabilization_seconds=WINDOW_SECONDS,
        controller_manager_flags=CONTROLLER_FLAGS,
    )
    with ControlPlane(binaries, tmp_path_factory.mktemp("golden"), options) as cluster:
        yield cluster


def rules(told: ScalingRules) -> Manifest:
    return {
        "stabilizationWindowSeconds": int(told.stabilization_window_seconds),
        "selectPolicy": told.select.value,
        "tolerance": str(told.tolerance),
        "policies": [
            {"type": one.type.value, "value": one.value, "periodSeconds": int(one.period_seconds)}
            for one in told.policies
        ],
    }


def manifest(spec: HpaSpec, name: str) -> Manifest:
    behavior = spec.behavior and {"scaleUp": rules(spec.behavior.scale_up), "scaleDown": rules(spec.behavior.scale_down)}
    return hpa_on_external_metric(
        name,
        f"{METRIC}-{name}",
        f"{round(spec.target * 1000)}m",
        minimum=spec.min_replicas,
        maximum=spec.max_replicas,
        behavior=behavior,
    )


@pytest.fixture(scope="module")
def told(control_plane: ControlPlane) -> dict[str, list[Sync[float | None]]]:
    """The syncs of every story, played beside one another."""
    scripts, manifests = {}, []
    with MetricsAdapter(control_plane) as adapter:
        for title, story in STORIES.items():
            name = title.replace(" ", "-")
            scripts[title] = Script(story.values)
            adapter.serve_script("default", f"{METRIC}-{name}", scripts[title])
            control_plane.apply(deployment(name, replicas=story.start, start_up=AT_ONCE))
            manifests.append(manifest(story.spec, name))
        for title, story in STORIES.items():
            control_plane.kubectl("rollout", "status", f"deployment/{title.replace(' ', '-')}", "--timeout=60s")
        control_plane.apply(*manifests)
        for script in scripts.values():
            script.wait_over(DEADLINE_SECONDS)
    return {
        title: syncs_of(control_plane, "default", title.replace(" ", "-"), script) for title, script in scripts.items()
    }


@pytest.mark.parametrize("title", STORIES)
def test_at_every_sync_ours_does_what_the_real_one_does(
    told: dict[str, list[Sync[float | None]]], title: str
) -> None:
    spec, syncs = STORIES[title].spec, told[title]
    state = HpaState(begin(syncs[0].replicas, syncs[0].began))
    ours = []
    for sync in syncs:
        metric = sync.reads[0] if sync.reads else None
        after, state = step(spec, state, metric=metric, current=sync.replicas, now=sync.at)
        ours.append(after)
    for index, (sync, mine) in enumerate(zip(syncs, ours)):
        flag = "" if mine == sync.after else "   <---"
        if sync.running != sync.replicas: flag += " running"
        print(index, round(sync.at - syncs[0].began, 3), sync.reads, sync.replicas, sync.running, sync.proposed, "->", sync.after, mine, (sync.scaled or 0) and round(sync.scaled - sync.at, 3), flag)
    print("gaps", min(b.at - a.at for a, b in pairwise(syncs)), max(b.at - a.at for a, b in pairwise(syncs)))
    assert ours == [sync.after for sync in syncs]
    assert len(syncs) >= SYNCS

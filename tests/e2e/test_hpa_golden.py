"""The lab's HPA held to the real one: equal proposals and replicas at every sync of the controller manager.

One read of the scripted metric is one sync. `step` is given what the controller saw (the scale, the value) and the
times at which it remembered it. Those come on a beat, and windows and periods end half a beat from any: where they end
on a sync, milliseconds decide in the real one. So a loaded machine makes syncs late, but none of them different.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest
from harness import binaries as executables
from harness.adapter import MetricsAdapter
from harness.controlplane import ControlPlane, Options
from harness.fleet import NEVER, Fleet
from harness.kwok import StartUp
from harness.manifests import Manifest, deployment, hpa_on_cpu, hpa_on_external_metric
from harness.process import wait_until
from harness.syncs import CONTROLLER_FLAGS, Script, Sync, syncs_of

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.replay.behavior import begin
from bayescaler.replay.hpa import HpaSpec, HpaState, recommend, rules_of, step
from bayescaler.replay.kernels.controller import NOTHING, pods_proposal

SYNC_SECONDS = 0.6
BEAT_SECONDS = 1.2  # of each metric: who comes late waits for the next
WINDOW_SECONDS = 9.0  # seven beats and a half
SYNCS = 60
DEADLINE_SECONDS = 240.0
AT_ONCE = StartUp(shortest_seconds=0.0, longest_seconds=0.0)
T = TypeVar("T")

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
    starved: bool = False  # no pod is ever made

    @property
    def script(self) -> Sequence[float | None]:
        """What is read, the replicas it finds first: so it does not matter when exactly it found them."""
        return (self.spec.target * self.start, *self.values)


def both(up: ScalingRules, down: ScalingRules) -> HpaSpec:
    return HpaSpec(100.0, 1, 12, Behavior(up, down))


AT_WILL = ScalingRules((ScalingPolicy(PODS, 20, 1.0),), 0.0)
# Of 0.7 a pod: three, a tenth more and a tenth less; six likewise, twelve likewise.
EDGES = (2.1, 2.31, 1.89, 2.32, 4.2, 4.62, 3.78, 4.61, 8.4, 9.24, 7.56, 9.0)
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
    "on the edges of the tolerance": Story(
        HpaSpec(0.7, 1, 14, Behavior(AT_WILL, AT_WILL)), EDGES * (SYNCS // len(EDGES))
    ),
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
    "fewer than the fewest at first": Story(replace(UNSET, min_replicas=4), loads(15, 1400.0), start=2),
    "without any of its pods": Story(replace(UNSET, behavior=AS_EVER), loads(16, 1400.0), starved=True),
}
DISABLED = ScalingRules((TWO,), 0.0, Select.DISABLED)


FLEETS = {
    # 145 % of 35 % are 29 pods of 7, and by float noise 30.
    "all measured": Fleet(35, 7),
    "one without a sample": Fleet(50, 6, missing=1),
    "some not ready": Fleet(60, 4, pending=2, unready=1),
    "all kinds": Fleet(70, 3, missing=1, pending=1, unready=1, lost=1),
    "more than they request": Fleet(150, 4, missing=2, pending=1),
}
REQUEST = 500  # millicores
# In percent of the request, on either side of the edges of every fleet; None is an empty answer.
USED = (0, 1, 20, 31, 32, 35, 38, 39, 44, 45, 50, 55, 56, 60, 66, 67, 69, 70, 71, None, 77, 78, 84, 90, 95, 100, 105)
MORE = (110, 116, 117, 120, 125, 130, 135, 136, 140, 145, 150, 151, 165, 166, 180, 200, 250, 290, 300, 0, None, 1000)


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


def name_of(title: str) -> str:
    return title.replace(" ", "-")


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


def workload(title: str, story: Story) -> Manifest:
    made = deployment(name_of(title), replicas=story.start, start_up=AT_ONCE)
    if story.starved:
        made["spec"]["template"]["spec"]["serviceAccountName"] = "not-there"
    return made


def manifest(title: str, spec: HpaSpec) -> Manifest:
    behavior = spec.behavior and {
        "scaleUp": rules(spec.behavior.scale_up),
        "scaleDown": rules(spec.behavior.scale_down),
    }
    return hpa_on_external_metric(
        name_of(title),
        name_of(title),
        f"{round(spec.target * 1000)}m",
        minimum=spec.min_replicas,
        maximum=spec.max_replicas,
        behavior=behavior,
    )


def usage(pods: Mapping[str, Sequence[str]]) -> list[Mapping[str, int]]:
    """Millicores by pod at each read, of all that have a sample alike."""
    quiet = {*pods["missing"], *pods["pending"]}
    names = [name for kind in pods.values() for name in kind if name not in quiet]
    return [{} if percent is None else dict.fromkeys(names, percent * REQUEST // 100) for percent in (*USED, *MORE)]


@dataclass(frozen=True)
class Told:
    """The syncs of every story and fleet."""

    stories: Mapping[str, Sequence[Sync[float | None]]]
    fleets: Mapping[str, Sequence[Sync[Mapping[str, int]]]]


@pytest.fixture(scope="module")
def adapter(control_plane: ControlPlane) -> Iterator[MetricsAdapter]:
    with MetricsAdapter(control_plane) as adapter:
        yield adapter


@pytest.fixture(scope="module")
def told(control_plane: ControlPlane, adapter: MetricsAdapter) -> Told:
    """All of them, played beside one another."""
    control_plane.apply(
        *(workload(title, story) for title, story in STORIES.items()),
        *(
            deployment(name_of(title), replicas=fleet.pods, cpu_request=f"{REQUEST}m", start_up=NEVER)
            for title, fleet in FLEETS.items()
        ),
    )
    offsets = iter(np.linspace(0.0, BEAT_SECONDS, len(FLEETS) + len(STORIES), endpoint=False).tolist())

    def on_a_beat(values: Sequence[T]) -> Script[T]:
        return Script(values, beat_seconds=BEAT_SECONDS, offset_seconds=next(offsets))

    fleets = {title: on_a_beat(usage(fleet.settle(control_plane, name_of(title)))) for title, fleet in FLEETS.items()}
    stories = {title: on_a_beat(story.script) for title, story in STORIES.items()}
    for title, loads_of in stories.items():
        adapter.serve_script("default", name_of(title), loads_of)
    for title, usage_of in fleets.items():
        adapter.serve_usage("default", f"app={name_of(title)}", usage_of)
    for title, story in STORIES.items():
        if not story.starved:
            control_plane.kubectl("rollout", "status", f"deployment/{name_of(title)}", "--timeout=60s")
    still = {"scaleUp": rules(DISABLED), "scaleDown": rules(DISABLED)}
    control_plane.apply(
        *(manifest(title, story.spec) for title, story in STORIES.items()),
        *(hpa_on_cpu(name_of(title), fleet.target, behavior=still) for title, fleet in FLEETS.items()),
    )
    for script in (*stories.values(), *fleets.values()):
        script.wait_over(DEADLINE_SECONDS)
    return Told(
        {title: syncs_of(control_plane, "default", name_of(title), script) for title, script in stories.items()},
        {title: syncs_of(control_plane, "default", name_of(title), script) for title, script in fleets.items()},
    )


def change_at(state: HpaState, sync: Sync[float | None]) -> HpaState:
    """Return `state` with the change of a sync at the time at which the scale had been set."""
    history = state.history
    if history is None or sync.scaled is None:
        return state
    ups, downs = (
        tuple((sync.scaled if at == sync.at else at, change) for at, change in events)
        for events in (history.ups, history.downs)
    )
    return replace(state, history=replace(history, ups=ups, downs=downs))


@pytest.mark.parametrize("title", STORIES)
def test_at_every_sync_ours_does_what_the_real_one_does(told: Told, title: str) -> None:
    spec, syncs = STORIES[title].spec, told.stories[title]
    state, ours = HpaState(begin(syncs[0].replicas, syncs[0].began)), []
    for sync in syncs:
        metric = sync.reads[0] if sync.reads else None
        after, state = step(spec, state, metric=metric, current=sync.replicas, running=sync.running, now=sync.at)
        state = change_at(state, sync)
        ours.append(after)

    assert ours == [sync.after for sync in syncs]
    assert [sync.reads for sync in syncs if sync.reads] == [(value,) for value in STORIES[title].script]
    assert len(set(ours)) > 1, "it moved"


@pytest.mark.parametrize("title", STORIES)
def test_every_value_asks_ours_for_as_many_as_the_real_one(told: Told, title: str) -> None:
    asked = [sync for sync in told.stories[title] if sync.proposed is not None]
    ours = [recommend(STORIES[title].spec, sync.reads[0] or 0.0, sync.running) for sync in asked]

    assert ours == [sync.proposed for sync in asked]
    assert len(asked) == sum(value is not None for value in STORIES[title].script)


@pytest.mark.parametrize("title", FLEETS)
def test_every_use_of_the_pods_asks_ours_for_as_many_as_the_real_one(told: Told, title: str) -> None:
    fleet, syncs = FLEETS[title], told.fleets[title]
    measured = fleet.measured + fleet.lost
    ours = [
        pods_proposal(
            rules_of(HpaSpec(fleet.target), SYNC_SECONDS),
            float(measured * max(sync.reads[0].values(), default=0)),
            measured if sync.reads[0] else 0,
            fleet.missing,
            fleet.pending + fleet.unready,
            float(REQUEST),
            fleet.target,
            sync.replicas,
        )
        for sync in syncs
    ]

    assert ours == [NOTHING if sync.proposed is None else sync.proposed for sync in syncs]
    assert {sync.after for sync in syncs} == {fleet.pods}, "it only proposes"
    assert len(syncs) == len(USED) + len(MORE)


def test_ours_as_the_real_one_is_off_where_somebody_else_scaled_to_none(
    control_plane: ControlPlane, adapter: MetricsAdapter
) -> None:
    spec, script = replace(UNSET, min_replicas=0), Script([500.0], beat_seconds=BEAT_SECONDS)
    adapter.serve_script("default", "switched-off", script)
    control_plane.apply(deployment("switched-off", replicas=0), manifest("switched off", spec))

    def disabled() -> bool:
        conditions = control_plane.get("hpa", "switched-off")["status"].get("conditions", [])
        return any(one["type"] == "ScalingActive" and one["reason"] == "ScalingDisabled" for one in conditions)

    wait_until(disabled, "the HPA says that it is off")
    assert step(spec, HpaState(), metric=500.0, current=0, now=0.0)[0] == 0
    assert script.reads == []


def test_what_was_compared_is_told(told: Told, tell: Callable[[str], None]) -> None:
    lines = ["story                                syncs  changes  with pods on their way  seconds between decisions"]
    for title, syncs in (*told.stories.items(), *told.fleets.items()):
        gaps = [after - before for before, after in pairwise(one.decided for one in syncs if one.decided)]
        changes = sum(one.after != one.replicas for one in syncs)
        under_way = sum(one.running != one.replicas for one in syncs)
        lines.append(f"{title:36} {len(syncs):5}  {changes:7}  {under_way:22}  {min(gaps):.2f} to {max(gaps):.2f}")
    tell("\n".join(lines))
    assert sum(len(syncs) for syncs in told.stories.values()) >= SYNCS * len(STORIES)

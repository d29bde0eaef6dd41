"""Somebody else on the target: each told apart, said with its cure, and never fought."""

import pytest

from bayescaler.policy.reasons import Limiter
from bayescaler.sandbox.server import Fault

from .floors import NEEDED, Floors
from .worlds import (
    MINUTE,
    SCALED_OBJECT,
    SCALED_OBJECTS,
    SHORT,
    TICK,
    autoscaler,
    deployment,
    hpa,
    impatient_recovery,
    scaled_object,
)


@pytest.fixture
async def world(monkeypatch):
    """Load 510/s at 50/s a pod."""
    impatient_recovery(monkeypatch)
    async with Floors() as made:
        made.feed(510.0, days=0.2)
        yield made


def message(world, kind="Conflicted"):
    return next(c for c in world.status()["conditions"] if c["type"] == kind)["message"]


async def begin(world, *others, replicas=3, **spec):
    await world.begin(deployment(replicas=replicas), *others, autoscaler(**SHORT | spec))
    await world.run(2 * MINUTE)


async def scaled_by_hand(world, replicas):
    """Scale, let the watch tell of it, and let one tick pass."""
    world.scale_by_hand(replicas)
    await world.advance(TICK)
    await world.tick()


async def test_beside_a_foreign_hpa_decisions_are_told_and_not_applied(world):
    await begin(world, hpa())
    assert world.replicas() == 3
    assert world.condition("Conflicted") == ("True", "HorizontalPodAutoscaler")
    assert message(world) == (
        'HorizontalPodAutoscaler "web" scales Deployment "web" too, so decisions are not applied; delete it, '
        "or let both work by mode: Floor"
    )
    assert world.condition("Ready") == ("False", "HorizontalPodAutoscaler")
    assert world.status()["desiredReplicas"] == 11, "at most 300 % more at once, from the three that run"
    assert world.status()["lastDecision"]["message"].endswith('not applied: HorizontalPodAutoscaler "web" scales it')
    assert world.decision().withheld is Limiter.CONFLICT
    await world.until(lambda: world.said("HorizontalPodAutoscaler"), "an Event says so")


async def test_once_the_hpa_is_gone_decisions_are_applied(world):
    await begin(world, hpa())
    world.server.delete("autoscaling/v2", "HorizontalPodAutoscaler", "web")
    await world.until(lambda: world.stored() is None, "the watch tells of it")
    await world.run(MINUTE)
    assert world.replicas() == NEEDED
    assert world.condition("Conflicted") == ("False", "NoConflict")


async def test_not_even_the_first_tick_of_a_restarted_operator_writes_over_an_hpa(world):
    await begin(world, hpa())
    since = len(world.requests)
    await world.restart()
    await world.run(MINUTE)
    assert ("deployments", "scale") not in world.writes(since)


async def test_an_hpa_of_another_target_is_nobodys_conflict(world):
    other = hpa("other")
    other["spec"]["scaleTargetRef"]["name"] = "other"
    await begin(world, other)
    assert (world.replicas(), world.condition("Conflicted")) == (NEEDED, ("False", "NoConflict"))


async def test_beside_an_hpa_mode_observe_has_no_conflict(world):
    await begin(world, hpa(), mode="Observe")
    assert world.condition("Conflicted") == ("False", "NoConflict")


@pytest.mark.parametrize("seen", ["both", "its HPA alone"])
async def test_keda_is_named_whether_its_object_or_only_its_hpa_is_seen(world, seen):
    owner = {"apiVersion": SCALED_OBJECT[0], "kind": "ScaledObject", "name": "shop", "uid": "made-by-keda"}
    others = [hpa("keda-hpa-shop", ownerReferences=[owner])]
    if seen == "both":
        world.apply(SCALED_OBJECTS)
        await world.restart()
        others.append(scaled_object("shop"))
    await begin(world, *others)
    assert world.replicas() == 3
    assert world.condition("Conflicted") == ("True", "ScaledObject")
    assert message(world).startswith('ScaledObject "shop" scales Deployment "web" too')


async def test_two_of_ours_on_one_target_are_a_conflict_of_the_younger(world):
    await begin(world)
    late = autoscaler("late", scaleTargetRef={"kind": "Deployment", "name": "web"})
    await world.begin(late)
    await world.run(MINUTE)
    assert world.condition("Conflicted", "late") == ("True", "TargetTaken")
    assert world.condition("Conflicted") == ("False", "NoConflict")


async def test_a_hand_edit_is_the_new_current_is_said_for_a_while_and_kept_as_long_as_a_recommendation_is(world):
    await begin(world)
    await scaled_by_hand(world, 20)
    assert world.condition("Conflicted") == ("True", "ReplicasEdited")
    assert message(world).startswith("spec.replicas was set from 11 to 20 by ")
    await world.until(lambda: world.said("ReplicasEdited"), "an Event says so")
    assert world.decision().limiter is Limiter.SCALE_DOWN_STABILIZATION
    seen = await world.run(4 * MINUTE)
    assert set(seen) == {20}, "the window of five minutes holds it"
    seen = await world.run(2 * MINUTE)
    assert seen[-1] == NEEDED
    await world.run(5 * MINUTE)
    assert world.condition("Conflicted") == ("False", "NoConflict")


async def test_what_runs_is_served_whatever_somebody_set_by_hand(world):
    await begin(world)
    await scaled_by_hand(world, 4)
    await world.run(MINUTE)
    assert world.replicas() == NEEDED


async def test_gitops_that_takes_every_write_back_is_told_apart_and_left_alone(world):
    await begin(world)
    seen = []
    for _ in range(3):
        await scaled_by_hand(world, 3)
        seen += await world.run(2 * TICK)
    assert world.replicas() == 3
    assert world.condition("Conflicted") == ("True", "GitOpsReverting")
    assert "Take spec.replicas out of the manifest" in message(world)
    await world.restart()
    since = len(world.requests)
    await world.run(13 * MINUTE)
    assert world.condition("Conflicted") == ("True", "GitOpsReverting"), "known over a restart"
    assert ("deployments", "scale") not in world.writes(since)
    await world.run(3 * MINUTE)
    assert world.replicas() == NEEDED, "tried again"
    await scaled_by_hand(world, 3)
    assert world.condition("Conflicted") == ("True", "GitOpsReverting"), "known by the first"


async def test_an_api_server_that_shows_no_autoscalers_costs_only_the_knowledge_of_them(world):
    world.server.faults.add(Fault(match=lambda r: r.resource == "horizontalpodautoscalers", status=403, times=None))
    await world.restart()
    await begin(world)
    assert world.replicas() == NEEDED
    assert world.condition("Conflicted") == ("False", "AutoscalersNotRead")
    assert "grant list and watch on them" in message(world)


async def test_until_an_api_server_that_is_busy_has_shown_the_autoscalers_nothing_is_applied(world):
    busy = Fault(match=lambda r: r.resource == "horizontalpodautoscalers", status=503, times=None)
    world.server.faults.add(busy)
    await world.restart()
    await begin(world)
    assert (world.replicas(), world.condition("Conflicted")) == (3, ("True", "AutoscalersNotRead"))
    world.server.faults.clear()
    await world.until(lambda: world.operator.scalers.known, "they are listed")
    await world.run(MINUTE)
    assert (world.replicas(), world.condition("Conflicted")) == (NEEDED, ("False", "NoConflict"))

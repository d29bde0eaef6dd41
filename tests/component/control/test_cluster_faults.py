"""When the cluster moves under the operator: nothing is fought, nothing old lives on, and it recovers by itself."""

import asyncio

import pytest

from bayescaler.cluster.scalers import ScalerKind
from bayescaler.policy.reasons import Limiter, Rung
from bayescaler.sandbox.server import Fault

from .worlds import CRD, MINUTE, SHORT, TICK, World, autoscaler, deployment, impatient_recovery, rollout, rollouts


def scaling(request):
    return request.verb == "patch" and request.subresource == "scale"


@pytest.fixture
async def world(monkeypatch):
    """Load 510/s at 50/s a pod, and as many pods as that needs."""
    impatient_recovery(monkeypatch)
    async with World() as made:
        made.feed(510.0, days=0.2)
        yield made


async def steady(world, replicas=11, **spec):
    await world.begin(deployment(replicas=replicas), autoscaler(**SHORT | spec))
    return (await world.run(2 * MINUTE))[-1]


async def test_while_the_api_server_is_away_nothing_crashes_and_afterwards_it_goes_on(world):
    before = await steady(world)
    world.scale_by_hand(before - 4)
    await world.advance(0)
    await world.server.faults.partition()
    for _ in range(8):
        world.clock.advance(TICK)
        await world.tick()
    web = world.workload("web")
    assert web.write_problem.reason == "FailedUpdateScale"
    assert (web.decision.rung, web.decision.final) == (Rung.PREDICTIVE, before)
    await world.until(lambda: not world.operator.may_scale_in(), "the loss of the watch is noticed")
    await world.server.faults.heal()
    await world.until(world.operator.may_scale_in, "listed anew")
    await world.run(MINUTE)
    assert world.replicas() == before
    assert world.condition("AbleToScale") == ("True", "SucceededGetScale")
    assert world.operator.live() is None
    assert world.operator.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "tick"}) is None


async def test_nothing_is_lowered_between_the_loss_of_the_watch_and_the_next_list(world):
    at_once = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    before = await steady(world, **at_once)
    world.scale_by_hand(before + 6)
    await world.advance(0)
    listing = asyncio.Event()
    lists = Fault(match=lambda r: r.verb == "list" and r.resource == "deployments", hold=listing, times=None)
    world.server.faults.add(lists)
    world.server.faults.expire_watches()
    await world.until(lambda: not world.operator.targets.synced, "the watch is lost")
    world.clock.advance(TICK)
    await world.tick()
    assert world.decision().limiter is Limiter.SCALE_IN_HELD
    assert "until cluster, history and newest load have been read" in world.decision().message
    assert world.replicas() == before + 6
    world.server.faults.clear()
    listing.set()
    await world.until(world.operator.may_scale_in, "listed anew")
    assert (await world.run(TICK)) == [before]


async def test_a_raise_does_not_wait_until_other_autoscalers_are_listed_anew(world):
    before = await steady(world)
    listing = asyncio.Event()
    kind = "horizontalpodautoscalers"
    world.server.faults.add(Fault(match=lambda r: r.verb == "list" and r.resource == kind, hold=listing, times=None))
    world.server.faults.expire_watches()
    watch = world.operator.scalers.watches[ScalerKind.HPA][0]
    await world.until(lambda: watch.synced_at is None, "the watch is lost")
    world.scale_by_hand(before - 4)
    await world.until(lambda: world.operator.targets.get("Deployment", "default", "web").replicas < before, "seen")
    await world.run(TICK)
    assert (world.replicas(), watch.synced_at) == (before, None)
    world.server.faults.clear()
    listing.set()


async def test_a_deletion_lost_in_a_410_leaves_no_ghost(world):
    await steady(world)
    await world.server.faults.partition()
    world.server.delete(*CRD, "web")
    world.server.compact()
    await world.server.faults.heal()
    await world.until(lambda: len(world.operator.registry) == 0, "the ghost is dropped")
    since = len(world.requests)
    for _ in range(4):
        world.clock.advance(TICK)
        await world.tick()
    assert world.writes(since) == []


async def test_a_recreated_namesake_inherits_neither_status_nor_posterior_nor_window(world):
    world.feed(110.0, name="small_total", days=0.2)
    await steady(world)
    old = world.workload("web")
    row_of_old = old.seat.bank.buckets_seen(old.seat.row)
    world.server.delete(*CRD, "web")
    obj = autoscaler(query="sum(rate(small_total[1m]))", behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    world.apply({**obj, "spec": obj["spec"] | SHORT})
    await world.settle()
    new = world.workload("web")
    assert (old.gone, new is old) == (True, False)
    assert row_of_old > 0
    await world.run(TICK)
    assert world.replicas() == 3, "110/s, not the 510/s of the predecessor"
    assert new.seat.bank.predict(new.seat.row).quantile(0.999) < 200.0
    assert (new.decision.at, world.status()["observedGeneration"]) == (world.clock.now(), 1)
    assert new.decision.at > old.decision.at
    assert len(new.seat.bank) == 1, "the predecessor's row is given back"


async def test_a_status_meant_for_the_predecessor_is_not_written_to_its_namesake(world):
    await steady(world)
    hold = asyncio.Event()
    statuses = Fault(match=lambda r: r.subresource == "status" and r.verb == "patch", hold=hold, times=1)
    world.server.faults.add(statuses)
    world.scale_by_hand(3)
    await world.advance(0)
    ticking = asyncio.create_task(world.tick())
    await world.until(lambda: statuses.hits == 1, "the status is on its way")
    world.server.delete(*CRD, "web")
    world.apply(autoscaler(paused=True))
    hold.set()
    await ticking
    assert world.status() == {}


async def test_a_scale_by_hand_that_comes_between_decision_and_patch_is_not_fought_in_that_tick(world):
    before = await steady(world)
    world.scale_by_hand(before - 5)
    await world.advance(TICK)
    hold = asyncio.Event()
    patches = world.server.faults.add(Fault(match=scaling, hold=hold))
    ticking = asyncio.create_task(world.tick())
    await world.until(lambda: patches.hits == 1, "the patch is on its way")
    world.scale_by_hand(before - 2)
    hold.set()
    await ticking
    assert world.replicas() == before - 2
    assert world.workload("web").write_problem is None
    assert (await world.run(TICK)) == [before], "the next tick decides on what it sees"


async def test_a_server_that_asks_for_patience_gets_it(world):
    before = await steady(world)
    waited, gate = [], world.operator.loop._actuator._gate
    now = [0.0]

    async def sleep(seconds):
        waited.append(seconds)
        now[0] += seconds

    gate._sleep, gate._clock = sleep, lambda: now[0]
    world.server.faults.add(Fault(match=scaling, status=429, retry_after=7, times=2))
    world.scale_by_hand(before - 5)
    assert (await world.run(TICK)) == [before]
    assert waited == [7.0, 7.0]


async def test_a_refused_write_is_said_until_it_works_and_harms_no_other(world):
    world.apply(deployment("other", 1), autoscaler("other", **SHORT))
    before = await steady(world)
    denied = Fault(match=lambda r: scaling(r) and r.name == "web", status=403, times=None)
    world.server.faults.add(denied)
    world.scale_by_hand(before - 5)
    world.scale_by_hand(before - 5, "other")
    await world.run(MINUTE)
    assert (world.replicas(), world.replicas("other")) == (before - 5, before)
    assert world.condition("AbleToScale") == ("False", "FailedUpdateScale")
    assert ("Warning", "FailedUpdateScale") in await world.events()
    world.server.faults.clear()
    await world.run(2 * TICK)
    assert world.replicas() == before
    assert world.condition("Ready") == ("True", "Ready")


async def test_a_patch_whose_answer_is_lost_is_not_done_twice(world):
    before = await steady(world)
    world.server.faults.add(Fault(match=scaling, drop=True, after=True))
    world.scale_by_hand(before - 5)
    since = len(world.requests)
    await world.run(4 * TICK)
    assert world.replicas() == before
    assert len([r for r in world.requests[since:] if scaling(r)]) == 1
    assert world.condition("AbleToScale") == ("True", "SucceededGetScale")


async def test_a_target_that_is_missing_is_said_and_taken_up_when_it_comes(world):
    world.apply(autoscaler(**SHORT), deployment("unrelated"))
    await world.settle()
    await world.advance(TICK)
    await world.tick()
    assert world.condition("AbleToScale") == ("False", "TargetNotFound")
    (message,) = [c["message"] for c in world.status()["conditions"] if c["type"] == "AbleToScale"]
    assert 'Deployment "web" is not in namespace "default"' in message
    assert ("Warning", "TargetNotFound") in await world.events()
    assert "currentReplicas" not in world.status()
    world.apply(deployment(replicas=7))
    await world.run(MINUTE)
    assert world.replicas() >= 10
    assert world.condition("Ready") == ("True", "Ready")


async def test_any_kind_with_a_scale_subresource_is_sized(world):
    world.apply(rollouts(status={}), deployment(), rollout(8))
    ref = {"scaleTargetRef": {"apiVersion": "example.dev/v1", "kind": "Rollout", "name": "canary"}}
    await world.begin(autoscaler("canary", **ref, **SHORT))
    await world.run(MINUTE)
    stored = world.server.get("example.dev/v1", "Rollout", "canary")
    assert stored["spec"]["replicas"] >= 10
    assert world.condition("Ready", "canary") == ("True", "Ready")
    world.server.delete("example.dev/v1", "Rollout", "canary")
    await world.run(TICK)
    assert world.condition("AbleToScale", "canary") == ("False", "TargetNotFound")


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ({"apiVersion": "v1", "kind": "ConfigMap", "name": "web"}, "NoScale"),
        ({"apiVersion": "nowhere.dev/v1", "kind": "Thing", "name": "web"}, "NoSuchKind"),
    ],
)
async def test_a_target_that_cannot_be_scaled_is_said_with_the_cure(world, ref, reason):
    await world.begin(deployment(), autoscaler(scaleTargetRef=ref, **SHORT))
    await world.run(TICK)
    assert world.condition("Ready") == ("False", reason)
    assert ("Warning", reason) in await world.events()


async def test_an_object_that_the_operator_alone_can_refuse_is_said_and_its_neighbour_sized(world):
    bad = autoscaler("bad", **SHORT)
    bad["spec"]["forecast"] = {"timeZone": "Mars/Olympus"}
    world.apply(bad, deployment("bad", 4))
    assert await steady(world) >= 10
    assert world.condition("Ready", "bad") == ("False", "SpecInvalid")
    (message,) = [c["message"] for c in world.status("bad")["conditions"] if c["type"] == "Ready"]
    assert "spec.forecast.timeZone" in message
    assert world.replicas("bad") == 4

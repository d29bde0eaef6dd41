"""Mode Floor: an HPA's or a ScaledObject's least replicas follow the forecast, and nothing of that is left behind."""

import asyncio

import pytest

from bayescaler.policy.reasons import Limiter
from bayescaler.sandbox.server import Fault

from .floors import NEEDED, Floors, raised
from .worlds import CRD, HPA, MINUTE, SCALED_OBJECT, SCALED_OBJECTS, TICK, hpa, impatient_recovery, scaled_object


@pytest.fixture
async def world(monkeypatch):
    impatient_recovery(monkeypatch)
    async with Floors() as made:
        made.feed(510.0, days=0.2)
        yield made


async def test_the_floor_follows_the_forecast_and_the_replicas_are_the_hpas(world):
    await raised(world)
    assert (world.floor(), world.replicas()) == (NEEDED, 3)
    uid = world.workload("web").uid
    assert world.notes() == {"original-min-replicas": "2", "floor": str(NEEDED), "floor-owner": f"web/{uid}"}
    assert world.condition("Ready") == ("True", "Ready")
    assert world.condition("Conflicted") == ("False", "NoConflict")
    assert (world.status()["currentReplicas"], world.status()["desiredReplicas"]) == (3, NEEDED)
    assert ("Normal", "SuccessfulRescale") in await world.events()
    assert ("deployments", "scale") not in world.writes()


@pytest.mark.parametrize("how", ["paused", "observed", "auto", "deleted"])
async def test_the_floor_is_put_back_when_nobody_uses_it_any_more(world, how):
    await raised(world)
    match how:
        case "paused":
            world.edit(paused=True)
        case "observed":
            world.edit(mode="Observe")
        case "auto":
            world.edit(mode="Auto")
        case "deleted":
            world.server.delete(*CRD, "web")
            await world.until(lambda: len(world.operator.registry) == 0, "it is gone")
    await world.advance(TICK)
    await world.tick()
    assert (world.floor(), world.notes()) == (2, {})
    await world.until(lambda: world.said("FloorRestored"), "an Event of the HPA says so")
    assert world.said("FloorRestored") == ['minReplicas is 2 again: BayesianAutoscaler "web" no longer raises it']


async def test_an_object_deleted_while_no_operator_ran_leaves_no_floor_behind(world):
    await raised(world)
    await world.running.stop()
    world.server.delete(*CRD, "web")
    assert world.floor() == NEEDED
    await world.restart()
    await world.tick()
    assert (world.floor(), world.notes()) == (2, {})


async def test_a_restarted_operator_goes_on_from_the_floor_and_still_knows_the_original(world):
    await raised(world)
    await world.restart()
    await world.run(MINUTE)
    assert (world.floor(), world.notes()["original-min-replicas"]) == (NEEDED, "2")
    world.edit(paused=True)
    await world.run(TICK)
    assert world.floor() == 2


async def test_a_number_written_by_hand_is_the_new_original(world):
    await raised(world)
    world.set_least(20)
    await world.seen(lambda: world.stored().least == 20)
    await world.run(MINUTE)
    assert world.floor() == 20, "the least is theirs"
    assert world.condition("Conflicted") == ("True", "FloorEdited")
    assert world.decision().limiter is Limiter.MIN_REPLICAS
    world.edit(paused=True)
    await world.run(TICK)
    assert (world.floor(), world.notes()) == (20, {})


async def test_a_recreated_hpa_is_claimed_anew_with_its_own_original(world):
    await raised(world)
    world.server.delete(*HPA, "web")
    world.apply(hpa(least=4))
    await world.seen(lambda: world.stored() and world.stored().least == 4)
    await world.run(MINUTE)
    assert (world.floor(), world.notes()["original-min-replicas"]) == (NEEDED, "4")


async def test_gitops_that_puts_its_number_back_is_left_alone_for_a_while(world):
    await raised(world)
    patches = []
    for _ in range(3):
        world.set_least(2)
        await world.seen(lambda: world.stored().least == 2)
        await world.run(2 * TICK)
        patches.append(world.floor())
    assert patches == [NEEDED, NEEDED, 2], "twice it may have been a person"
    assert world.condition("Conflicted") == ("True", "GitOpsReverting")
    assert world.decision().withheld is Limiter.CONFLICT
    since = len(world.requests)
    await world.run(10 * MINUTE)
    assert ("horizontalpodautoscalers", "") not in world.writes(since)
    await world.run(6 * MINUTE)
    assert world.floor() == NEEDED, "tried again"
    world.set_least(2)
    await world.seen(lambda: world.stored().least == 2)
    await world.run(TICK)
    assert world.condition("Conflicted") == ("True", "GitOpsReverting"), "known by the first"


async def test_an_hpa_that_is_deleted_is_said_and_comes_back_by_itself(world):
    await raised(world)
    world.server.delete(*HPA, "web")
    await world.seen(lambda: world.stored() is None)
    await world.run(MINUTE)
    assert world.condition("Ready") == ("False", "AutoscalerNotFound")
    message = next(c for c in world.status()["conditions"] if c["type"] == "AbleToScale")["message"]
    assert message == (
        "mode Floor needs an autoscaler to raise the floor of, and no HorizontalPodAutoscaler or ScaledObject scales "
        'Deployment "web"; create one, or set mode: Auto'
    )
    assert world.decision() is None
    world.apply(hpa())
    await world.seen(lambda: world.stored() is not None)
    await world.run(MINUTE)
    assert world.floor() == NEEDED


async def test_two_hpas_on_the_target_are_both_left_alone(world):
    await raised(world, hpa(), hpa("other"))
    assert (world.floor(), world.floor(name="other")) == (2, 2)
    assert world.condition("AbleToScale") == ("False", "SeveralAutoscalers")
    assert world.condition("Conflicted") == ("True", "SeveralAutoscalers")


async def test_the_floor_stays_within_the_hpas_bounds_and_ours(world):
    await raised(world, hpa(most=7))
    assert world.floor() == 7
    assert world.condition("ScalingLimited") == ("True", "TooManyReplicas")
    world.edit(maxReplicas=5)
    await world.run(7 * MINUTE)
    assert world.floor() == 5


async def test_a_floor_is_not_lowered_while_the_load_is_missing(world):
    await raised(world, fallback={"after": "30s"})
    await world.prometheus.stop()
    await world.run(30 * MINUTE)
    assert world.floor() == NEEDED


async def test_an_hpa_without_a_least_number_gets_its_default_back(world):
    await raised(world, hpa(least=None))
    assert world.floor() == NEEDED
    world.edit(paused=True)
    await world.run(TICK)
    assert (world.floor(), world.notes()) == (1, {})


async def test_of_keda_the_scaled_object_is_raised_and_not_the_hpa_that_keda_makes_of_it(world):
    world.apply(SCALED_OBJECTS)
    owner = {"apiVersion": SCALED_OBJECT[0], "kind": "ScaledObject", "name": "web", "uid": "made-by-keda"}
    await world.restart()
    await raised(world, scaled_object(), hpa("keda-hpa-web", least=1, ownerReferences=[owner]))
    assert (world.floor(SCALED_OBJECT), world.floor(HPA, "keda-hpa-web")) == (NEEDED, 1)
    assert world.notes(SCALED_OBJECT)["original-min-replicas"] == "unset"
    world.edit(paused=True)
    await world.run(TICK)
    assert (world.floor(SCALED_OBJECT), world.notes(SCALED_OBJECT)) == (None, {})


async def test_a_scaled_object_with_a_floor_of_none_is_not_taken_for_switched_off(world):
    world.apply(SCALED_OBJECTS)
    await world.restart()
    await raised(world, scaled_object(minReplicaCount=0), capacity={"perReplica": 5000})
    assert world.floor(SCALED_OBJECT) == 1


def floor_patch(request):
    return request.verb == "patch" and request.resource == "horizontalpodautoscalers"


async def test_a_floor_that_may_not_be_put_back_is_said_and_tried_again_ever_more_rarely(world):
    await raised(world)
    noted = {f"bayescaler.dev/{key}": value for key, value in world.notes().items()}
    other = hpa("other", least=NEEDED, annotations=noted)
    other["spec"]["scaleTargetRef"]["name"] = "other"
    world.apply(other)
    denied = Fault(match=lambda r: floor_patch(r) and r.name == "web", status=403, reason="Forbidden", times=None)
    world.server.faults.add(denied)
    world.server.delete(*CRD, "web")
    await world.until(lambda: len(world.operator.registry) == 0, "it is gone")
    for _ in range(4 * 10):
        await world.advance(TICK)
        await world.tick()
    assert (world.floor(), world.floor(name="other")) == (NEEDED, 2), "the others are put back"
    assert denied.hits == 5, "at once, then after 30, 60, 120 and 240 s"
    await world.until(lambda: world.said("FloorNotRestored"), "an Event of the HPA says so")
    (said,) = world.said("FloorNotRestored")
    assert said.startswith(f"minReplicas stays {NEEDED}, although nothing raises it any more: ")
    assert "grant the verb patch on horizontalpodautoscalers.autoscaling" in said
    world.server.faults.clear()
    for _ in range(4 * 16):
        await world.advance(TICK)
        await world.tick()
    assert (world.floor(), world.notes()) == (2, {})


async def test_a_floor_that_may_not_be_written_says_which_rule_is_missing(world):
    world.server.faults.add(Fault(match=floor_patch, status=403, reason="Forbidden", times=None))
    await raised(world)
    assert world.condition("AbleToScale") == ("False", "FailedUpdateFloor")
    message = next(c for c in world.status()["conditions"] if c["type"] == "AbleToScale")["message"]
    assert message.endswith("grant the verb patch on horizontalpodautoscalers.autoscaling (rbac.floor of the chart)")


async def test_a_floor_that_waits_for_its_turn_while_the_hpa_goes_harms_nothing(world, caplog):
    await raised(world, hpa(least=2), minReplicas=1)
    world.set_least(4)
    await world.seen(lambda: world.stored().least == 4)
    hold = asyncio.Event()
    busy = world.server.faults.add(Fault(match=floor_patch, status=429, retry_after=0, hold=hold))
    ticking = asyncio.create_task(world.tick())
    await world.until(lambda: busy.hits == 1, "the first attempt is under way")
    web = world.workload("web")
    web.scaler = None  # what the next tick sees, once the HPA is deleted
    hold.set()
    await ticking
    assert "object failed" not in caplog.text
    assert world.floor() == NEEDED

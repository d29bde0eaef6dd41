"""What stands outside the load: the calendar, an empty night, a quota, nodes without room, rollouts, other kinds."""

import numpy as np

from bayescaler.policy.reasons import Limiter

from .worlds import HOUR, MINUTE, NOON, World, autoscaler, deployment

AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}
SHORT = {"history": "2h", "seasons": []}


async def test_a_schedule_is_served_when_it_begins_and_given_back_when_it_ends():
    sale = {"name": "sale", "start": "10 13 * * MON", "duration": "20m", "timeZone": "Europe/Berlin", "minReplicas": 15}
    ready = {}
    async with World() as world:
        world.feed(100.0)
        await world.begin(deployment(), autoscaler(schedules=[sale], behavior=AT_ONCE, forecast=SHORT))
        await world.run(35 * MINUTE, lambda w: ready.update({w.clock.now() - NOON: w.ready()}))
        said = world.decision()
    opens, closes = 10 * MINUTE, 30 * MINUTE  # 13:10 in Berlin is 12:10 in Greenwich
    assert ready[opens - 3 * MINUTE] < 15, "not earlier than need be"
    assert all(count >= 15 for at, count in ready.items() if opens <= at < closes)
    assert ready[closes + 2 * MINUTE] < 5
    assert said.limiter is not Limiter.SCHEDULE


async def test_the_schedule_in_force_is_told_in_the_condition_and_the_message():
    sale = {"name": "sale", "start": "* * * * *", "duration": "1h", "minReplicas": 15}
    async with World() as world:
        world.feed(100.0)
        await world.begin(deployment(), autoscaler(schedules=[sale], forecast=SHORT))
        await world.run(2 * MINUTE)
        assert world.replicas() == 15
        assert world.condition("ScalingLimited") == ("True", "Schedule")
        assert "schedule sale asks for at least 15" in world.status()["lastDecision"]["message"]
        world.edit(schedules=[])
        await world.settle()
        await world.run(8 * MINUTE)
        assert world.replicas() < 5


async def test_a_workload_goes_to_zero_after_the_last_request_and_comes_back_with_the_first():
    async with World() as world:
        world.feed(lambda t: np.where((t < NOON + 5 * MINUTE) | (t >= NOON + 40 * MINUTE), 120.0, 0.0))
        load = {"activationThreshold": 5}
        await world.begin(deployment(), autoscaler(minReplicas=0, load=load, forecast=SHORT))
        seen = await world.run(60 * MINUTE)
        minutes = dict(zip(np.arange(1, len(seen) + 1) / 4, seen, strict=True))
        assert minutes[5.0] >= 3
        assert minutes[39.0] == 0
        assert minutes[44.0] >= 3
        assert not [e for e in await world.events() if e[1] == "ScalingDisabled"]


async def test_without_a_threshold_a_long_silence_leads_to_zero_too():
    async with World() as world:
        world.feed(lambda t: np.where(t < NOON - HOUR, 120.0, 0.0))
        await world.begin(deployment(), autoscaler(minReplicas=0, forecast=SHORT))
        await world.run(60 * MINUTE)
        assert world.replicas() == 0


async def test_a_quota_is_said_and_the_number_stands_until_it_is_raised():
    async with World() as world:
        world.feed(lambda t: np.where(t < NOON + 5 * MINUTE, 100.0, 600.0))
        await world.begin(deployment(), autoscaler(forecast=SHORT))
        world.workloads.limit(quota=6)
        await world.run(15 * MINUTE)
        wanted = world.replicas()
        assert wanted >= 12
        assert world.ready() == 6
        assert world.condition("ScalingLimited") == ("True", "QuotaExceeded")
        assert "exceeded quota: pods, requested: pods=1, used: pods=6" in world.status()["lastDecision"]["message"]
        world.workloads.limit()
        await world.run(3 * MINUTE)
        assert world.ready() >= 12
        assert world.condition("ScalingLimited")[1] != "QuotaExceeded"


async def test_pods_that_wait_for_a_node_are_said_and_never_taken_away():
    async with World() as world:
        world.feed(lambda t: np.where(t < NOON + 5 * MINUTE, 100.0, 600.0))
        await world.begin(deployment(), autoscaler(forecast=SHORT))
        world.workloads.limit(room=6)
        seen = await world.run(20 * MINUTE)
        assert seen[-1] >= 12
        assert seen == sorted(seen)
        assert world.condition("ScalingLimited") == ("True", "Unschedulable")
        assert "pods wait for a node: 0/1 nodes are available" in world.status()["lastDecision"]["message"]
        lists = [r for r in world.requests if r.verb == "list" and r.resource == "pods"]
        assert 1 <= len(lists) <= 40, "twice a minute: what pods wait for, and how long they take"
        world.workloads.limit()
        await world.run(3 * MINUTE)
        assert world.condition("ScalingLimited")[1] != "Unschedulable"


async def test_while_a_rollout_replaces_pods_nothing_scales_in_and_afterwards_it_does():
    image = {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}
    during, asked = [], []

    def look(world):
        if world.workload("web").target.rolling_out:
            during.append(world.replicas())
            asked.append(world.decision().raw)

    async with World() as world:
        world.feed(lambda t: np.where(t < NOON + 2 * MINUTE, 600.0, 100.0))
        await world.begin(deployment(replicas=12), autoscaler(behavior=AT_ONCE, forecast=SHORT))
        world.workloads.start_up = lambda _: 120.0
        world.server.patch("apps/v1", "Deployment", "web", {"spec": image})
        await world.settle()
        await world.run(20 * MINUTE, look)
        assert len(during) > 12
        assert min(asked) < 6, "the load fell while it went on"
        assert min(during) >= 12
        assert world.replicas() < 6


async def test_a_stuck_rollout_does_not_hold_for_ever():
    image = {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}
    async with World() as world:
        world.feed(lambda t: np.where(t < NOON + 2 * MINUTE, 600.0, 100.0))
        await world.begin(deployment(replicas=12), autoscaler(behavior=AT_ONCE, forecast=SHORT))
        world.workloads.start_up = lambda _: np.inf
        world.server.patch("apps/v1", "Deployment", "web", {"spec": image})
        seen = await world.run(9 * MINUTE)
        assert min(seen) >= 12
        assert world.decision().limiter is Limiter.ROLLOUT_IN_PROGRESS
        assert world.condition("ScalingLimited") == ("True", "RolloutInProgress")
        await world.run(20 * MINUTE)
        assert world.replicas() < 6

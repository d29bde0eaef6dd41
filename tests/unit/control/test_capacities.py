"""Capacity from utilisation: read beside the tick, learned only from steady buckets, in force when it has moved."""

import asyncio
import math

import pytest

from bayescaler.control.capacities import Capacities, assumed, capacity_of, learning_problems, policy_in_force
from bayescaler.control.collect import Collector
from bayescaler.control.conditions import assess
from bayescaler.control.deciding import decide_one
from bayescaler.policy.reasons import CapacitySource, Health, Limiter, Rung
from bayescaler.sources.port import SourceError

from .builders import NOON, SETTINGS, Book, Load, edited, flat, manifest, metrics, target

LAG = SETTINGS.metric_lag_seconds
LEARN = {"utilizationQuery": "avg(rate(cpu[1m]))", "target": 0.7}
TICK = 15.0


class World:
    """One workload whose replicas are at the target under 50/s each."""

    def __init__(self, *, replicas=4, per_replica=None, load=120.0, **learn):
        capacity = {"learn": LEARN | learn} | ({"perReplica": per_replica} if per_replica else {})
        self.book, self.obj = Book(), manifest(capacity=capacity)
        self.web = self.book.see(self.obj, "ADDED")
        self.now, self.load = NOON, Load(load)
        self.use = Load(lambda t: self.load.rate(t) / self.web.target.ready_replicas / 50.0 * 0.7)
        self.metrics = metrics()
        self.capacities = Capacities(self.use, SETTINGS, self.metrics)
        self.collector = Collector(self.load, SETTINGS, self.metrics)
        self.web.target = target(replicas)

    async def tick(self, seconds=TICK):
        self.now += seconds
        await self.collector.collect([self.web], now=self.now)
        self.capacities.look([self.web], now=self.now)
        await self.capacities.idle()

    async def run(self, seconds):
        for _ in range(round(seconds / TICK)):
            await self.tick()

    def decide(self):
        decide_one(self.web, now=self.now, scale_in_allowed=True, lag_seconds=LAG)
        return self.web.decision

    @property
    def known(self):
        return capacity_of(self.web, self.web.intent)

    @property
    def buckets(self):
        return self.web.serving.evidence.buckets


async def test_a_steady_half_hour_teaches_what_a_replica_serves():
    world = World()
    await world.run(1800)
    assert world.known.source is CapacitySource.LEARNED
    assert world.known.per_replica == pytest.approx(50.0, rel=0.06)
    assert policy_in_force(world.web, world.web.intent).capacity == pytest.approx(world.known.low, rel=0.011)


async def test_a_bucket_teaches_once_however_often_it_is_read():
    world = World()
    await world.run(600)
    assert world.buckets == 7, "ten minutes but two, until somebody had looked for one, and the one still open"


class TestStarting:
    """Buckets in which pods started say what starting costs, not what a replica serves."""

    async def test_nothing_is_learned_while_fewer_are_ready_than_there_are(self):
        world = World()
        world.web.target = target(4, ready=3)
        await world.run(1800)
        assert world.buckets == 0

    async def test_nor_before_the_replicas_have_been_the_same_for_a_minute(self):
        world = World()
        for minute in range(30):
            world.web.target = target(4 + minute % 2)
            await world.run(60)
        assert world.buckets == 0

    async def test_one_more_of_many_is_no_matter(self):
        world = World(replicas=20, load=600.0)
        for minute in range(30):
            world.web.target = target(20 + minute % 2, ready=20)
            await world.run(30)
            world.web.target = target(20 + minute % 2)
            await world.run(30)
        assert world.buckets > 20
        assert world.known.per_replica == pytest.approx(50.0, rel=0.1)

    async def test_nor_across_a_time_in_which_nobody_looked(self):
        world = World()
        for _ in range(20):
            await world.tick(90.0)
        assert world.buckets == 0

    async def test_nor_while_older_pods_are_still_there(self):
        world = World()
        world.web.target = type(world.web.target)("target-1", 4, "app=web", 4, pods=6)
        await world.run(1800)
        assert world.buckets == 0

    async def test_nor_where_nobody_can_tell_how_many_are_ready(self):
        world = World()
        world.use = world.capacities._source = Load(0.4)
        world.web.target = type(world.web.target)("target-1", 4, "app=web", None)
        await world.run(1800)
        assert world.buckets == 0


class TestBeside:
    """The load never waits for the utilisation, and does not suffer with it."""

    async def test_a_tick_does_not_wait_for_it(self):
        world = World()
        world.use.held = asyncio.Event()
        world.now += TICK
        world.capacities.look([world.web], now=world.now)
        reading = world.web.serving.reading
        world.capacities.look([world.web], now=world.now + 60)
        assert world.web.serving.reading is reading, "one at a time"
        assert (world.web.load.health, len(world.use.asked)) == (Health.ABSENT, 0)
        await world.capacities.stop()

    async def test_a_failure_is_said_and_harms_the_load_not(self):
        world = World()
        world.use.error = SourceError("parse error at char 3", reason="QueryFailed")
        await world.run(120)
        assert world.web.load.health is Health.LIVE
        assert learning_problems(world.web) == ["capacity is not learned: utilizationQuery: parse error at char 3"]

    @pytest.mark.parametrize(
        ("use", "told"),
        [(Load(math.nan), "absent"), (Load(0.4, late=120.0), "stale"), (Load(-1.0), "implausible")],
        ids=["absent", "stale", "implausible"],
    )
    async def test_absent_stale_and_implausible_are_told_apart(self, use, told):
        world = World()
        world.capacities = Capacities(use, SETTINGS, world.metrics)
        await world.run(300)
        assert f"utilizationQuery: {told}: " in learning_problems(world.web)[0]

    async def test_saturated_replicas_are_said_and_not_learned_from(self):
        world = World(load=400.0)
        await world.run(1800)
        assert world.buckets == 0
        assert "saturated" in learning_problems(world.web)[0]

    async def test_what_late_data_bring_is_learned_all_the_same(self):
        world = World()
        world.use.late = 60.0
        await world.run(1800)
        assert world.buckets > 20

    async def test_once_known_it_is_read_once_a_minute_however_fine_the_buckets(self):
        world = World(per_replica=50)
        world.web = world.book.see(
            edited(
                world.obj, load={"prometheus": {"query": "x"}, "step": "15s"}, forecast={"history": "2h", "seasons": []}
            )
        )
        await world.run(1200)
        assert len(world.use.asked) <= 21
        assert world.buckets > 60, "and yet every bucket is learned from"


class TestUnknown:
    """Without perReplica, replicas follow the utilisation until the capacity is learned."""

    async def test_as_an_hpa_would(self):
        world = World(load=240.0)  # 60/s each: 84 %
        await world.run(180)
        decision = world.decide()
        assert (decision.rung, decision.limiter, decision.final) == (Rung.REACTIVE, Limiter.REACTIVE, 5)
        assert "4 replicas ready at 84 % utilisation, target 70 %" in decision.message
        assert "what one serves is not known yet" in decision.message

    async def test_also_down(self):
        world = World(replicas=10, load=200.0)
        await world.run(180)
        world.decide()
        assert world.web.decision.raw == 4

    async def test_but_not_while_pods_are_starting(self):
        world = World(replicas=4, load=160.0)
        await world.run(180)
        world.web.target = target(12, ready=4)
        assert world.decide().raw == 12

    async def test_without_utilisation_they_are_held_and_it_is_said(self):
        world = World()
        world.use.error = SourceError("connection refused", reason="ServerUnreachable")
        await world.run(180)
        decision = world.decide()
        assert (decision.limiter, decision.final) == (Limiter.HOLD, 4)
        assert "connection refused" in decision.message

    async def test_an_old_utilisation_is_none(self):
        world = World()
        await world.run(180)
        world.use.error = SourceError("gone")
        await world.run(600)
        assert assumed(world.web, world.web.intent, now=world.now, lag_seconds=LAG).utilization is None
        assert world.decide().final == 4

    async def test_no_ready_replica_is_not_no_use(self):
        world = World()
        world.use = world.capacities._source = Load(0.1)
        await world.run(180)
        world.web.target = target(4, ready=0)
        assert world.decide().final == 4

    async def test_the_condition_says_so(self):
        world = World()
        await world.run(180)
        world.decide()
        world.web.outlook = flat(100.0)
        ready = assess(world.web)[0]
        assert (ready.status, ready.reason) == (False, "CapacityNotLearned")
        assert "of 20 buckets" in ready.message


class TestInForce:
    async def test_a_small_move_keeps_the_policy_and_a_larger_one_makes_another(self):
        world = World(per_replica=50)
        first = policy_in_force(world.web, world.web.intent)
        assert policy_in_force(world.web, world.web.intent) is first
        await world.run(600)
        assert policy_in_force(world.web, world.web.intent) is not first

    async def test_the_decision_says_what_was_assumed_and_where_it_is_from(self):
        world = World(per_replica=50)
        policy = policy_in_force(world.web, world.web.intent)
        assert policy.capacity == pytest.approx(40.0, rel=0.03)
        assert policy.capacity_told.startswith("50/s at 70 % utilisation at best guess, prior: 0 of 20 buckets")
        await world.run(2400)
        told = policy_in_force(world.web, world.web.intent).capacity_told
        assert "at best guess, learned from" in told

    async def test_a_fixed_capacity_is_the_users_word(self):
        web = Book().see(manifest(), "ADDED")
        assert policy_in_force(web, web.intent) is web.intent.policy
        assert capacity_of(web, web.intent).source is CapacitySource.FIXED


class TestEdits:
    async def test_another_maximum_keeps_what_was_learned(self):
        world = World()
        await world.run(1800)
        world.book.see(edited(world.obj, maxReplicas=99))
        assert (world.buckets > 20, policy_in_force(world.web, world.web.intent).max_replicas) == (True, 99)

    async def test_another_utilisation_begins_anew(self):
        world = World()
        await world.run(1800)
        world.book.see(edited(world.obj, capacity={"learn": LEARN | {"utilizationQuery": "avg(memory)"}}))
        assert world.buckets == 0

    async def test_nor_does_a_mistake_meanwhile_save_it(self):
        world = World()
        await world.run(1800)
        mistaken = edited(world.obj, capacity={})
        world.book.see(mistaken)
        world.book.see(edited(mistaken, capacity={"learn": LEARN | {"utilizationQuery": "avg(memory)"}}))
        assert world.buckets == 0

    async def test_a_mistake_that_is_taken_back_costs_nothing(self):
        world = World()
        await world.run(1800)
        mistaken = edited(world.obj, capacity={})
        world.book.see(mistaken)
        assert world.web.intent is None
        world.book.see(edited(mistaken, capacity={"learn": LEARN}))
        assert world.buckets > 20

    async def test_another_target_is_another_capacity_of_the_same_line(self):
        world = World()
        await world.run(1800)
        before = world.known.per_replica
        world.book.see(edited(world.obj, capacity={"learn": LEARN | {"target": 0.35}}))
        world.web.serving.capacity = None
        assert world.known.per_replica == pytest.approx(before / 2, rel=0.1)

    async def test_a_rollout_makes_it_unsure(self):
        world = World()
        await world.run(3600)
        before = world.known
        world.web.starts.rollouts += 1
        await world.tick()
        assert world.known.low < 0.9 * before.low
        assert world.known.per_replica == pytest.approx(before.per_replica, rel=0.05)

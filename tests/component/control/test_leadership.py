"""Two processes of the operator, one Lease: one writes, the other keeps warm and takes over."""

import asyncio
from dataclasses import replace

import pytest

from bayescaler.cluster.errors import Unreachable
from bayescaler.cluster.lease import LeaseElector
from bayescaler.control import service
from bayescaler.sandbox.server import Fault

from .worlds import MINUTE, SETTINGS, TICK, World, autoscaler, deployment, impatient_recovery

SHORT = {"forecast": {"history": "2h", "seasons": []}}


class Candidate(LeaseElector):
    """The elector in simulated time; `busy` while a request of its is under way."""

    world: World

    def __init__(self, *args, **callbacks):
        clock = self.world.clock
        times = {"clock": clock.now, "wall_clock": clock.now, "sleep": self._wait, "jitter": lambda: 0.0}
        super().__init__(*args, **callbacks, **times)
        self.busy = False

    async def _wait(self, seconds):
        due = asyncio.get_running_loop().create_future()
        timer = self.world.clock.call_later(seconds, lambda: due.done() or due.set_result(None))
        try:
            await due
        finally:
            timer.cancel()

    async def _try(self):
        self.busy = True
        try:
            await super()._try()
        finally:
            self.busy = False


class Pair:
    """Two operators on one cluster, and time that leaves their electors room to breathe."""

    def __init__(self, world, one, two):
        self.world, self.one, self.two = world, one.operator, two.operator
        self.processes = (one, two)

    async def pass_seconds(self, seconds):
        candidates = (self.one.elector, self.two.elector)
        for _ in range(round(seconds)):
            self.world.clock.advance(1.0)
            for _ in range(3):
                await asyncio.sleep(0)
            await self.world.until(lambda: not any(c.busy for c in candidates), "the electors are done")
        await self.world.advance(0)

    async def first_ends(self):
        """The first process ends; from now on the world waits for what the second one knows."""
        await self.processes[0].stop()
        self.world.operator = self.two

    async def tick_both(self):
        """One tick of each; returns who wrote to the scale of `web`."""
        before = len(self.world.requests)
        await self.one.loop.tick(now=self.world.clock.now())
        by_one = scale_writes(self.world, before)
        between = len(self.world.requests)
        await self.two.loop.tick(now=self.world.clock.now())
        return by_one, scale_writes(self.world, between)


def scale_writes(world, since):
    return len([r for r in world.requests[since:] if r.verb == "patch" and r.subresource in {"scale", "status"}])


@pytest.fixture
async def pair(monkeypatch):
    impatient_recovery(monkeypatch)
    monkeypatch.setattr(service, "LeaseElector", Candidate)
    world = World(settings=replace(SETTINGS, leader_election=True, identity="one"))
    monkeypatch.setattr(Candidate, "world", world, raising=False)
    async with world:
        world.feed(500.0, days=0.2)
        await world.until(lambda: world.operator.elector.is_leader, "the first one leads")
        second = await world.start_operator(identity="two")
        made = Pair(world, world.running, second)
        await world.begin(deployment(replicas=8), autoscaler(**SHORT))
        await world.until(lambda: len(made.two.registry) == 1, "the second one knows the object")
        await made.two.warmup.idle()
        await made.pass_seconds(TICK)
        yield made


async def test_one_writes_and_the_other_keeps_warm(pair):
    assert (pair.one.may_write(), pair.two.may_write()) == (True, False)
    by_one, by_two = await pair.tick_both()
    assert (by_one, by_two) == (2, 0)
    assert pair.world.replicas() >= 10
    warm = pair.two.registry.get(("default", "web"))
    assert warm.outlook is not None
    assert warm.decision.final >= 10
    leads = [o.metrics.registry.get_sample_value("bayescaler_leader") for o in (pair.one, pair.two)]
    assert leads == [1.0, 0.0]


async def test_a_leader_that_ends_hands_over_at_once_and_there_is_no_dip(pair):
    await pair.tick_both()
    before = pair.world.replicas()
    await pair.first_ends()
    await pair.pass_seconds(5.0)
    assert pair.two.may_write()
    pair.world.scale_by_hand(before - 3)
    await pair.pass_seconds(TICK)
    await pair.two.loop.tick(now=pair.world.clock.now())
    assert pair.world.replicas() == before


async def test_a_leader_that_is_cut_off_stops_writing_before_the_other_begins(pair):
    await pair.tick_both()

    async def cut_off(*_, **__):
        raise Unreachable("no route to host")

    pair.one._lease_client.request = cut_off
    writers = []
    for _ in range(40):
        await pair.pass_seconds(1.0)
        writers.append((pair.one.may_write(), pair.two.may_write()))
    assert (True, True) not in writers
    assert writers[0] == (True, False)
    assert writers[-1] == (False, True)
    by_one, by_two = await pair.tick_both()
    assert by_one == 0
    assert by_two > 0


async def test_a_lease_lost_within_a_tick_stops_its_writes(pair):
    await pair.tick_both()
    pair.world.scale_by_hand(3)
    await pair.pass_seconds(1.0)
    hold = asyncio.Event()
    target = Fault(match=lambda r: r.verb == "patch" and r.subresource == "scale", hold=hold, status=429, retry_after=0)
    pair.world.server.faults.add(target)
    ticking = asyncio.create_task(pair.one.loop.tick(now=pair.world.clock.now()))
    await pair.world.until(lambda: target.hits == 1, "the first attempt is under way")
    pair.one.elector._leads_until = -1.0
    hold.set()
    await ticking
    assert pair.world.replicas() == 3, "the second attempt is not made"


async def test_readiness_is_not_leadership(pair):
    assert pair.one.ready() is None
    assert pair.two.ready() is None


async def test_decisions_of_the_new_leader_start_from_what_runs(pair):
    """The one that takes over has no memory of recommendations, so it must not lower at once."""
    await pair.tick_both()
    await pair.pass_seconds(5 * MINUTE)
    await pair.tick_both()
    await pair.first_ends()
    await pair.pass_seconds(TICK)
    before = pair.world.replicas()
    await pair.two.loop.tick(now=pair.world.clock.now())
    assert pair.world.replicas() >= before

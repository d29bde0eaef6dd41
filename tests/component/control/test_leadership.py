"""Two processes of the operator, one Lease: one writes, the other keeps warm and takes over."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from bayescaler.cluster.errors import Unreachable
from bayescaler.sandbox.server import Fault

from .leadership import scale_writes
from .worlds import MINUTE, TICK


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


@asynccontextmanager
async def a_write_refused_once(pair):
    """Within it the first operator makes an attempt, which is refused at the end; then its tick goes on."""
    await pair.tick_both()
    pair.world.scale_by_hand(3)
    await pair.pass_seconds(1.0)
    hold = asyncio.Event()
    target = Fault(match=lambda r: r.verb == "patch" and r.subresource == "scale", hold=hold, status=429, retry_after=0)
    pair.world.server.faults.add(target)
    ticking = asyncio.create_task(pair.one.loop.tick(now=pair.world.clock.now()))
    await pair.world.until(lambda: target.hits == 1, "the first attempt is under way")
    try:
        yield
    finally:
        hold.set()
        await ticking


async def test_a_lease_lost_within_a_tick_stops_its_writes(pair):
    async with a_write_refused_once(pair):
        pair.one.elector._leads_until = -1.0
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


async def test_who_begins_to_lead_in_the_middle_of_a_tick_writes_nothing_of_that_tick(pair):
    """It was decided without what the one before has saved."""
    await pair.tick_both()
    await pair.pass_seconds(TICK)
    first, second = (operator.registry.get(("default", "web")) for operator in (pair.one, pair.two))
    first.tenure = replace(first.tenure, reverted_at=1.0)
    pair.world.scale_by_hand(3)
    collect = pair.two.loop._collector.collect

    async def while_the_lease_passes_on(workloads, *, now):
        await collect(workloads, now=now)
        await pair.first_ends()
        await pair.pass_seconds(5.0)
        assert pair.two.may_write()

    pair.two.loop._collector.collect = while_the_lease_passes_on
    since = len(pair.world.requests)
    await pair.two.loop.tick(now=pair.world.clock.now())
    assert (scale_writes(pair.world, since), second.tenure.reverted_at) == (0, None)
    pair.two.loop._collector.collect = collect
    await pair.pass_seconds(TICK)
    await pair.two.loop.tick(now=pair.world.clock.now())
    assert scale_writes(pair.world, since) > 0
    assert second.tenure.reverted_at == 1.0


async def test_a_write_that_waits_is_not_made_under_another_term_than_it_was_decided_in(pair):
    async with a_write_refused_once(pair):
        pair.one.elector.transitions += 2  # lost to somebody else, and had back
    assert pair.world.replicas() == 3

"""Who may write when the network or the Lease itself is spoilt: never two at once, and soon one again."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescaler.cluster.errors import Forbidden, NotFound, Unprocessable, Unreachable

from .leases import Candidate, simulated


def never_stopped(candidate):
    """It leads, and was told so once."""
    return candidate.leads and [what for what, _ in candidate.told] == ["started"]


@simulated
async def test_a_hung_server_ends_leadership_at_the_renew_deadline_by_the_local_clock(server):
    loop = asyncio.get_running_loop()
    a = Candidate("a", server)
    await asyncio.sleep(5.0)
    last_renewal_began_at = a.wire.asked_at
    a.wire.lost = asyncio.Event()
    await asyncio.sleep(last_renewal_began_at + 9.99 - loop.time())
    assert a.leads
    await asyncio.sleep(0.02)
    assert not a.leads
    assert [what for what, _ in a.told] == ["started", "stopped"]
    assert a.told[1][1] == pytest.approx(last_renewal_began_at + 10.0, abs=0.03)


@simulated
async def test_leadership_ends_by_the_clock_even_if_nothing_of_ours_gets_to_run(server):
    loop = asyncio.get_running_loop()
    a = Candidate("a", server)
    await asyncio.sleep(5.0)
    assert a.leads
    loop.jumping.now += 10.0  # the process was stopped: no timer fired, no callback came
    assert not a.leads


@simulated
async def test_another_takes_over_only_after_it_saw_no_renewal_for_the_whole_duration(server):
    a = Candidate("a", server)
    await asyncio.sleep(1.0)
    b = Candidate("b", server)
    await asyncio.sleep(5.0)
    a.wire.lost = asyncio.Event()
    await asyncio.sleep(30.0)
    assert not a.leads
    assert b.leads
    stopped_at, started_at = a.told[1][1], b.told[0][1]
    assert started_at - stopped_at >= 15.0 - 10.0 - 2.0 - 0.1
    assert server.lease["spec"]["leaseTransitions"] == 1


@simulated
async def test_stopping_while_the_server_hangs_ends_in_bounded_time(server):
    loop = asyncio.get_running_loop()
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    a.wire.lost = asyncio.Event()
    began_at = loop.time()
    await a.stop()
    assert loop.time() - began_at <= 5.0


@pytest.mark.parametrize("delays", [[60.0], [0.1, 60.0]], ids=["on its way to the server", "on its way back"])
@simulated
async def test_stopping_in_the_middle_of_a_renewal_gives_the_lease_back(server, delays):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    asked = len(a.wire.requests)
    a.wire.delays = delays
    await asyncio.sleep(1.5)
    assert len(a.wire.requests) == asked + 1
    assert a.leads
    await a.stop()
    assert server.lease["spec"]["holderIdentity"] == ""


@simulated
async def test_a_lease_that_another_took_meanwhile_is_left_to_it(server):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    a.wire.delays = [60.0]
    await asyncio.sleep(1.5)
    server.lease["spec"]["holderIdentity"] = "b"
    await a.stop()
    assert server.lease["spec"]["holderIdentity"] == "b"


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "Forbidden", "rules are not loaded yet"), Unreachable("cut")],
    ids=["forbidden after a restart", "cut"],
)
@simulated
async def test_a_short_fault_of_the_server_costs_no_leadership(server, refusal):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    a.wire.refusal = refusal
    await asyncio.sleep(6.0)
    a.wire.refusal = None
    await asyncio.sleep(30.0)
    assert never_stopped(a)


@simulated
async def test_a_renewal_whose_answer_was_lost_is_found_by_reading(server):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    a.wire.delays = [0.01, 60.0]  # the write arrives, its answer does not
    await asyncio.sleep(20.0)
    assert never_stopped(a)


@simulated
async def test_a_lease_deleted_under_the_holder_is_created_again(server):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    server.lease = None
    await asyncio.sleep(3.0)
    assert never_stopped(a)
    assert server.lease["spec"]["holderIdentity"] == "a"


@simulated
async def test_a_lease_that_somebody_annotated_is_kept(server):
    a = Candidate("a", server)
    await asyncio.sleep(3.0)
    annotated = server.get()
    annotated["metadata"]["annotations"] = {"note": "hello"}
    server.put(annotated)
    await asyncio.sleep(10.0)
    assert never_stopped(a)
    assert server.lease["metadata"]["annotations"] == {"note": "hello"}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    delays=st.lists(st.lists(st.sampled_from([0.01, 0.5, 3.0, 6.0, 12.0, 40.0]), max_size=60), min_size=3, max_size=3),
    jitters=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    restarts=st.lists(st.floats(1.0, 60.0), max_size=3),
)
@simulated
async def test_whatever_the_network_does_never_two_lead_and_once_it_heals_one_does(server, delays, jitters, restarts):
    candidates = [Candidate(n, server, jitter=j) for n, j in zip("abc", jitters, strict=True)]
    for candidate, own in zip(candidates, delays, strict=True):
        candidate.wire.delays = list(own)
    leaders = []

    async def watch():
        while True:
            leaders.append(sum(candidate.leads for candidate in candidates))
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    for number, seconds in enumerate(restarts):
        await asyncio.sleep(seconds)
        await candidates[number].stop()
        candidates[number] = Candidate(f"again-{number}", server, jitter=jitters[number])
    for candidate in candidates:
        candidate.wire.delays = []
    await asyncio.sleep(60.0)
    watching.cancel()
    assert max(leaders) <= 1
    assert leaders[-1] == 1


NAMELESS = ("metadata.name: a lowercase RFC 1123 subdomain must consist of ...",)


@pytest.mark.parametrize(
    ("refusal", "cure"),
    [
        (Unprocessable(422, "Invalid", "Lease is invalid", causes=NAMELESS), "a valid name"),
        (NotFound(404, "NotFound", 'namespaces "ops" not found'), "a namespace that exists"),
        (Forbidden(403, "Forbidden", "cannot get leases"), "grant get, create and update"),
    ],
    ids=["name", "namespace", "rights"],
)
@simulated
async def test_a_lease_that_can_never_be_had_is_said_once_with_the_cure(server, refusal, cure, caplog):
    a = Candidate("a", server)
    a.wire.refusal = refusal
    await asyncio.sleep(60.0)
    assert not a.leads
    await a.stop()
    said = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in said] == ["Lease not reached"]
    assert said[0].lease == "ops/bayescaler"
    assert cure in said[0].cure


@simulated
async def test_who_comes_second_makes_no_noise(server, caplog):
    over = ("metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",)
    a = Candidate("a", server)
    a.wire.refusal = Unprocessable(422, "Invalid", "Lease is invalid", causes=over)
    await asyncio.sleep(10.0)
    await a.stop()
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []

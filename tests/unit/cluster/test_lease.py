"""Who may write: one leads, the others wait, and a Lease given back is taken at once."""

import asyncio

import pytest

from bayescaler.cluster.lease import LeaseTiming

from .leases import Candidate, simulated


@simulated
async def test_the_first_candidate_creates_the_lease_by_its_name_and_leads(server):
    a = Candidate("a", server)
    await asyncio.sleep(1.0)
    assert a.leads
    assert a.wire.requests == ["GET", "PUT"]
    assert server.lease["metadata"]["name"] == "bayescaler"
    assert server.lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 0,
        "acquireTime": "2023-11-14T22:13:20.010000Z",
        "renewTime": "2023-11-14T22:13:20.010000Z",
    }


@simulated
async def test_the_holder_renews_every_two_seconds_without_reading(server):
    a = Candidate("a", server)
    await asyncio.sleep(61.0)
    assert a.leads
    assert a.wire.requests[:2] == ["GET", "PUT"]
    assert set(a.wire.requests[2:]) == {"PUT"}
    assert len(server.writes) == pytest.approx(30, abs=1)
    assert {spec["acquireTime"] for spec in server.writes} == {server.writes[0]["acquireTime"]}
    assert a.told == [("started", pytest.approx(0.03))]


@simulated
async def test_of_two_candidates_one_leads_and_the_other_waits(server):
    a, b = Candidate("a", server), Candidate("b", server)
    await asyncio.sleep(120.0)
    assert sorted([a.leads, b.leads]) == [False, True]
    assert a.elector.holder == b.elector.holder
    assert len(a.told) + len(b.told) == 1


@simulated
async def test_a_wall_clock_that_is_hours_off_changes_nothing(server):
    a = Candidate("a", server)
    a.elector._wall_clock = lambda: 0.0
    await asyncio.sleep(1.0)
    b = Candidate("b", server)
    b.elector._wall_clock = lambda: 4e9
    await asyncio.sleep(60.0)
    assert a.leads
    assert not b.leads


@simulated
async def test_stopping_gives_the_lease_back_so_that_another_leads_within_a_retry(server):
    loop = asyncio.get_running_loop()
    a = Candidate("a", server)
    await asyncio.sleep(1.0)
    b = Candidate("b", server)
    await asyncio.sleep(5.0)
    stopped_at = loop.time()
    await a.stop()
    assert not a.leads
    assert a.told[-1] == ("stopped", stopped_at)
    assert server.lease["spec"]["holderIdentity"] == ""
    await asyncio.sleep(2.1)
    assert b.leads
    assert server.lease["spec"]["leaseTransitions"] == 1


@simulated
async def test_a_candidate_that_never_led_gives_nothing_back(server):
    Candidate("a", server)
    await asyncio.sleep(1.0)
    b = Candidate("b", server)
    await asyncio.sleep(5.0)
    await b.stop()
    assert server.lease["spec"]["holderIdentity"] == "a"
    assert "PUT" not in b.wire.requests


@pytest.mark.parametrize("seconds", [(10.0, 10.0, 2.0), (15.0, 2.0, 2.0), (15.0, 10.0, 0.0)])
def test_a_timing_that_could_make_two_leaders_is_refused(seconds):
    with pytest.raises(ValueError, match="must exceed the renew deadline"):
        LeaseTiming(*seconds)

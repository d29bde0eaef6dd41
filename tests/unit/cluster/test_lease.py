"""Who may write, on simulated time: never two at once, and soon one again, whatever the network does.

The event loop's own clock is simulated: it jumps to the next timer, so that minutes pass in no time and
in the same way each run.
"""

import asyncio
import copy
import selectors
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescaler.cluster.errors import Conflict, Forbidden, NotFound, Unprocessable, Unreachable
from bayescaler.cluster.lease import LeaseElector, LeaseTiming

LEASE = "/apis/coordination.k8s.io/v1/namespaces/ops/leases/bayescaler"


class JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, moves the clock to it."""

    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("everybody waits and nobody has a timer: a deadlock")
        self.now += max(0.0, timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is the selector's."""

    def __init__(self):
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now


def simulate(story):
    """Run one coroutine function to its end on simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(story())


@dataclass
class LeaseServer:
    """One Lease with a real API server's rules of creation and of resourceVersion."""

    lease: dict | None = None
    version: int = 0
    writes: list[dict] = field(default_factory=list)

    def get(self):
        if self.lease is None:
            raise NotFound(404, "NotFound", "no such Lease")
        return copy.deepcopy(self.lease)

    def put(self, body):
        given_version = body["metadata"].get("resourceVersion")
        if self.lease is None and given_version:
            raise NotFound(404, "NotFound", "no such Lease")
        if self.lease is not None and not given_version:
            raise Unprocessable(422, "Invalid", "metadata.resourceVersion: must be specified for an update")
        if self.lease is not None and given_version != self.lease["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "the object has been modified")
        self.version += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        self.writes.append(self.lease["spec"])
        return copy.deepcopy(self.lease)


@dataclass
class Wire:
    """One candidate's way to the server: a delay each way, a request or its answer lost, or everything held up."""

    server: LeaseServer
    delays: list[float] = field(default_factory=list)
    lost: asyncio.Event | None = None
    refusal: Exception | None = None
    requests: list[str] = field(default_factory=list)
    asked_at: float = 0.0
    under_way: list[asyncio.Future] = field(default_factory=list)

    async def request(self, method, path, *, body=None):
        assert path == LEASE
        self.requests.append(method)
        self.asked_at = asyncio.get_running_loop().time()
        # Who gives up waiting does not take back what is on its way.
        under_way = asyncio.ensure_future(self._deliver(method, copy.deepcopy(body)))
        self.under_way.append(under_way)
        return await asyncio.shield(under_way)

    async def _deliver(self, method, body):
        await self._travel()
        if self.refusal is not None:
            raise self.refusal
        answer = self.server.get() if method == "GET" else self.server.put(body)
        await self._travel()
        return answer

    async def _travel(self):
        if self.lost is not None:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.delays.pop(0) if self.delays else 0.01)


class Candidate:
    """An elector, its wire and what it was told."""

    def __init__(self, name, server, *, jitter=0.0, **options):
        loop = asyncio.get_running_loop()
        self.wire = Wire(server)
        self.told = []
        self.elector = LeaseElector(
            self.wire,
            "ops",
            "bayescaler",
            name,
            on_started=lambda: self.told.append(("started", loop.time())),
            on_stopped=lambda: self.told.append(("stopped", loop.time())),
            clock=loop.time,
            wall_clock=lambda: 1_700_000_000.0 + loop.time(),
            jitter=lambda: jitter,
            **options,
        )
        self.task = asyncio.create_task(self.elector.run())

    async def stop(self):
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        for under_way in self.wire.under_way:
            under_way.cancel()
        await asyncio.gather(*self.wire.under_way, return_exceptions=True)

    @property
    def leads(self):
        return self.elector.is_leader


def test_the_first_candidate_creates_the_lease_by_its_name_and_leads():
    async def story():
        server = LeaseServer()
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
        await a.stop()

    simulate(story)


def test_the_holder_renews_every_two_seconds_without_reading():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        await asyncio.sleep(61.0)
        assert a.leads
        assert a.wire.requests[:2] == ["GET", "PUT"]
        assert set(a.wire.requests[2:]) == {"PUT"}
        assert len(server.writes) == pytest.approx(30, abs=1)
        assert {spec["acquireTime"] for spec in server.writes} == {server.writes[0]["acquireTime"]}
        assert a.told == [("started", pytest.approx(0.03))]
        await a.stop()

    simulate(story)


def test_of_two_candidates_one_leads_and_the_other_waits():
    async def story():
        server = LeaseServer()
        a, b = Candidate("a", server), Candidate("b", server)
        await asyncio.sleep(120.0)
        assert sorted([a.leads, b.leads]) == [False, True]
        assert a.elector.holder == b.elector.holder
        assert len(a.told) + len(b.told) == 1
        await a.stop()
        await b.stop()

    simulate(story)


def test_a_hung_server_ends_leadership_at_the_renew_deadline_by_the_local_clock():
    async def story():
        loop = asyncio.get_running_loop()
        a = Candidate("a", LeaseServer())
        await asyncio.sleep(5.0)
        last_renewal_began_at = a.wire.asked_at
        a.wire.lost = asyncio.Event()
        await asyncio.sleep(last_renewal_began_at + 9.99 - loop.time())
        assert a.leads
        await asyncio.sleep(0.02)
        assert not a.leads
        assert [what for what, _ in a.told] == ["started", "stopped"]
        assert a.told[1][1] == pytest.approx(last_renewal_began_at + 10.0, abs=0.03)
        await a.stop()

    simulate(story)


def test_leadership_ends_by_the_clock_even_if_nothing_of_ours_gets_to_run():
    async def story():
        loop = asyncio.get_running_loop()
        a = Candidate("a", LeaseServer())
        await asyncio.sleep(5.0)
        assert a.leads
        loop.jumping.now += 10.0  # the process was stopped: no timer fired, no callback came
        assert not a.leads
        await a.stop()

    simulate(story)


def test_another_takes_over_only_after_it_saw_no_renewal_for_the_whole_duration():
    async def story():
        server = LeaseServer()
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
        await a.stop()
        await b.stop()

    simulate(story)


def test_a_wall_clock_that_is_hours_off_changes_nothing():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        a.elector._wall_clock = lambda: 0.0
        await asyncio.sleep(1.0)
        b = Candidate("b", server)
        b.elector._wall_clock = lambda: 4e9
        await asyncio.sleep(60.0)
        assert a.leads
        assert not b.leads
        await a.stop()
        await b.stop()

    simulate(story)


def test_stopping_gives_the_lease_back_so_that_another_leads_within_a_retry():
    async def story():
        loop = asyncio.get_running_loop()
        server = LeaseServer()
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
        await b.stop()

    simulate(story)


def test_a_candidate_that_never_led_gives_nothing_back():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        await asyncio.sleep(1.0)
        b = Candidate("b", server)
        await asyncio.sleep(5.0)
        await b.stop()
        assert server.lease["spec"]["holderIdentity"] == "a"
        assert "PUT" not in b.wire.requests
        await a.stop()

    simulate(story)


def test_stopping_while_the_server_hangs_ends_in_bounded_time():
    async def story():
        loop = asyncio.get_running_loop()
        a = Candidate("a", LeaseServer())
        await asyncio.sleep(3.0)
        a.wire.lost = asyncio.Event()
        began_at = loop.time()
        await a.stop()
        assert loop.time() - began_at <= 5.0

    simulate(story)


@pytest.mark.parametrize(
    "refusal",
    [Forbidden(403, "Forbidden", "rules are not loaded yet"), Unreachable("cut")],
    ids=["forbidden after a restart", "cut"],
)
def test_a_short_fault_of_the_server_costs_no_leadership(refusal):
    async def story():
        a = Candidate("a", LeaseServer())
        await asyncio.sleep(3.0)
        a.wire.refusal = refusal
        await asyncio.sleep(6.0)
        a.wire.refusal = None
        await asyncio.sleep(30.0)
        assert a.leads
        assert [what for what, _ in a.told] == ["started"]
        await a.stop()

    simulate(story)


def test_a_renewal_whose_answer_was_lost_is_found_by_reading():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        await asyncio.sleep(3.0)
        a.wire.delays = [0.01, 60.0]  # the write arrives, its answer does not
        await asyncio.sleep(20.0)
        assert a.leads
        assert [what for what, _ in a.told] == ["started"]
        await a.stop()

    simulate(story)


def test_a_lease_deleted_under_the_holder_is_created_again():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        await asyncio.sleep(3.0)
        server.lease = None
        await asyncio.sleep(3.0)
        assert a.leads
        assert server.lease["spec"]["holderIdentity"] == "a"
        await a.stop()

    simulate(story)


def test_a_lease_that_somebody_annotated_is_kept():
    async def story():
        server = LeaseServer()
        a = Candidate("a", server)
        await asyncio.sleep(3.0)
        annotated = server.get()
        annotated["metadata"]["annotations"] = {"note": "hello"}
        server.put(annotated)
        await asyncio.sleep(10.0)
        assert a.leads
        assert server.lease["metadata"]["annotations"] == {"note": "hello"}
        assert [what for what, _ in a.told] == ["started"]
        await a.stop()

    simulate(story)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    delays=st.lists(st.lists(st.sampled_from([0.01, 0.5, 3.0, 6.0, 12.0, 40.0]), max_size=60), min_size=3, max_size=3),
    jitters=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    restarts=st.lists(st.floats(1.0, 60.0), max_size=3),
)
def test_whatever_the_network_does_never_two_lead_and_once_it_heals_one_does(delays, jitters, restarts):
    async def story():
        server = LeaseServer()
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
        for candidate in candidates:
            await candidate.stop()

    simulate(story)


@pytest.mark.parametrize("seconds", [(10.0, 10.0, 2.0), (15.0, 2.0, 2.0), (15.0, 10.0, 0.0)])
def test_a_timing_that_could_make_two_leaders_is_refused(seconds):
    with pytest.raises(ValueError, match="must exceed the renew deadline"):
        LeaseTiming(*seconds)

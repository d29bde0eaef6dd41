"""Candidates for one Lease on simulated time.

The event loop's own clock is simulated: it jumps to the next timer, so that minutes pass in no time and
in the same way each run.
"""

import asyncio
import copy
import functools
import inspect
import selectors
from dataclasses import dataclass, field

import pytest

from bayescaler.cluster.errors import Conflict, NotFound, Unprocessable
from bayescaler.cluster.lease import LeaseElector

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


def simulated(story):
    """Make a test of a story of one Lease: its time is simulated, and its candidates end with it."""
    _, *asked = inspect.signature(story).parameters.values()

    async def told(*values, **given):
        server = LeaseServer()
        try:
            await story(server, *values, **given)
        finally:
            for candidate in list(server.candidates):
                await candidate.stop()

    @functools.wraps(story)
    def test(*values, **given):
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(told(*values, **given))

    test.__signature__ = inspect.Signature(asked)
    return test


@dataclass
class LeaseServer:
    """One Lease with a real API server's rules of creation and of resourceVersion."""

    lease: dict | None = None
    version: int = 0
    writes: list[dict] = field(default_factory=list)
    candidates: list["Candidate"] = field(default_factory=list)

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
        server.candidates.append(self)

    async def stop(self):
        self.wire.server.candidates.remove(self)
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
        for under_way in self.wire.under_way:
            under_way.cancel()
        await asyncio.gather(*self.wire.under_way, return_exceptions=True)

    @property
    def leads(self):
        return self.elector.is_leader

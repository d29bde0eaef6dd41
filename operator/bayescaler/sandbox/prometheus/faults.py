"""What can go wrong with a Prometheus, one class a fault; set as `prometheus.fault`, healed with `HEALTHY`.

A fault of transport answers in place of the server; a fault of data changes the answer it would have given.
With `only` it strikes just the queries that hold that text. Refused connections are
`SandboxPrometheus.stop`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from aiohttp import web

from bayescaler.sandbox.prometheus.store import Samples

Proceed = Callable[[], Awaitable[web.StreamResponse]]

TIMEOUT_SECONDS: web.RequestKey[float] = web.RequestKey("timeout_seconds", float)  # what the asker waits
_CHUNK = b" " * 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """No fault; the base of all: both hooks leave everything as it is."""

    only: str = ""

    def strikes(self, query: str) -> bool:
        """Whether this query is hit."""
        return self.only in query

    async def respond(self, _request: web.Request, proceed: Proceed) -> web.StreamResponse:
        """Answer a request; `proceed` gives the healthy answer."""
        return await proceed()

    def alter(self, result: Sequence[Samples]) -> Sequence[Samples]:
        """Change the series of an answer."""
        return result


HEALTHY = Fault()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Fault):
    """No answer until `release`; then the healthy one, if the asker still waits."""

    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, _request: web.Request, proceed: Proceed) -> web.StreamResponse:
        """Hold, then answer."""
        await self.released.wait()
        return await proceed()

    def release(self) -> None:
        """Let go of every request held."""
        self.released.set()


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """The answer takes `seconds`, or is given up with 503 `timeout` where the request's own `timeout` is
    shorter.
    """

    seconds: float

    async def respond(self, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        """Wait, then answer or give up."""
        patience = request.get(TIMEOUT_SECONDS)
        if patience is not None and patience < self.seconds:
            await asyncio.sleep(patience)
            return error_response(503, "timeout", "query timed out in expression evaluation")
        await asyncio.sleep(self.seconds)
        return await proceed()


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """A bare HTTP status with a plain text, as from a proxy before Prometheus."""

    status: int = 503
    body: str = "Service Unavailable"

    async def respond(self, _request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Give the status."""
        return web.Response(status=self.status, text=self.body)


@dataclass(frozen=True, slots=True)
class ApiError(Fault):
    """An error in Prometheus' own form."""

    status: int = 422
    error_type: str = "execution"
    message: str = "query processing would load too many samples into memory in query execution"

    async def respond(self, _request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Give the error."""
        return error_response(self.status, self.error_type, self.message)


@dataclass(frozen=True, slots=True)
class Nonsense(Fault):
    """Status 200 with a body that is no answer: HTML, broken JSON, JSON of another shape."""

    body: str = "<!doctype html><title>Sign in</title>"
    content_type: str = "application/json"

    async def respond(self, _request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Give the body."""
        return web.Response(text=self.body, content_type=self.content_type)


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """A redirect to another address, which a careful client does not follow."""

    location: str

    async def respond(self, _request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Point elsewhere."""
        return web.Response(status=302, headers={"Location": self.location})


@dataclass(frozen=True, slots=True)
class Oversized(Fault):
    """An answer of at least `size` bytes, well-formed: blanks, then an empty result."""

    size: int

    async def respond(self, request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Stream blanks, then an answer."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(0, self.size, len(_CHUNK)):
            await response.write(_CHUNK)
        await response.write(b'{"status":"success","data":{"resultType":"vector","result":[]}}')
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Fault):
    """The connection breaks in the middle of an answer."""

    async def respond(self, request: web.Request, _proceed: Proceed) -> web.StreamResponse:
        """Begin an answer and break off."""
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "4096"})
        await response.prepare(request)
        await response.write(b'{"status":"success","data":')
        if request.transport is not None:
            request.transport.abort()
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class NotANumber(Fault):
    """Every value is NaN."""

    def alter(self, result: Sequence[Samples]) -> Sequence[Samples]:
        """Put NaN for every value."""
        return [replace(series, values=np.full_like(series.values, np.nan)) for series in result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent(Fault):
    """No series answers."""

    def alter(self, _result: Sequence[Samples]) -> Sequence[Samples]:
        """Leave out every series."""
        return []


@dataclass(frozen=True, slots=True)
class Scaled(Fault):
    """Every value is `factor` times what it is: 0 from a query that counts nothing, 1000 from one in the wrong unit."""

    factor: float

    def alter(self, result: Sequence[Samples]) -> Sequence[Samples]:
        """Multiply every value."""
        return [replace(series, values=series.values * self.factor) for series in result]


@dataclass(frozen=True, slots=True)
class Frozen(Fault):
    """No value is later than `until` (epoch seconds): nothing is scraped any more."""

    until: float

    def alter(self, result: Sequence[Samples]) -> Sequence[Samples]:
        """Leave out what is later."""
        known = [(series, series.times <= self.until * 1000) for series in result]
        return [replace(s, times=s.times[mask], values=s.values[mask]) for s, mask in known if mask.any()]


@dataclass(frozen=True, slots=True)
class Several(Fault):
    """Each series comes `count` times, told apart by a `replica` label, as from Prometheus twins without
    dedup.
    """

    count: int = 2

    def alter(self, result: Sequence[Samples]) -> Sequence[Samples]:
        """Repeat every series."""
        twins = [(series, ("replica", f"prometheus-{twin}")) for series in result for twin in range(self.count)]
        return [replace(series, labels=tuple(sorted((*series.labels, label)))) for series, label in twins]


def error_response(status: int, error_type: str, message: str) -> web.Response:
    """An error as the HTTP API of Prometheus gives it."""
    body = json.dumps({"status": "error", "errorType": error_type, "error": message}, separators=(",", ":"))
    return web.Response(status=status, text=body, content_type="application/json")

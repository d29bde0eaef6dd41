"""The operator's own HTTP endpoints: /healthz, /readyz and /metrics."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import Counter
from prometheus_client.exposition import gzip_accepted

from .access import METRICS, Access, Refused
from .door import Address, Door, opened
from .guard import Handler, guarded

Probe = Callable[[], str | None]
"""Returns None when all is well, else the sentence that says what is wrong."""
Exposition = Callable[[str], tuple[bytes, str]]
"""Returns the metrics in the format that an Accept header asks for, and its content type."""
NAME = "endpoints"
HEADERS = {"X-Content-Type-Options": "nosniff"}
FASTEST = 1  # of gzip's levels: a sixth of the text in a tenth of the time that the best takes


@asynccontextmanager
async def endpoints(
    metrics: Exposition, *, live: Probe, ready: Probe, door: Door, requests: Counter, access: Access | None = None
) -> AsyncIterator[Address]:
    """Serve the probes and the metrics; a probe answers 200 `ok` or 503 with its sentence.

    With `access` the metrics are for tokens that may get their path; a kubelet has none, so the probes ask for none.
    """

    async def scrape(request: web.Request) -> web.Response:
        if access is not None:
            subject = await access.subject(request.headers.get("Authorization"))
            if not await access.scrapes(subject):
                raise Refused(403)
        return await _exposition(metrics, request)

    app = web.Application(middlewares=[guarded(HEADERS)], client_max_size=1)
    app.router.add_get("/healthz", _probed(live))
    app.router.add_get("/readyz", _probed(ready))
    app.router.add_get(METRICS, scrape)
    async with opened(app, door, requests, name=NAME) as address:
        yield address


def _probed(probe: Probe) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        wrong = probe()
        return web.Response(text="ok\n") if wrong is None else web.Response(text=f"{wrong}\n", status=503)

    return answer


async def _exposition(made: Exposition, request: web.Request) -> web.Response:
    """Answer with the metrics, in the form that is asked for."""
    accept, zipped = request.headers.get("Accept", ""), gzip_accepted(request.headers.get("Accept-Encoding", ""))

    def answer() -> tuple[bytes, str]:
        body, content_type = made(accept)
        return (gzip.compress(body, FASTEST, mtime=0) if zipped else body), content_type

    # In a thread: at 10,000 objects this takes long enough to cost the Lease.
    body, content_type = await asyncio.to_thread(answer)
    encoding = {"Content-Encoding": "gzip"} if zipped else {}
    return web.Response(body=body, headers={"Content-Type": content_type, **encoding})

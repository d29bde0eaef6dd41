"""The operator's own HTTP endpoints: /healthz, /readyz and /metrics."""

import asyncio
import gzip
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client.exposition import gzip_accepted

Probe = Callable[[], str | None]
"""Returns None when all is well, else the sentence that says what is wrong."""
Exposition = Callable[[str], tuple[bytes, str]]
"""Returns the metrics in the format that an Accept header asks for, and its content type."""
FASTEST = 1  # of gzip's levels: a sixth of the text in a tenth of the time that the best takes


class CannotListen(OSError):  # noqa: N818 - named for what it tells
    """The address of the probes cannot be listened on."""


class ProbeServer:
    """Serves the probes and the metrics on one address; a probe answers 200 `ok` or 503 with its sentence.

    Without `metrics` there are none: they are served elsewhere.
    """

    def __init__(self, metrics: Exposition | None, *, live: Probe, ready: Probe, host: str, port: int) -> None:
        self._metrics = metrics
        self._probes = {"/healthz": live, "/readyz": ready}
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self.port = port

    async def __aenter__(self) -> Self:
        app = web.Application()
        for path in self._probes:
            app.router.add_get(path, self._probe)
        if self._metrics is not None:
            app.router.add_get("/metrics", partial(exposition, self._metrics))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            why = error.strerror or error
            raise CannotListen(f"cannot listen on {self._host}:{self._port}: {why}; give another --listen") from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _probe(self, request: web.Request) -> web.Response:
        wrong = self._probes[request.path]()
        return web.Response(text="ok\n") if wrong is None else web.Response(text=f"{wrong}\n", status=503)


async def exposition(made: Exposition, request: web.Request) -> web.Response:
    """Answer with the metrics, in the form that is asked for."""
    accept, zipped = request.headers.get("Accept", ""), gzip_accepted(request.headers.get("Accept-Encoding", ""))

    def answer() -> tuple[bytes, str]:
        body, content_type = made(accept)
        return (gzip.compress(body, FASTEST, mtime=0) if zipped else body), content_type

    # In a thread: at 10,000 objects this takes long enough to cost the Lease.
    body, content_type = await asyncio.to_thread(answer)
    encoding = {"Content-Encoding": "gzip"} if zipped else {}
    return web.Response(body=body, headers={"Content-Type": content_type, **encoding})

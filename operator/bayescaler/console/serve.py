"""Listen for the console: TLS off this machine, every request counted by its status, none of them logged."""

import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from prometheus_client import Counter

from bayescaler.cluster.client import KubeClient
from bayescaler.control.service import Operator

from .access import Access
from .site import HOME, Site
from .tls import BadCertificate, Files, renewed

log = logging.getLogger(__name__)
KEEP_ALIVE_SECONDS = 75.0


class CannotServe(ValueError):  # noqa: N818 - named for what it tells
    """The console cannot be served as asked for."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the console is served. Without a certificate it is served on this machine's own addresses alone, unless
    `plain_http` allows tokens to cross a network in the clear.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    plain_http: bool = False

    def check(self) -> None:
        """Raise CannotServe where this is no way to serve it."""
        if (self.certificate is None) is not (self.key is None):
            raise CannotServe("give both --console-tls-cert and --console-tls-key, or neither")
        if self.certificate is None and not self.plain_http and not _is_loopback(self.host):
            raise CannotServe(
                f"the console on {self.host} would take tokens over plain HTTP: give --console-tls-cert and "
                "--console-tls-key, listen on 127.0.0.1, or allow it by --console-plain-http where a proxy in the "
                "same pod does TLS"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@asynccontextmanager
async def console(
    operator: Operator,
    client: KubeClient,
    door: Door,
    *,
    refresh_seconds: float,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[str]:
    """Serve the console of an operator; gives its address. `client` asks for the reviews. Raises CannotServe."""
    door.check()
    try:
        context = None if not (door.certificate and door.key) else renewed(Files(door.certificate, door.key))
    except BadCertificate as error:
        raise CannotServe(f"--console-tls-cert, --console-tls-key: {error}") from error
    access = Access(client)
    site = Site(operator, access, clock=clock, refresh_seconds=refresh_seconds)
    runner = web.AppRunner(
        site.application(),
        access_log=log,
        access_log_class=_counting(operator.metrics.console_requests),
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    site.look_on()
    try:
        try:
            await web.TCPSite(runner, door.host, door.port, ssl_context=context).start()
        except OSError as error:
            why = error.strerror or error
            raise CannotServe(f"cannot listen on {door.host}:{door.port}: {why}; give another --console") from error
        port = runner.addresses[0][1]
        host = f"[{door.host}]" if ":" in door.host else door.host
        yield f"{'http' if context is None else 'https'}://{host}:{port}{HOME}"
    finally:
        site.look_away()
        await runner.cleanup()
        await access.close()


def _counting(requests: Counter) -> type[AbstractAccessLogger]:
    """Return what aiohttp tells every answer to, of requests too that were never understood; it logs nothing."""

    class Counting(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:  # noqa: ARG002
            requests.labels(str(response.status)).inc()

    return Counting

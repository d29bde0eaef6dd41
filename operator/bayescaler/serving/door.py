"""An address to serve at: TLS off this machine where tokens are taken, every request counted, none of them logged."""

import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import Counter

from .tls import BadCertificate, Files, renewed

log = logging.getLogger(__name__)
served = logging.getLogger(f"{__name__}.served")
KEEP_ALIVE_SECONDS = 75.0


class CannotServe(OSError):  # noqa: N818 - named for what it tells
    """Nothing can be served at an address as asked for."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where something is served, as `option` of the command line says it. Where it takes tokens and has no
    certificate it opens on this machine's own addresses alone, unless `plain_http` lets tokens cross a network in
    the clear.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    plain_http: bool = False
    option: str = "--console"
    takes_tokens: bool = True

    def check(self) -> None:
        """Raise CannotServe where this is no way to serve it."""
        pair = f"{self.option}-tls-cert and {self.option}-tls-key"
        if (self.certificate is None) is not (self.key is None):
            raise CannotServe(f"give both {pair}, or neither")
        in_the_clear = self.takes_tokens and self.certificate is None and not _is_loopback(self.host)
        if in_the_clear and not self.plain_http:
            raise CannotServe(
                f"{self.option} {self.host} would take tokens over plain HTTP: give {pair}, listen on 127.0.0.1, or "
                "allow it by --plain-http where a proxy in the same pod does TLS"
            )

    def context(self) -> ssl.SSLContext | None:
        """Return what speaks TLS here, None without a certificate. Raises CannotServe."""
        self.check()
        if self.certificate is None or self.key is None:
            return None
        try:
            return renewed(Files(self.certificate, self.key))
        except BadCertificate as error:
            raise CannotServe(f"{self.option}-tls-cert, {self.option}-tls-key: {error}") from error


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is served, the port chosen."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@asynccontextmanager
async def opened(app: web.Application, door: Door, requests: Counter, *, name: str) -> AsyncIterator[Address]:
    """Serve an application at a door; `requests` counts by `name` and the status of the answer. Raises CannotServe."""
    context = door.context()
    runner = web.AppRunner(
        app,
        logger=served,
        access_log=log,
        access_log_class=_counting(requests, name),
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, door.host, door.port, ssl_context=context).start()
        except OSError as error:
            why = error.strerror or error
            raise CannotServe(f"cannot listen on {door.host}:{door.port}: {why}; give another {door.option}") from error
        yield Address("http" if context is None else "https", door.host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is no request that cannot be parsed: aiohttp quotes those, tokens too, and anybody may send them."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


served.addFilter(_is_ours)


def _counting(requests: Counter, name: str) -> type[AbstractAccessLogger]:
    """Return what aiohttp tells every answer to, of requests too that were never understood; it logs nothing."""

    class Counting(AbstractAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:  # noqa: ARG002
            requests.labels(name, str(response.status)).inc()

    return Counting

"""KubeClient: raw JSON in and out of the API server, over the connections of `kubernetes.aio`.

The library brings configuration, TLS and the pool; its generated models are left out because they cost three
to six times the processor time of the call itself.
"""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from email.utils import parsedate_to_datetime
from os import PathLike
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.rest import RESTClientObject

from bayescaler import __version__

from .credentials import Connection, Credentials
from .errors import Forbidden, Unreachable, api_error
from .paths import Json
from .rights import Refusals

FIELD_MANAGER = "bayescaler"
JSON_PATCH = "application/json-patch+json"
CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
# An API server sends a bookmark about once a minute: a watch that is silent for longer is dead.
IDLE_SECONDS = 90.0
LONGEST_LINE = 1024 * 1024


class KubeClient:
    """One pool of connections to one API server; every method raises ApiError or what is below it."""

    def __init__(self, credentials: Credentials, *, request_seconds: float = REQUEST_SECONDS) -> None:
        self._credentials = credentials
        self._request_seconds = request_seconds
        self._rest = RESTClientObject(credentials.configuration)
        self._certificate = credentials.generation
        self._refusals = Refusals()
        self._agent = f"bayescaler/{__version__}"

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | PathLike[str] | None = None,
        context: str | None = None,
        *,
        request_seconds: float = REQUEST_SECONDS,
    ) -> Self:
        """A client for `kubeconfig`, else $KUBECONFIG, else the pod's service account, else ~/.kube/config.

        Nothing is sent yet. Raises BadConfiguration.
        """
        return cls(await Credentials.load(kubeconfig, context), request_seconds=request_seconds)

    def separate(self) -> "KubeClient":
        """A client with the same credentials and connections of its own, so that a Lease does not queue
        behind patches.
        """
        return KubeClient(self._credentials, request_seconds=self._request_seconds)

    def signed(self, why: str) -> "KubeClient":
        """This client, on the same connections, whose requests say why: the server's audit log has it as userAgent."""
        other = copy(self)
        other._agent = f"{self._agent} ({why})"  # noqa: SLF001 - of its own kind
        return other

    async def connection(self) -> Connection:
        """Server and credentials as they are now, for a library that connects by itself."""
        return await self._credentials.connection()

    async def close(self) -> None:
        """Let go of the connections; open watches end."""
        await self._rest.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Json:
        """Send one request and return the object it answers with ({} for an empty body)."""
        asked = f"{method} {path}"
        seconds = self._request_seconds if timeout_seconds is None else timeout_seconds
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds))
        with _answered(asked, f"no answer within {seconds:g} s"):
            response = await self._open(method, path, body, query, content_type, limits)
            with _let_go(response):
                payload = await response.read()
        return _json(payload, asked) if payload else {}

    async def clock(self) -> float | None:
        """The API server's time in epoch seconds, cut to the second, as an answer's header tells; None without it."""
        asked = "GET /version"
        limits = aiohttp.ClientTimeout(total=self._request_seconds, sock_connect=CONNECT_SECONDS)
        with _answered(asked, f"no answer within {self._request_seconds:g} s"):
            response = await self._open("GET", "/version", None, None, None, limits)
            with _let_go(response):
                await response.read()
                told = response.headers.get("Date")
        return None if told is None else parsedate_to_datetime(told).timestamp()

    async def stream(
        self, path: str, query: Mapping[str, str] | None = None, *, idle_seconds: float = IDLE_SECONDS
    ) -> AsyncGenerator[Json]:
        """Watch `path`: yield events until the server ends the watch.

        An ERROR event is raised as the error it carries; a cut, a torn line or silence for `idle_seconds` is
        Unreachable. Close the iterator (contextlib.aclosing) to end the watch early.
        """
        asked = f"WATCH {path}"
        silence = f"nothing heard for {idle_seconds:g} s"
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        with _answered(asked, silence):
            response = await self._open("GET", path, None, {**(query or {}), "watch": "true"}, None, limits)
        with _let_go(response):
            while True:
                with _answered(asked, silence):
                    line = await response.content.readline()
                if not line:
                    return
                event = _json(line, asked)
                if event.get("type") == "ERROR":
                    told = event.get("object") or {}
                    raise api_error(int(told.get("code") or 500), told, asked=asked)
                yield event

    async def lines(
        self, path: str, query: Mapping[str, str] | None = None, *, idle_seconds: float = IDLE_SECONDS
    ) -> AsyncGenerator[str]:
        """Read `path` as text, a line at a time, as a pod's log is; a line beyond LONGEST_LINE is passed over."""
        asked, silence = f"GET {path}", f"nothing heard for {idle_seconds:g} s"
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        with _answered(asked, silence):
            response = await self._open("GET", path, None, query, None, limits)
        rest = b""
        with _let_go(response):
            while True:
                with _answered(asked, silence):
                    chunk = await response.content.readany()
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", "replace")
                if not chunk:
                    break
                rest = rest if len(rest) <= LONGEST_LINE else b""
            if rest:
                yield rest.decode("utf-8", "replace")

    async def _open(
        self,
        method: str,
        path: str,
        body: object,
        query: Mapping[str, str] | None,
        content_type: str | None,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The response, with its body unread, or the error it is; credentials are read anew once on a 401."""
        url = f"{self._credentials.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        generation = self._credentials.generation
        response = await self._send(method, url, body, content_type, limits)
        if response.status == 401:
            with _let_go(response):
                await response.read()
            await self._credentials.refresh(generation)
            response = await self._send(method, url, body, content_type, limits)
        if response.status >= 400:
            with _let_go(response):
                error = api_error(
                    response.status,
                    await response.read(),
                    asked=f"{method} {path}",
                    retry_after=response.headers.get("Retry-After"),
                )
            if isinstance(error, Forbidden):
                self._refusals.note(error.message)
            raise error
        return response

    async def _send(
        self, method: str, url: str, body: object, content_type: str | None, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        headers = {
            "Accept": "application/json",
            # Compressing a page costs the server and us more than a cluster's own network does.
            "Accept-Encoding": "identity",
            "Content-Type": content_type or "application/json",
            "User-Agent": self._agent,
        }
        authorization = await self._credentials.authorization()
        if authorization:
            headers["Authorization"] = authorization
        self._follow_certificate()
        answer = await self._rest.request(method, url, headers=headers, body=body, _request_timeout=limits)
        response: aiohttp.ClientResponse = answer.response
        return response

    def _follow_certificate(self) -> None:
        """New connections show the client certificate that was read last."""
        if self._certificate != self._credentials.generation:
            self._certificate = self._credentials.generation
            configuration = self._credentials.configuration
            if configuration.cert_file:
                self._rest.ssl_context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)


@contextmanager
def _let_go(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Give the connection back if the answer was read to its end, else cut it.

    A goodbye in TLS waits half a minute for the server's, which nobody here would wait for.
    """
    try:
        yield
    finally:
        if response.connection is not None and response.connection.protocol is not None:
            response.connection.protocol.abort()
        response.close()


@contextmanager
def _answered(asked: str, on_timeout: str) -> Iterator[None]:
    """Turn what the network can do into Unreachable, saying what was asked."""
    try:
        yield
    except TimeoutError as error:
        raise Unreachable(f"{asked}: {on_timeout}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{asked}: {error or type(error).__name__}") from error
    except ValueError as error:  # aiohttp's word for a line beyond its buffer
        raise Unreachable(f"{asked}: {error}") from error


def _json(payload: bytes, asked: str) -> Json:
    try:
        value: Any = json.loads(payload)
    except ValueError as error:
        raise Unreachable(f"{asked}: the answer is not JSON, or was cut: {error}") from error
    if not isinstance(value, dict):
        raise Unreachable(f"{asked}: the answer is {type(value).__name__}, not an object")
    return value

"""A `requests.Session` that an operator can hand to a server it does not trust, under prometheus-api-client.

One total deadline a request, a cap on the body, no redirects, no compression, no proxies or netrc of the environment,
no cookies, a look at the address actually reached, and typed errors. It answers only Prometheus' success envelope.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from .allow import Permit
from .auth import Auth
from .port import SourceError

CHUNK_BYTES = 1 << 16
ERROR_BYTES = 1 << 16
LONG_QUERY_CHARACTERS = 2000
SHOWN_CHARACTERS = 300
MAX_WARNINGS = 10


class Matrix(list[Any]):
    """The series of an answer, with what the server remarked on it."""

    def __init__(self, series: list[Any], warnings: tuple[str, ...]) -> None:
        super().__init__(series)
        self.warnings = warnings


_thread = threading.local()


class Deadline:
    """The end of one request's time: cuts its connection, even one that still drips bytes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.expired = False

    @staticmethod
    def now_running() -> "Deadline | None":
        """Return the deadline of the request that this thread is making."""
        return getattr(_thread, "deadline", None)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make this the deadline of the requests of this thread."""
        _thread.deadline = self
        try:
            yield
        finally:
            self.hold(None)
            _thread.deadline = None

    def hold(self, connected: socket.socket | None) -> None:
        """Remember the socket to cut; raises TimeoutError if it is too late already."""
        with self._lock:
            self._socket = connected
            if self.expired and connected is not None:
                raise TimeoutError

    def expire(self) -> None:
        """Cut the connection. Safe from any thread."""
        with self._lock:
            self.expired = True
            if self._socket is not None:
                try:
                    # Below TLS: its own shutdown is not for another thread than the reader's.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:
                    self._socket = None  # closed meanwhile


class Answer(requests.Response):
    """A checked answer, already parsed, in the form that prometheus-api-client reads."""

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        self.status_code = 200
        self._matrix = matrix

    def json(self, **_: Any) -> Any:
        """Return the part of the envelope that is read."""
        return {"data": {"result": self._matrix}}


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, permit: Permit, auth: Auth) -> None:
        self._permit = permit
        self._tls = auth.tls_context() if permit.url.startswith("https:") else None
        # The next tick asks again, from the same bucket on: a second try here would only hold a slot.
        super().__init__(max_retries=Retry(total=0, read=False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        if self._tls is not None:
            options["ssl_context"] = self._tls
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guarded_pool(HTTPConnectionPool, HTTPConnection, self._permit),
            "https": _guarded_pool(HTTPSConnectionPool, HTTPSConnection, self._permit),
        }

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave trust to the context: requests would add the public CAs to a private one."""


def _guarded_pool(pool: Any, connection: Any, permit: Permit) -> Any:
    class Connection(connection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            try:
                permit.check_peer(connected.getpeername()[0])
                _hold(connected)
            except BaseException:
                connected.close()
                raise
            return connected

        def getresponse(self) -> Any:
            _hold(self.sock)
            return super().getresponse()

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool


def _hold(connected: socket.socket) -> None:
    deadline = Deadline.now_running()
    if deadline is not None:
        deadline.hold(connected)


class GuardedSession(requests.Session):
    """One server, one set of credentials. Errors are SourceErrors that carry neither credentials nor the query."""

    def __init__(self, permit: Permit, auth: Auth, *, timeout_seconds: float, max_bytes: int) -> None:
        super().__init__()
        self._permit = permit
        self._auth = auth
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.update({"Accept-Encoding": "identity", "User-Agent": "bayescaler", **auth.headers})
        adapter = _GuardedAdapter(permit, auth)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        """Mount our own adapter only: requests and prometheus-api-client mount theirs, which would pass the guards."""
        if isinstance(adapter, _GuardedAdapter):
            super().mount(prefix, adapter)

    def request(self, method: str | bytes, url: str | bytes, *_: Any, **options: Any) -> requests.Response:
        """Ask, and return an Answer or raise a SourceError."""
        params = dict(options.get("params") or {})
        long = len(urlencode(params)) > LONG_QUERY_CHARACTERS  # proxies cut long addresses; a form has no such end
        deadline = Deadline.now_running()
        try:
            with super().request(
                "POST" if long else method,
                url,
                params=None if long else params,
                data=params if long else None,
                timeout=(min(5.0, self._timeout_seconds), self._timeout_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._answer(response)
        except (requests.RequestException, TimeoutError, SourceError) as error:
            late = deadline is not None and deadline.expired  # a cut connection can look like any other trouble
            if late or isinstance(error, TimeoutError | requests.Timeout):
                raise SourceError(
                    f"{self._permit.url} did not answer within {self._timeout_seconds:g} s: "
                    "simplify the query or look at the server",
                    reason="Timeout",
                    silent=True,
                ) from None
            if isinstance(error, SourceError):
                raise
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> SourceError:
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return SourceError(f"{self._permit.url} broke off in the middle of its answer", reason="BadAnswer")
        cause: BaseException = error
        while cause.args and isinstance(cause.args[0], BaseException):
            cause = cause.args[0]
        cause = getattr(cause, "reason", None) or cause
        what = "TLS failed" if isinstance(error, requests.exceptions.SSLError) else "cannot be reached"
        text = str(cause).rpartition(": ")[2] or type(cause).__name__
        return SourceError(f"{self._permit.url}: {what}: {self._shown(text)}", reason="ServerUnreachable", silent=True)

    def _answer(self, response: requests.Response) -> Answer:
        code = response.status_code
        if 300 <= code < 400:
            raise SourceError(
                f"{self._permit.url} answers with a redirect ({code}), which is not followed: "
                "write the final address into serverAddress",
                reason="NotAllowed",
            )
        if code == 200:
            return Answer(self._matrix(self._body(response, self._max_bytes)))
        raise self._refusal(code, self._body(response, ERROR_BYTES, cut=True))

    def _body(self, response: requests.Response, limit: int, *, cut: bool = False) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError(f"{self._permit.url} compresses its answer though asked not to", reason="BadAnswer")
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > limit and cut:
                break
            if len(body) > limit:
                raise SourceError(
                    f"{self._permit.url} answers with more than {limit / 2**20:g} MiB: "
                    "let the query give one series, with sum() for instance",
                    reason="TooLarge",
                )
        return bytes(body)

    def _matrix(self, body: bytes) -> Matrix:
        try:
            envelope = json.loads(body)
            data = envelope["data"]
            kind, series = data["resultType"], data["result"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise SourceError(
                f"{self._permit.url} does not answer like a Prometheus HTTP API: is serverAddress right?",
                reason="BadAnswer",
            ) from None
        if kind != "matrix" or not isinstance(series, list):
            raise SourceError(f"{self._permit.url} answers with a {kind!s:.20}, not a matrix", reason="BadAnswer")
        for one in series:
            if isinstance(one, dict) and isinstance(one.get("metric"), dict):
                # A proxy may label what it answers with how it was asked, and labels are shown.
                one["metric"] = {name: self._auth.redact(str(value)) for name, value in one["metric"].items()}
        remarks = [*_texts(envelope.get("warnings")), *_texts(envelope.get("infos"))]
        return Matrix(series, tuple(self._shown(remark) for remark in remarks[:MAX_WARNINGS]))

    def _refusal(self, code: int, body: bytes) -> SourceError:
        error_type, text = "", ""
        try:
            envelope = json.loads(body)
            error_type, text = str(envelope.get("errorType", "")), str(envelope.get("error", ""))
        except (ValueError, AttributeError, RecursionError):
            text = ""  # a proxy's page says nothing that a status could show
        said = f": {self._shown(text)}" if text else ""
        if code in {401, 403}:
            return SourceError(
                f"{self._permit.url} refuses the credentials ({code}){said}: look at the Secret of authRef",
                reason="AuthFailed",
            )
        if error_type == "timeout":
            return SourceError(f"{self._permit.url} gave up on the query{said}", reason="Timeout")
        if code in {400, 422} or error_type in {"bad_data", "execution"}:
            return SourceError(f"the query is refused ({code}){said}", reason="QueryFailed")
        if code == 429 or code >= 500:
            return SourceError(f"{self._permit.url} answers {code}{said}", reason="ServerUnreachable")
        return SourceError(
            f"{self._permit.url} answers {code} where the Prometheus HTTP API should be{said}", reason="BadAnswer"
        )

    def _shown(self, text: str) -> str:
        flat = self._auth.redact(" ".join(text.split()))
        return flat if len(flat) <= SHOWN_CHARACTERS else flat[: SHOWN_CHARACTERS - 1] + "…"


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []

"""A small real HTTP server on loopback that speaks the Prometheus range API from arrays, and fails on demand."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bayescaler.sources.prometheus import PrometheusSource


def matrix(*series: tuple[dict[str, str], list[list[Any]]], **extra: Any) -> dict[str, Any]:
    result = [{"metric": labels, "values": values} for labels, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}} | extra


class FakePrometheus:
    """`value_at` gives the sample at an instant (None: no sample); `fault` may take over a whole request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.value_at: Callable[[float], float | str | None] = lambda at: at % 1000
        self.labels: dict[str, str] = {}
        self.extra: dict[str, Any] = {}
        self.fault: Callable[[BaseHTTPRequestHandler, dict[str, str]], None] | None = None
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.released = threading.Event()  # ends every request that hangs
        self.arrived = threading.Semaphore(0)  # one more for each request that came
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, form: dict[str, str]) -> dict[str, Any]:
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        if (end - start) / step > 11_000:
            raise AssertionError("exceeded maximum resolution of 11,000 points per timeseries")
        samples = []
        for index in range(int((end - start) // step) + 1):
            at = start + index * step
            value = self.value_at(at)
            if value is not None:
                samples.append([at, value if isinstance(value, str) else repr(value)])
        return matrix(*([(self.labels, samples)] if samples else []), **self.extra)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                fake.connections += 1
                super().setup()

            def do_GET(self) -> None:
                self._serve(urlsplit(self.path).query)

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def _serve(self, encoded: str) -> None:
                form = {name: values[0] for name, values in parse_qs(encoded).items()}
                fake.asked.append(form | {"method": self.command, "path": urlsplit(self.path).path})
                fake.headers.append(dict(self.headers.items()))
                fake.arrived.release()
                try:
                    if fake.fault is not None:
                        fake.fault(self, form)
                    else:
                        send(self, 200, json.dumps(fake.answer(form)).encode())
                except OSError:
                    self.close_connection = True  # the client cut the connection, as it should

            def log_message(self, *_: Any) -> None:
                """Stay silent."""

        return Handler


def send(handler: BaseHTTPRequestHandler, code: int, body: bytes, **headers: str) -> None:
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()
    yield fake
    fake.close()


@pytest.fixture
async def source(prometheus: FakePrometheus) -> AsyncIterator[PrometheusSource]:
    """A source of that server, patient enough for a slow machine."""
    made = PrometheusSource(prometheus.url, timeout_seconds=60.0, max_bytes=1 << 20)
    yield made
    await made.close()


@pytest.fixture
def respond() -> Callable[..., Callable[..., None]]:
    """Return a fault that always answers the same."""

    def make(code: int, body: bytes | dict[str, Any] = b"", **headers: str) -> Callable[..., None]:
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        return lambda handler, _: send(handler, code, content, **headers)

    return make


@pytest.fixture
def series() -> Callable[..., dict[str, Any]]:
    """Return the builder of an answer."""
    return matrix


@pytest.fixture
def start_prometheus() -> Iterator[Callable[..., FakePrometheus]]:
    """Start more servers, with TLS if need be."""
    running: list[FakePrometheus] = []

    def start(tls: ssl.SSLContext | None = None) -> FakePrometheus:
        running.append(FakePrometheus(tls))
        return running[-1]

    yield start
    for fake in running:
        fake.close()

"""The HTTP API of Prometheus on loopback, over a clock and a series store, in the event loop that runs."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import MultiDict, MultiMapping

from bayescaler.sandbox.address import HOST, keep
from bayescaler.sandbox.prometheus import answers, promql
from bayescaler.sandbox.prometheus.answers import BadDataError
from bayescaler.sandbox.prometheus.engine import ExecutionError, Vector, evaluate, range_samples
from bayescaler.sandbox.prometheus.faults import HEALTHY, TIMEOUT_SECONDS, Fault, error_response
from bayescaler.sandbox.prometheus.functions import PROMETHEUS_3, Dialect
from bayescaler.sandbox.prometheus.parser import parse
from bayescaler.sandbox.prometheus.store import Labels, Samples, SeriesStore, Times

RECEIVED_KEPT = 10_000
COMPRESSED_FROM_BYTES = 1400
SHUTDOWN_SECONDS = 0.05  # stop() is a crash as seen from outside: requests under way are cut off

_PARAMETERS: web.RequestKey[MultiMapping[str]] = web.RequestKey("parameters", MultiMapping)


class Now(Protocol):
    """All that is asked of a clock here."""

    def now(self) -> float:
        """Epoch seconds."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came, for tests to look at; `headers` may hold what is secret elsewhere."""

    method: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


class SandboxPrometheus:
    """`async with SandboxPrometheus(clock) as prometheus:` serves `prometheus.store` at `prometheus.url`.

    Samples later than the clock cannot be seen. `fault` (see `faults`) spoils answers until set back to
    HEALTHY; `types` is what its metadata says of metrics; `stop` refuses connections until `start`, at the same
    address. `warnings` go out with each answer. `required_headers` turn away with 401 who does not send them;
    `ssl_context` serves https.
    """

    def __init__(
        self,
        clock: Now,
        store: SeriesStore | None = None,
        *,
        dialect: Dialect = PROMETHEUS_3,
        port: int = 0,
        required_headers: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.store = store if store is not None else SeriesStore()
        self.fault: Fault = HEALTHY
        self.warnings: list[str] = []
        self.types: dict[str, str] = {}
        self.received: deque[Received] = deque(maxlen=RECEIVED_KEPT)
        self._arrivals: list[asyncio.Future[Received]] = []
        self._clock = clock
        self._dialect = dialect
        self._port, self._kept = port, False
        self._required_headers = dict(required_headers or {})
        self._ssl_context = ssl_context
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end; kept over stop and start."""
        if not self._port:
            raise RuntimeError("the sandbox's Prometheus has no address before it is started")
        return f"{'https' if self._ssl_context else 'http'}://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start serving."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        await self.stop()

    async def start(self) -> None:
        """Serve, at the address of last time if there was one; nothing to do while it serves."""
        if self._runner is not None:
            return
        runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        self._port = self._port if self._kept else keep(self._port, owner=self)
        self._kept = True
        site = web.TCPSite(runner, HOST, self._port, ssl_context=self._ssl_context, reuse_address=True)
        await site.start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Cut connections and refuse new ones until `start`."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def next_request(self) -> "asyncio.Future[Received]":
        """Promise the next request to arrive, whatever becomes of it; for waiting until one is in hand."""
        arrival: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        self._arrivals.append(arrival)
        return arrival

    def _note(self, received: Received) -> None:
        self.received.append(received)
        for arrival in self._arrivals:
            if not arrival.done():
                arrival.set_result(received)
        self._arrivals.clear()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard], client_max_size=16 * 2**20)
        both = (("query", self._query), ("query_range", self._query_range), ("series", self._series))
        for name, handler in (*both, ("labels", self._labels)):
            application.router.add_get(f"/api/v1/{name}", handler)
            application.router.add_post(f"/api/v1/{name}", handler)
        application.router.add_get("/api/v1/label/{name}/values", self._label_values)
        application.router.add_get("/api/v1/metadata", self._metadata)
        application.router.add_get("/api/v1/status/buildinfo", self._build_info)
        for path, state in (("/", "Here"), ("/-/ready", "Ready"), ("/-/healthy", "Healthy")):
            application.router.add_get(path, _plain(f"Prometheus Server is {state}.\n"))
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Before each handler: note the request, ask for credentials, let the fault strike, word errors."""
        parameters = MultiDict(request.query)
        if request.method == "POST":
            # Go's FormValue prefers the body.
            form = await request.post()
            parameters = MultiDict([*((k, v) for k, v in form.items() if isinstance(v, str)), *parameters.items()])
        request[_PARAMETERS] = parameters
        self._note(Received(request.method, request.path, dict(parameters), dict(request.headers), self._clock.now()))
        if any(request.headers.get(name) != value for name, value in self._required_headers.items()):
            return web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"})

        async def proceed() -> web.StreamResponse:
            return await handler(request)

        try:
            if parameters.get("timeout"):
                request[TIMEOUT_SECONDS] = answers.duration_seconds(parameters, "timeout")
            if self.fault.strikes(parameters.get("query", "")):
                return await self.fault.respond(request, proceed)
            return await proceed()
        except BadDataError as error:
            return error_response(400, "bad_data", str(error))
        except promql.PromQLError as error:
            return error_response(400, "bad_data", f'invalid parameter "query": {error}')
        except ExecutionError as error:
            return error_response(422, "execution", str(error))

    async def _query(self, request: web.Request) -> web.Response:
        parameters = request[_PARAMETERS]
        at = answers.time_ms(parameters, "time", self._clock.now())
        query = parameters.get("query", "")
        expression = parse(query)
        if isinstance(expression, promql.Selector) and expression.kind == promql.RANGE:
            samples = range_samples(expression, at, self._select, self._dialect)
            return self._answer(request, answers.matrix(self._altered(query, samples)))
        grid = np.array([at], dtype=np.int64)
        value = evaluate(expression, grid, self._select, self._dialect)
        if not isinstance(value, Vector):
            return self._answer(request, answers.scalar(at, float(value[0])))
        return self._answer(request, answers.vector(self._altered(query, _series(value, grid))))

    async def _query_range(self, request: web.Request) -> web.Response:
        parameters = request[_PARAMETERS]
        grid = answers.grid_ms(parameters)
        query = parameters.get("query", "")
        expression = parse(query)
        if expression.kind == promql.RANGE:
            raise BadDataError(
                'invalid parameter "query": invalid expression type "range vector" for range query, '
                "must be Scalar or instant Vector"
            )
        value = evaluate(expression, grid, self._select, self._dialect)
        found = _series(value, grid) if isinstance(value, Vector) else [Samples((), grid, value)]
        return self._answer(request, answers.matrix(self._altered(query, found)))

    async def _series(self, request: web.Request) -> web.Response:
        if not request[_PARAMETERS].getall("match[]", []):
            raise BadDataError("no match[] parameter provided")
        return self._answer(request, [dict(labels) for labels in sorted(self._matched(request))])

    async def _labels(self, request: web.Request) -> web.Response:
        return self._answer(request, sorted({name for labels in self._matched(request) for name, _ in labels}))

    async def _label_values(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return self._answer(
            request,
            sorted({value for labels in self._matched(request) for key, value in labels if key == name}),
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        asked = request[_PARAMETERS].get("metric", "")
        told = {name: kind for name, kind in self.types.items() if asked in {"", name}}
        return self._answer(request, {name: [{"type": kind, "help": "", "unit": ""}] for name, kind in told.items()})

    async def _build_info(self, request: web.Request) -> web.Response:
        about = {
            "version": self._dialect.version,
            "revision": "sandbox",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
        return self._answer(request, about)

    def _matched(self, request: web.Request) -> list[Labels]:
        """Label sets of the series with a sample between `start` and `end` that meet one of `match[]`, or
        all.
        """
        parameters = request[_PARAMETERS]
        start = answers.time_ms(parameters, "start", 0.0)
        end = answers.time_ms(parameters, "end", self._clock.now())
        selectors = [_selector(text) for text in parameters.getall("match[]", [])]

        def wanted(labels: dict[str, str]) -> bool:
            return not selectors or any(selector.accepts(labels) for selector in selectors)

        return [
            samples.labels
            for samples in self._visible(wanted)
            if ((samples.times >= start) & (samples.times <= end)).any()
        ]

    def _select(self, selector: promql.Selector) -> list[Samples]:
        return self._visible(selector.accepts)

    def _visible(self, accepts: Callable[[dict[str, str]], bool]) -> list[Samples]:
        now = int(self._clock.now() * 1000)
        return [series.visible(now) for series in self.store if accepts(dict(series.labels))]

    def _altered(self, query: str, result: Sequence[Samples]) -> Sequence[Samples]:
        return self.fault.alter(result) if self.fault.strikes(query) else result

    def _answer(self, request: web.Request, data: object) -> web.Response:
        body = answers.success(data, self.warnings).encode()
        response = web.Response(body=body, content_type="application/json")
        if len(body) >= COMPRESSED_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response


def _series(value: Vector, grid: Times) -> list[Samples]:
    """A vector's rows as series, with only the points that are present."""
    rows = zip(value.labels, value.values, value.present, strict=True)
    return [Samples(labels, grid[present], values[present]) for labels, values, present in rows]


def _selector(text: str) -> promql.Selector:
    expression = parse(text)
    if not isinstance(expression, promql.Selector) or expression.kind != promql.INSTANT:
        raise BadDataError(f'invalid parameter "match[]": {text} is not a series selector')
    return expression


def _plain(text: str) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    return handler

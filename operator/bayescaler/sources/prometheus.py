"""Load from a Prometheus HTTP API, through prometheus-api-client.

Prometheus evaluates at instants: the bucket that starts at t with width step is the sample evaluated at t + step, so
that `sum(rate(x[1m]))` with a step of a minute covers the bucket. Whatever `load.kind` says, numbers come as the query
gives them: per second for Rate, per bucket for Count (the caller divides), the level for Gauge.

Ask from the newest bucket seen before: only a range that holds an old value can tell stale from absent.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
from prometheus_api_client import PrometheusConnect

from .allow import AllowList, Permit
from .auth import NO_AUTH, Auth
from .breaker import Breaker
from .fair import FairSeats
from .grid import Flags, Floats, closed_buckets, judged
from .port import LoadQuery, Series, SourceError
from .session import Deadline, GuardedSession, Matrix

MAX_POINTS = 10_000  # a chunk; Prometheus refuses above 11,000
SHOWN_SERIES = 5
MAX_BYTES = 4 << 20  # ten times a full chunk of one series; parsed it takes nine times as much memory
MAX_SERVERS = 64
MAX_SESSIONS = 64  # a server: one for each Secret
FAILING_ASKERS = 3
GRACE_SECONDS = 1.0
SERVERS_SHARE = 0.9  # of the time limit, so that it can still say that it gave up


class PrometheusSource:
    """A LoadSource over any number of servers. Each has threads, connections and a breaker of its own.

    `auth_for` gives the credentials of an auth key that was read before; None says that they are not there.
    """

    def __init__(
        self,
        default_address: str = "",
        allow_list: AllowList | None = None,
        *,
        auth_for: Callable[[str], Auth | None] = lambda _: None,
        max_in_flight: int = 8,
        timeout_seconds: float = 10.0,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        allowed = allow_list if allow_list is not None else AllowList(())
        self._default_address = default_address
        self._allowed = allowed.including(default_address) if default_address else allowed
        self._auth_for = auth_for
        self._max_in_flight = max_in_flight
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._servers: OrderedDict[str, _Server] = OrderedDict()

    async def read(self, query: LoadQuery, *, start: float, end: float, now: float) -> Series:
        """Return the closed buckets that start in [start, end), or raise SourceError."""
        step = query.step_seconds
        if step < 1 or step != int(step):
            raise SourceError(f"the step of {step:g} s is not a whole number of seconds", reason="QueryFailed")
        permit, auth = self._permit(query), self._auth(query)
        times = closed_buckets(start, end, step_seconds=step, now=now)
        values, seen = np.full(len(times), np.nan), np.zeros(len(times), dtype=np.bool_)
        server = self._server(permit)
        warnings: dict[str, None] = {}
        labels: list[dict[str, str]] = []
        for part in _parts(len(times)):
            matrix = await server.ask(query, auth, times[part] + step)
            warnings |= dict.fromkeys(matrix.warnings)
            labels += [found for found in _labels(matrix, permit.url) if found not in labels]
            if len(labels) > 1:
                raise _several(labels)
            _place(matrix, permit.url, times[part] + step, step, values[part], seen[part])
        return judged(times, values, seen, warnings=tuple(warnings))

    async def close(self) -> None:
        """Cut what is under way and let go of connections and threads."""
        while self._servers:
            self._servers.popitem()[1].close()

    def _permit(self, query: LoadQuery) -> Permit:
        address = query.server_address or self._default_address
        if not address:
            raise SourceError("no serverAddress is given, and the operator has no default", reason="NotAllowed")
        return self._allowed.check(address)

    def _auth(self, query: LoadQuery) -> Auth:
        if query.auth_key is None:
            return NO_AUTH
        auth = self._auth_for(query.auth_key)
        if auth is None:
            raise SourceError(f"Secret {query.auth_key} of authRef is not there", reason="AuthMissing")
        return auth

    def _server(self, permit: Permit) -> "_Server":
        server = self._servers.get(permit.url)
        if server is None:
            breaker = Breaker(limit=FAILING_ASKERS, pause_seconds=self._timeout_seconds, clock=self._clock)
            server = _Server(permit, breaker, self._max_in_flight, self._timeout_seconds, self._max_bytes)
            self._servers[permit.url] = server
        self._servers.move_to_end(permit.url)
        if len(self._servers) > MAX_SERVERS:
            self._servers.popitem(last=False)[1].close()
        return server


class _Server:
    """Threads, pooled connections and breaker of one server."""

    def __init__(
        self, permit: Permit, breaker: Breaker, max_in_flight: int, timeout_seconds: float, max_bytes: int
    ) -> None:
        self._permit = permit
        self._breaker = breaker
        self._timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._seats = FairSeats(max_in_flight)
        self._threads = ThreadPoolExecutor(max_in_flight, thread_name_prefix="prometheus")
        self._clients: OrderedDict[str | None, tuple[Auth, PrometheusConnect]] = OrderedDict()
        self._under_way: set[Deadline] = set()

    async def ask(self, query: LoadQuery, auth: Auth, instants: Floats) -> Matrix:
        """Evaluate the query at instants one step apart; in a thread, once its namespace has a seat."""
        tenant = query.key.partition("/")[0]
        await self._seats.acquire(tenant)
        try:
            since = self._breaker.check(query.key)  # only now: the server may have gone while we stood in the queue
            deadline = Deadline()
            client = self._client(query.auth_key, auth)
            asked = asyncio.get_running_loop().run_in_executor(
                self._threads, self._query, client, deadline, query, instants
            )
        except BaseException:
            self._seats.release(tenant)
            raise
        self._under_way.add(deadline)
        asked.add_done_callback(lambda done: self._finished(done, deadline, query.key, since))
        return await self._in_time(asked, deadline, query.key, since)

    async def _in_time(self, asked: "asyncio.Future[Matrix]", deadline: Deadline, asker: str, since: int) -> Matrix:
        timer = asyncio.get_running_loop().call_later(self._timeout_seconds, deadline.expire)
        try:
            # The shield: a thread cannot be cancelled. The grace: looking up a name knows no deadline.
            return await asyncio.wait_for(asyncio.shield(asked), self._timeout_seconds + GRACE_SECONDS)
        except TimeoutError:
            error = SourceError(
                f"{self._permit.url} did not answer within {self._timeout_seconds:g} s", reason="Timeout", silent=True
            )
            self._breaker.failed(asker, error, since=since)
            raise error from None
        except asyncio.CancelledError:
            deadline.expire()
            raise
        finally:
            timer.cancel()

    def _finished(self, asked: "asyncio.Future[Matrix]", deadline: Deadline, asker: str, since: int) -> None:
        error = None if asked.cancelled() else asked.exception()
        if isinstance(error, SourceError) and error.silent:
            self._breaker.failed(asker, error, since=since)
        elif not asked.cancelled():
            self._breaker.answered()
        # Last, so that who gets the seat finds what this one learned.
        self._under_way.discard(deadline)
        self._seats.release(asker.partition("/")[0])

    def _query(self, client: PrometheusConnect, deadline: Deadline, query: LoadQuery, instants: Floats) -> Matrix:
        with deadline.running():
            matrix: Matrix = client.custom_query_range(
                query.query,
                datetime.fromtimestamp(instants[0], UTC),
                datetime.fromtimestamp(instants[-1], UTC),
                f"{query.step_seconds:.0f}",
                params={"timeout": f"{1000 * SERVERS_SHARE * self._timeout_seconds:.0f}ms", "limit": SHOWN_SERIES + 1},
            )
            return matrix

    def _client(self, auth_key: str | None, auth: Auth) -> PrometheusConnect:
        known = self._clients.get(auth_key)
        if known is None or known[0] != auth:
            session = GuardedSession(
                self._permit, auth, timeout_seconds=self._timeout_seconds, max_bytes=self._max_bytes
            )
            client = PrometheusConnect(url=self._permit.url, session=session)
            if known is not None:
                known[1].close()
            self._clients[auth_key] = known = (auth, client)
        self._clients.move_to_end(auth_key)
        if len(self._clients) > MAX_SESSIONS:
            self._clients.popitem(last=False)[1][1].close()
        return known[1]

    def close(self) -> None:
        for deadline in tuple(self._under_way):
            deadline.expire()
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._clients:
            self._clients.popitem()[1][1].close()


def _parts(count: int) -> Iterator[slice]:
    for first in range(0, count, MAX_POINTS):
        yield slice(first, min(first + MAX_POINTS, count))


def _labels(matrix: Matrix, url: str) -> list[dict[str, str]]:
    try:
        return [dict(series["metric"]) for series in matrix]
    except (TypeError, KeyError, ValueError):
        raise _nonsense(url) from None


def _place(matrix: Matrix, url: str, instants: Floats, step_seconds: float, values: Floats, seen: Flags) -> None:
    """Write the samples of at most one series into `values` and `seen`, in place."""
    for series in matrix:
        if "histograms" in series:
            raise SourceError(
                "the query gives a histogram, not a number: wrap it in histogram_count() or histogram_quantile()",
                reason="QueryFailed",
            )
        try:
            samples = series["values"]
            at = np.array([sample[0] for sample in samples], dtype=np.float64)
            found = np.array([float(sample[1]) for sample in samples], dtype=np.float64)
        except (TypeError, KeyError, ValueError, IndexError):
            raise _nonsense(url) from None
        places = np.rint((at - instants[0]) / step_seconds)
        inside = (places >= 0) & (places < len(instants))
        if not inside.all() or np.any(np.abs(instants[places.astype(np.int64)] - at) > 0.5):
            raise SourceError(f"{url} answers with instants that were not asked for", reason="BadAnswer")
        index = places.astype(np.int64)
        values[index], seen[index] = found, True


def _nonsense(url: str) -> SourceError:
    return SourceError(f"{url} answers with series that cannot be read", reason="BadAnswer")


def _several(labels: list[dict[str, str]]) -> SourceError:
    shown = ", ".join(
        "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(found.items())) + "}"
        for found in labels[:SHOWN_SERIES]
    )
    count = f"more than {SHOWN_SERIES}" if len(labels) > SHOWN_SERIES else str(len(labels))
    return SourceError(
        f"the query gives {count} series where one is needed ({shown}): wrap it in sum() or select one by its labels",
        reason="SeveralSeries",
    )

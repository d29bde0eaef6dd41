"""LeaseElector: which of several processes may write, settled by one Lease of coordination.k8s.io/v1.

Every judgement of age uses this process's own monotonic clock: how long ago *we* saw the Lease change, and
how long ago *we* began the renewal that last worked. The times written into the Lease are for people. The
holder stops believing in itself after `renew_deadline_seconds`, everybody else waits `duration_seconds`, so
skew and hung requests cannot make two leaders.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .client import KubeClient
from .errors import ApiError, Conflict, Forbidden, NotFound, Unprocessable, Unreachable
from .events import micro_time
from .paths import Json, item

GROUP_VERSION = "coordination.k8s.io/v1"
JITTER_FACTOR = 1.2
VERSION_FIELD = "metadata.resourceVersion"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """client-go's defaults; each must leave room for the next."""

    duration_seconds: float = 15.0
    renew_deadline_seconds: float = 10.0
    retry_period_seconds: float = 2.0

    def __post_init__(self) -> None:
        shortest_deadline = JITTER_FACTOR * self.retry_period_seconds
        if not self.duration_seconds > self.renew_deadline_seconds > shortest_deadline > 0.0:
            raise ValueError(
                f"{self}: the duration must exceed the renew deadline, and that {JITTER_FACTOR} retry periods"
            )

    @property
    def request_seconds(self) -> float:
        """One hung request must leave time for a second one."""
        return self.renew_deadline_seconds / 2.0


def _nothing() -> None:
    """The callback of those who only ask `is_leader`."""


class LeaseElector:
    """One candidate for one Lease; `identity` must be this process's alone. Give it a client with connections
    of its own.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: LeaseTiming | None = None,
        on_started: Callable[[], None] = _nothing,
        on_stopped: Callable[[], None] = _nothing,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.identity = identity
        self.holder = ""
        self.transitions = 0
        self._client = client
        self._namespace = namespace
        self._name = name
        self._path = item(GROUP_VERSION, "leases", namespace, name)
        self._timing = timing or LeaseTiming()
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._jitter = jitter
        self._leads_until = -float("inf")
        self._announced = False
        self._reached = True
        self._mine: Json | None = None
        self._may_hold = False
        self._seen: str | None = None
        self._seen_at = 0.0

    @property
    def is_leader(self) -> bool:
        """Whether this process may write now: False from the instant the renew deadline passes, whatever the
        server does.
        """
        return self._clock() < self._leads_until

    async def run(self) -> None:
        """Stand for election until cancelled; then step down at once and give the Lease back."""
        try:
            while True:
                await self._try()
                await self._sleep(self._pause_seconds())
                self._announce()
        finally:
            await self._release()

    async def _try(self) -> None:
        began_at = self._clock()
        try:
            held = await self._within(self._patience_seconds(), self._claim())
        except ApiError as error:
            if isinstance(error, Conflict | Unprocessable) and not _is_invalid(error):
                logger.info("somebody else wrote the Lease first", extra={"lease": self._name})
            else:
                self._fail(error)
        else:
            self._reached = True
            self._leads_until = began_at + self._timing.renew_deadline_seconds if held else -float("inf")
        self._announce()

    def _fail(self, error: ApiError) -> None:
        """Say once why the Lease cannot be had, until it can."""
        level = logging.WARNING if self._reached else logging.DEBUG
        lease, told = f"{self._namespace}/{self._name}", {"reason": error.reason, "error": error.message}
        logger.log(level, "Lease not reached", extra={"lease": lease, **told, "cure": _cure(error)})
        self._reached = False

    async def _claim(self) -> bool:
        """Renew, take or create the Lease; False while it is somebody else's."""
        if self._mine is not None:
            mine, self._mine = self._mine, None
            try:
                return await self._put(self._renewed(mine))
            except (Conflict, NotFound):
                logger.info("Lease changed under us, reading it", extra={"lease": self._name})
        try:
            lease = await self._client.request("GET", self._path)
        except NotFound:
            # A PUT creates it, so that a Role can name the Lease on every verb; POST knows no resourceNames.
            return await self._put(self._taken({}))
        self._observe(lease)
        return self._is_free(lease.get("spec") or {}) and await self._put(self._taken(lease))

    async def _put(self, lease: Json) -> bool:
        self._may_hold = True  # whatever becomes of the answer
        self._mine = await self._client.request("PUT", self._path, body=lease)
        self._observe(self._mine)
        return True

    def _observe(self, lease: Json) -> None:
        spec, version = lease.get("spec") or {}, (lease.get("metadata") or {}).get("resourceVersion")
        if version != self._seen:
            self._seen = version
            self._seen_at = self._clock()
        self.holder = str(spec.get("holderIdentity") or "")
        self._may_hold = self.holder == self.identity
        self.transitions = int(spec.get("leaseTransitions") or 0)

    def _is_free(self, spec: Json) -> bool:
        holder = spec.get("holderIdentity") or ""
        duration = float(spec.get("leaseDurationSeconds") or self._timing.duration_seconds)
        return holder in {"", self.identity} or self._clock() >= self._seen_at + duration

    def _taken(self, lease: Json) -> Json:
        spec = lease.get("spec") or {}
        changed = spec.get("holderIdentity") != self.identity
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace} | (lease.get("metadata") or {})
        taken: Json = {"apiVersion": GROUP_VERSION, "kind": "Lease", "metadata": metadata, "spec": dict(spec)}
        if changed:
            taken["spec"]["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if lease else 0)
            taken["spec"]["acquireTime"] = micro_time(self._wall_clock())
        return self._renewed(taken)

    def _renewed(self, lease: Json) -> Json:
        spec = {
            **(lease.get("spec") or {}),
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._timing.duration_seconds),
            "renewTime": micro_time(self._wall_clock()),
        }
        return {**lease, "spec": spec}

    async def _release(self) -> None:
        self._leads_until = -float("inf")
        self._announce()
        if not self._may_hold:
            return
        try:
            await self._within(self._timing.request_seconds, self._give_back())
        except ApiError as error:
            logger.info("Lease not given back, it will expire", extra={"lease": self._name, "error": error.message})

    async def _give_back(self) -> bool:
        """Write the Lease as nobody's, for the next to take at once. One whose renewal was cut off is read first."""
        lease = self._mine
        if lease is None:
            lease = await self._client.request("GET", self._path)
            self._observe(lease)
        if not self._may_hold:
            return False
        given_back = self._renewed(lease)
        given_back["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        return await self._put(given_back)

    async def _within(self, seconds: float, work: Awaitable[bool]) -> bool:
        """`work`'s result if it comes within `seconds` of the injected time, else Unreachable."""
        task = asyncio.ensure_future(work)
        timer = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Unreachable(f"{self._path}: no answer within {seconds:g} s")
        finally:
            task.cancel()
            timer.cancel()
            await asyncio.gather(task, timer, return_exceptions=True)

    def _patience_seconds(self) -> float:
        """A renewal may take until the deadline, a first try half as long as that."""
        if self._announced:
            return min(self._timing.request_seconds, max(0.0, self._leads_until - self._clock()))
        return self._timing.request_seconds

    def _pause_seconds(self) -> float:
        """Candidates spread; the holder keeps its pace and wakes at its deadline at the latest."""
        if self._announced:
            return min(self._timing.retry_period_seconds, max(0.0, self._leads_until - self._clock()))
        return self._timing.retry_period_seconds * (1.0 + JITTER_FACTOR * self._jitter())

    def _announce(self) -> None:
        leads = self.is_leader
        if leads == self._announced:
            return
        self._announced = leads
        logger.info(
            "leading" if leads else "no longer leading",
            extra={
                "lease": self._name,
                "identity": self.identity,
                "holder": self.holder,
                "transitions": self.transitions,
            },
        )
        (self._on_started if leads else self._on_stopped)()


def _cure(error: ApiError) -> str:
    if isinstance(error, NotFound) or _is_invalid(error):
        return "give a namespace that exists and a valid name: --lease-namespace, --lease-name"
    if isinstance(error, Forbidden):
        return "grant get, create and update on the Lease of that name, or correct --lease-namespace, --lease-name"
    return "it is tried again"


def _is_invalid(error: ApiError) -> bool:
    """Whether the Lease itself is refused, its name say, and not only the resourceVersion it was written over."""
    return isinstance(error, Unprocessable) and any(not cause.startswith(VERSION_FIELD) for cause in error.causes)

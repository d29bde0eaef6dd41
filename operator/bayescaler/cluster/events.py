"""EventRecorder: events.k8s.io/v1 events about our objects, aggregated and rationed here because no server
does it.

Recording only queues. The same thing said of the same object within ten minutes becomes a series of one
event; what an object may cause is limited by a token bucket; failures are counted, logged once, and never the
caller's.
"""

import asyncio
import logging
import math
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from .client import FIELD_MANAGER, KubeClient
from .errors import ApiError, ClusterError, NotFound
from .paths import Json, collection, item

GROUP_VERSION = "events.k8s.io/v1"
CONTROLLER = "bayescaler.dev/operator"
MERGE_PATCH = "application/merge-patch+json"
SERIES_SECONDS = 600.0
# client-go's spam filter: 25 events at once, then one in five minutes, for each object.
BURST = 25.0
REFILL_SECONDS = 300.0
REMEMBERED = 4096
NOTE_BYTES = 1024
WORD_LENGTH = 128
NAME_LENGTH = 253

logger = logging.getLogger(__name__)


class EventType(StrEnum):
    """Kubernetes' two types of event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object an event is about; without its uid `kubectl describe` does not show the event."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class _Said:
    """What makes two events the same."""

    regarding: ObjectRef
    event_type: EventType
    reason: str
    action: str
    note: str


@dataclass(slots=True)
class _Series:
    """One event on the server: how often it was said, and how often the server knows of."""

    name: str
    count: int
    last_at: float
    created: bool = False


@dataclass(slots=True)
class _Bucket:
    """Tokens of one object."""

    tokens: float
    at: float


class EventRecorder:
    """Posts events from a queue of its own; `run` it beside the loop that records.

    `posted`, `failed` and `dropped` count requests that worked, requests that did not, and events the ration
    kept back.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        instance: str,
        controller: str = CONTROLLER,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.posted = 0
        self.failed = 0
        self.dropped = 0
        self._client = client
        self._instance = instance[:WORD_LENGTH]
        self._controller = controller
        self._clock = clock
        self._sleep = sleep
        self._series: OrderedDict[_Said, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._queue: OrderedDict[_Said, _Series] = OrderedDict()
        self._wake = asyncio.Event()
        self._failing = False

    def record(
        self,
        regarding: ObjectRef,
        *,
        reason: str,
        note: str,
        action: str,
        event_type: EventType = EventType.NORMAL,
    ) -> None:
        """Queue one event. Never blocks, never raises for what the server may say."""
        now = self._clock()
        said = _Said(regarding, event_type, reason[:WORD_LENGTH], action[:WORD_LENGTH], shorten(note))
        series = self._series.get(said)
        if series is None or now - series.last_at > SERIES_SECONDS:
            series = self._series[said] = _Series(_event_name(regarding.name), 0, now)
        series.count += 1
        series.last_at = now
        _remember(self._series, said)
        if not self._take_token(regarding.uid, now):
            self.dropped += 1
            return
        self._queue[said] = series
        self.dropped += _remember(self._queue, said)
        self._wake.set()

    def counts(self) -> dict[str, int]:
        """The counters by name, for the metrics."""
        return {"posted": self.posted, "failed": self.failed, "dropped": self.dropped}

    async def run(self) -> None:
        """Post what is recorded until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.drain()

    async def drain(self) -> None:
        """Post everything that is queued now."""
        while self._queue:
            said, series = self._queue.popitem(last=False)
            try:
                await self._post(said, series)
            except ClusterError as error:
                await self._fail(said, error)
            else:
                self.posted += 1
                self._failing = False

    async def _post(self, said: _Said, series: _Series) -> None:
        if series.created:
            path = item(GROUP_VERSION, "events", said.regarding.namespace, series.name)
            try:
                await self._client.request(
                    "PATCH",
                    path,
                    body={"series": _series_body(series)},
                    query={"fieldManager": FIELD_MANAGER},
                    content_type=MERGE_PATCH,
                )
            except NotFound:  # the server forgets events after an hour
                series.name = _event_name(said.regarding.name)
                series.created = False
            else:
                return
        await self._client.request(
            "POST",
            collection(GROUP_VERSION, "events", said.regarding.namespace),
            body=self._body(said, series),
            query={"fieldManager": FIELD_MANAGER},
        )
        series.created = True

    async def _fail(self, said: _Said, error: ClusterError) -> None:
        self.failed += 1
        logger.log(
            logging.DEBUG if self._failing else logging.WARNING,
            "event could not be posted",
            extra={
                "namespace": said.regarding.namespace,
                "object": said.regarding.name,
                "event": said.reason,
                "error": str(error),
            },
        )
        self._failing = True
        if isinstance(error, ApiError) and error.retry_after_seconds:
            await self._sleep(error.retry_after_seconds)

    def _body(self, said: _Said, series: _Series) -> Json:
        ref = said.regarding
        body: Json = {
            "apiVersion": GROUP_VERSION,
            "kind": "Event",
            "metadata": {"name": series.name, "namespace": ref.namespace},
            "eventTime": micro_time(series.last_at),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "action": said.action,
            "reason": said.reason,
            "type": str(said.event_type),
            "note": said.note,
            "regarding": {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": ref.uid,
            },
        }
        if series.count > 1:
            body["series"] = _series_body(series)
        return body

    def _take_token(self, uid: str, now: float) -> bool:
        bucket = self._buckets.get(uid) or _Bucket(BURST, now)
        bucket.tokens = min(BURST, bucket.tokens + max(0.0, now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        self._buckets[uid] = bucket
        _remember(self._buckets, uid)
        if math.floor(bucket.tokens) < 1:
            return False
        bucket.tokens -= 1.0
        return True


def micro_time(epoch_seconds: float) -> str:
    """Kubernetes' MicroTime: UTC with six decimals, which the API server insists on."""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shorten(note: str) -> str:
    """`note` within the API server's limit of 1,024 bytes."""
    encoded = note.encode()
    if len(encoded) <= NOTE_BYTES:
        return note
    return encoded[: NOTE_BYTES - len("…".encode())].decode(errors="ignore") + "…"


def _series_body(series: _Series) -> Json:
    return {"count": series.count, "lastObservedTime": micro_time(series.last_at)}


def _event_name(name: str) -> str:
    suffix = f".{uuid.uuid4().hex[:16]}"
    return name[: NAME_LENGTH - len(suffix)].rstrip("-.") + suffix


def _remember(memory: "OrderedDict[Any, Any]", key: object) -> int:
    """Mark `key` as the newest, forget what is beyond the bound, and say how many that were."""
    memory.move_to_end(key)
    forgotten = max(0, len(memory) - REMEMBERED)
    for _ in range(forgotten):
        memory.popitem(last=False)
    return forgotten

"""What a real HPA saw, proposed and did at each of its syncs, and the scripted metric it read.

A sync begins with a read of the scale, which the audit log has with its answer; what was proposed and what became of
it the controller logs at the moments at which it remembers them (`CONTROLLER_FLAGS`).
"""

import re
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from operator import itemgetter
from typing import Any, Generic, TypeVar

from harness.audit import HPA_CONTROLLER
from harness.controlplane import ControlPlane

T = TypeVar("T")

# The controller's own account, with times finer than a second; no HPA waits for another, no pod for a limit of rate.
CONTROLLER_FLAGS = (
    "--vmodule=horizontal=4",
    "--concurrent-horizontal-pod-autoscaler-syncs=40",  # each waits for its metric's beat
    "--kube-api-qps=200",
    "--kube-api-burst=400",
)
_PROPOSED = re.compile(
    r'I(?P<at>\d{4} [\d:.]+) .*"Proposing desired replicas[^"]*" desiredReplicas=(?P<replicas>-?\d+) '
    r'.*scaleTarget="Deployment/(?P<hpa>[^"]+)"'
)
_RESCALED = re.compile(
    r'I(?P<at>\d{4} [\d:.]+) .*"Successfully rescaled" HPA="(?P<hpa>[^"]+)" .*desiredReplicas=(?P<replicas>\d+)'
)


class Script(Generic[T]):
    """Values that the reads of a metric get one after the other, on a beat; after the last, that one again.

    The beat is the time that the metric takes to answer: whoever reads decides at multiples of `beat_seconds` after
    `offset_seconds`, and a little later. One that comes late waits for the next.
    """

    def __init__(self, values: Sequence[T], *, beat_seconds: float, offset_seconds: float = 0.0) -> None:
        self.values = values
        self._beat_seconds = beat_seconds
        self._offset_seconds = offset_seconds
        self._reads: list[float] = []
        self._another = threading.Condition()
        self._over = threading.Event()

    def __call__(self) -> T:
        """Give the next value at the next beat, and keep when."""
        self._over.wait((self._offset_seconds - time.time()) % self._beat_seconds)
        with self._another:
            self._reads.append(time.time())
            if len(self._reads) > len(self.values):
                self._over.set()
            self._another.notify_all()
            return self.values[min(len(self._reads), len(self.values)) - 1]

    @property
    def reads(self) -> list[tuple[float, T]]:
        """When each value was read; those of the script alone."""
        with self._another:
            return list(zip(self._reads, self.values, strict=False))

    def wait_over(self, deadline_seconds: float) -> None:
        """Wait for the read after the last value: whoever reads is then done with all of them."""
        with self._another:
            if not self._another.wait_for(lambda: len(self._reads) > len(self.values), deadline_seconds):
                raise TimeoutError(f"{len(self._reads)} of {len(self.values)} values read in {deadline_seconds:g} s")


@dataclass(frozen=True)
class Sync(Generic[T]):
    """One sync. `reads` holds what its metric told: nothing where the replicas were out of their limits."""

    began: float
    replicas: int  # spec.replicas of the scale it read
    running: int  # its status.replicas
    reads: tuple[T, ...]
    proposed: int | None  # by the metric, before stabilization, policies and limits; None without one
    decided: float | None  # when
    after: int  # the replicas it left
    scaled: float | None  # when it had, if it changed them

    @property
    def at(self) -> float:
        """The time of the decision."""
        return self.began if self.decided is None else self.decided


def syncs_of(cluster: ControlPlane, namespace: str, name: str, script: Script[T]) -> list[Sync[T]]:
    """Give the syncs of the HPA `name` on the Deployment `name` up to the end of its script."""
    begun = list(_scale_reads(cluster, namespace, name))
    lines = cluster.controller_manager.log.read_text().splitlines()
    proposals, rescales = (_logged(lines, pattern, f"{namespace}/{name}") for pattern in (_PROPOSED, _RESCALED))
    starts = [at for at, _ in begun]
    reads = _by_sync(starts, script.reads)
    proposed, rescaled = _by_sync(starts, proposals), _by_sync(starts, rescales)
    last = max(index for index, found in enumerate(reads) if found)
    syncs = []
    for index, (began, scale) in enumerate(begun[: last + 1]):
        decided = proposed[index][-1] if proposed[index] else (None, None)
        scaled = rescaled[index][-1] if rescaled[index] else (None, int(scale["spec"].get("replicas", 0)))
        syncs.append(
            Sync(
                began=began,
                replicas=int(scale["spec"].get("replicas", 0)),
                running=int(scale["status"]["replicas"]),
                reads=tuple(value for _, value in reads[index]),
                proposed=decided[1],
                decided=decided[0],
                after=scaled[1],
                scaled=scaled[0],
            )
        )
    return syncs


def _scale_reads(cluster: ControlPlane, namespace: str, name: str) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """When a sync read the scale, and what it was; reads after a conflict belong to the sync that had it."""
    conflict = False
    # A request is logged when it has been answered, which may be after the controller's next one came.
    for event in sorted(cluster.audit.of(HPA_CONTROLLER), key=itemgetter("requestReceivedTimestamp")):
        target = event["objectRef"]
        if (target["namespace"], target["name"]) != (namespace, name):
            continue
        code = event["responseStatus"]["code"]
        if event["verb"] == "get" and not conflict and code == HTTPStatus.OK:
            yield _epoch(event["requestReceivedTimestamp"]), event["responseObject"]
        conflict = event["verb"] == "update" and code == HTTPStatus.CONFLICT


def _logged(lines: Sequence[str], pattern: re.Pattern[str], hpa: str) -> list[tuple[float, int]]:
    """When the controller wrote a line about an HPA, and the replicas in it."""
    found = (pattern.match(line) for line in lines)
    return [(_local(one["at"]), int(one["replicas"])) for one in found if one and one["hpa"] == hpa]


def _by_sync(starts: Sequence[float], events: Sequence[tuple[float, T]]) -> list[list[tuple[float, T]]]:
    found: list[list[tuple[float, T]]] = [[] for _ in starts]
    for at, value in events:
        found[bisect_right(starts, at) - 1].append((at, value))
    return found


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _local(stamp: str) -> float:
    """Give the time of a log line, which has neither year nor zone: this machine's."""
    now = datetime.now(UTC).astimezone()
    told = datetime.strptime(f"{now.year}{stamp} {now:%z}", "%Y%m%d %H:%M:%S.%f %z")
    return (told if told <= now else told.replace(year=now.year - 1)).timestamp()

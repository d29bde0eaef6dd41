"""What runs now: the target of every object, and the use of its pods where the load cannot be had."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError, NotFound
from bayescaler.cluster.pod_metrics import cpu_utilization
from bayescaler.cluster.targets import TargetStore
from bayescaler.policy.reasons import Health
from bayescaler.telemetry.metrics import Metrics

from .containment import contained, each
from .rivals import Rivals
from .settings import Settings
from .shortage import Shortages
from .translate import TargetRef
from .workload import Problem, Workload


class Observer:
    """Finds targets: from the watch for Deployments and StatefulSets, by GET /scale for every other kind."""

    def __init__(
        self,
        client: KubeClient,
        targets: TargetStore,
        settings: Settings,
        metrics: Metrics,
        *,
        rivals: Rivals | None = None,
    ) -> None:
        self._rivals = rivals
        self._client, self._targets, self._settings, self._metrics = client, targets, settings, metrics
        self._shortages = Shortages(client, settings)
        self._seats = asyncio.Semaphore(settings.max_writes_in_flight)

    async def observe(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Bring `target` and, where it is needed, `utilization` of every workload up to date."""
        asked: list[_Read] = []
        each(workloads, "observe", self._metrics, lambda w: asked.extend(self._look(w, now)))
        asked.sort(key=lambda read: read.begun_at)  # what had no turn the last time comes first
        asked += (_Read(now, w, partial(self._shortages.read, w)) for w in self._shortages.follow(workloads, now=now))
        if asked:
            deadline = self._settings.collect_deadline_seconds
            reading = [asyncio.create_task(self._contained(read)) for read in asked]
            _, late = await asyncio.wait(reading, timeout=deadline)
            for task in late:
                task.cancel()
        _part_rivals(workloads)
        if self._rivals is not None:
            await self._rivals.look(workloads, now=now)

    def _look(self, workload: Workload, now: float) -> "Iterator[_Read]":
        """Take over what the watch knows, and yield what has to be read."""
        if workload.intent is None:
            return
        ref, known = workload.intent.target, workload.target
        if self._targets.holds(ref.api_version, ref.kind):
            workload.target = known = self._targets.get(ref.kind, workload.namespace, ref.name)
            workload.target_problem = None if known else _missing(workload)
        else:  # what cannot be read in time is not decided on
            late = f"the scale of {ref.kind} {ref.name} was not read in time"
            workload.target, workload.target_problem = None, Problem("ScaleNotRead", late)
            yield _Read(workload.scale_read_at, workload, partial(self._read, workload, ref, now))
        workload.utilization, workload.utilization_message = None, ""  # an old figure would be acted on again
        if known is not None and _blind(workload, now):
            read = partial(self._read_utilization, workload, known.selector, now)
            yield _Read(workload.utilization_read_at, workload, read)

    async def _contained(self, read: "_Read") -> None:
        with contained(read.workload, "observe", self._metrics):
            await read.begin()

    async def _read(self, workload: Workload, ref: TargetRef, now: float) -> None:
        async with self._seats:
            workload.scale_read_at = now
            try:
                workload.target = await self._targets.read(ref.api_version, ref.kind, workload.namespace, ref.name)
                workload.target_problem = None
            except NotFound:
                workload.target, workload.target_problem = None, _missing(workload)
            except ClusterError as error:
                workload.target, workload.target_problem = None, Problem(error.reason, str(error))

    async def _read_utilization(self, workload: Workload, selector: str | None, now: float) -> None:
        async with self._seats:
            workload.utilization_read_at = now
            try:
                read = await cpu_utilization(self._client, workload.namespace, selector, now=now)
            except ClusterError as error:
                workload.utilization, workload.utilization_message = None, str(error)
                return
        workload.utilization, workload.utilization_message = read.value, read.message


@dataclass(frozen=True, slots=True)
class _Read:
    """Something to be read of a workload, and when that was last begun."""

    begun_at: float
    workload: Workload
    begin: Callable[[], Awaitable[None]]


def _blind(workload: Workload, now: float) -> bool:
    """Whether the load has been missing for so long that the pods themselves are asked."""
    intent = workload.intent
    if intent is None or workload.load.health is Health.LIVE:
        return False
    missing_since = workload.state.missing_since
    return missing_since is not None and now - missing_since >= intent.policy.fallback.after_seconds


def _missing(workload: Workload) -> Problem:
    assert workload.intent is not None  # noqa: S101 - only workloads with an intent are observed
    ref = workload.intent.target
    return Problem(
        "TargetNotFound",
        f'{ref.kind} "{ref.name}" is not in namespace "{workload.namespace}"; '
        "create it, or correct spec.scaleTargetRef",
    )


def _part_rivals(workloads: Sequence[Workload]) -> None:
    """Of several objects on one target the oldest keeps it; the others are told, not fought."""
    sharing = defaultdict[tuple[str, str, str], list[Workload]](list)
    for workload in workloads:
        if workload.intent is not None and workload.target is not None:
            ref = workload.intent.target
            sharing[workload.namespace, ref.kind, ref.name].append(workload)
    for (_, kind, name), those in sharing.items():
        if len(those) == 1:
            continue
        owner, *others = sorted(those, key=lambda w: (w.created, w.key))
        problem = Problem(
            "TargetTaken", f'{kind} "{name}" is sized by BayesianAutoscaler "{owner.name}" already; delete one'
        )
        for workload in others:
            workload.target, workload.target_problem = None, problem

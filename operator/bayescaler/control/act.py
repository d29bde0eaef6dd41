"""Patch the replicas that a decision changed; a refused write costs nothing but this object's turn."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import ClusterError, Moved
from bayescaler.cluster.events import EventRecorder
from bayescaler.cluster.gate import Gate
from bayescaler.cluster.scale import Target, patch_scale
from bayescaler.cluster.targets import TargetStore
from bayescaler.policy import Decision
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .settings import Settings
from .workload import Problem, Workload

log = logging.getLogger(__name__)


class Actuator:
    """Writes /scale, at most `max_writes_in_flight` at once, and only while `may_write()` says so."""

    def __init__(
        self,
        client: KubeClient,
        discovery: ScaleDiscovery,
        targets: TargetStore,
        events: EventRecorder,
        settings: Settings,
        metrics: Metrics,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._client, self._discovery, self._targets, self._events = client, discovery, targets, events
        self._metrics, self._may_write = metrics, may_write
        self._gate = Gate(settings.max_writes_in_flight)
        self._deadline_seconds = settings.write_deadline_seconds

    async def act(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Apply every decision that acts."""
        for workload in workloads:
            if workload.decision is None or not workload.decision.acts:
                workload.write_problem = None
            elif workload.writing is None:
                workload.writing = asyncio.create_task(self._contained(workload, now), name=f"scale {workload.label}")
        writing = [w.writing for w in workloads if w.writing is not None]
        if writing:
            await asyncio.wait(writing, timeout=self._deadline_seconds)

    async def _contained(self, workload: Workload, now: float) -> None:
        try:
            with contained(workload, "act", self._metrics):
                await self._write(workload, now)
        finally:
            workload.writing = None

    async def _write(self, workload: Workload, now: float) -> None:
        decision = workload.decision
        assert decision is not None  # noqa: S101 - it acts
        try:
            after = await self._gate.run(lambda: self._patch(workload, decision))
        except Moved as moved:
            self._metrics.scale_writes.labels("moved").inc()
            log.info("replicas were changed meanwhile", extra={"object": workload.label, "why": str(moved)})
            return
        except ClusterError as error:
            self._metrics.scale_writes.labels(error.reason).inc()
            workload.write_problem = Problem("FailedUpdateScale", str(error))
            return
        if after is None:
            return
        self._metrics.scale_writes.labels("ok").inc()
        workload.write_problem = None
        workload.last_scale_at = now
        note = f"New size: {decision.final}; {decision.message}"
        self._events.record(workload.reference, reason="SuccessfulRescale", note=note, action="Rescale")

    async def _patch(self, workload: Workload, decision: Decision) -> Target | None:
        """One attempt; None when the decision no longer holds: leadership, the object or its intent has gone."""
        target, intent = workload.target, workload.intent
        if workload.gone or workload.decision is not decision or workload.decided_for is not intent:
            return None
        if not self._may_write() or target is None or intent is None:
            return None
        ref = intent.target
        resource = await self._discovery.resolve(ref.api_version, ref.kind)
        after = await patch_scale(
            self._client,
            resource,
            workload.namespace,
            ref.name,
            uid=target.uid,
            expected=target.replicas,
            replicas=decision.final,
        )
        self._targets.note(
            ref.api_version, ref.kind, workload.namespace, ref.name, seen=target, replicas=after.replicas
        )
        return after

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

    async def act(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Apply every decision that acts."""
        writes = []
        for workload in workloads:
            if workload.decision is not None and workload.decision.acts:
                writes.append(self._contained(workload, now))
            else:
                workload.write_problem = None
        if writes:
            await asyncio.gather(*writes)

    async def _contained(self, workload: Workload, now: float) -> None:
        with contained(workload, "act", self._metrics):
            await self._write(workload, now)

    async def _write(self, workload: Workload, now: float) -> None:
        decision = workload.decision
        assert decision is not None  # noqa: S101 - it acts
        try:
            after = await self._gate.run(lambda: self._patch(workload))
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

    async def _patch(self, workload: Workload) -> Target | None:
        """One attempt; None when this replica may no longer write."""
        decision, target, intent = workload.decision, workload.target, workload.intent
        if not self._may_write() or decision is None or target is None or intent is None:
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

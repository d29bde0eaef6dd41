"""Patch the replicas that a decision changed; a refused write costs nothing but this object's turn."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import ClusterError, Moved
from bayescaler.cluster.events import EventRecorder
from bayescaler.cluster.gate import Gate
from bayescaler.cluster.scale import Target, patch_scale
from bayescaler.cluster.scaler_store import ScalerStore
from bayescaler.cluster.scalers import Scaler
from bayescaler.cluster.targets import TargetStore
from bayescaler.policy import Decision
from bayescaler.policy.conflicts import attempted, wrote
from bayescaler.policy.reasons import Mode
from bayescaler.telemetry.metrics import Metrics

from .audit import Write, record, signature
from .containment import contained
from .decision_log import id_of
from .floors import FloorKeeper, floor_is_due, told
from .settings import Settings
from .translate import Intent
from .workload import Problem, Workload

log = logging.getLogger(__name__)


class Actuator:
    """Writes /scale, or the floor of another autoscaler, at most `max_writes_in_flight` at once, and only while
    `may_write()` says so; floors are put back only while `may_scale_in()`.
    """

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
        scalers: ScalerStore | None = None,
        may_scale_in: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client, self._discovery, self._targets, self._events = client, discovery, targets, events
        self._metrics, self._may_write = metrics, may_write
        self._may_scale_in = may_scale_in
        self._gate = Gate(settings.max_writes_in_flight)
        self._floors = (
            None if scalers is None else FloorKeeper(client, scalers, events, metrics, self._gate, may_write=may_write)
        )
        self._deadline_seconds = settings.write_deadline_seconds

    async def act(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Apply every decision that acts, and put back the floors that nobody uses any more."""
        for workload in workloads:
            basis = _basis(workload)
            if basis is None:
                workload.write_problem = None
            elif workload.writing is None:
                write = self._contained(workload, basis, now)
                workload.written = basis.decision
                workload.writing = asyncio.create_task(write, name=f"scale {workload.label}")
        writing = [w.writing for w in workloads if w.writing is not None]
        if self._floors is not None and self._may_scale_in():
            writing += self._floors.restore(workloads, now=now)
        if writing:
            await asyncio.wait(writing, timeout=self._deadline_seconds)

    async def _contained(self, workload: Workload, basis: "_Basis", now: float) -> None:
        try:
            with contained(workload, "act", self._metrics):
                await self._write(workload, basis, now)
        finally:
            workload.writing = None

    async def _write(self, workload: Workload, basis: "_Basis", now: float) -> None:
        try:
            said = await self._gate.run(lambda: self._patch(workload, basis))
        except Moved as moved:
            self._metrics.scale_writes.labels("moved").inc()
            record(basis.write, result="moved", why=str(moved))
            return
        except ClusterError as error:
            self._metrics.scale_writes.labels(error.reason).inc()
            record(basis.write, result=error.reason, why=str(error))
            workload.write_problem = _problem(error, basis)
            return
        if said is None:
            return
        self._metrics.scale_writes.labels("ok").inc(exemplar={"decision": basis.write.decision})
        record(basis.write, result="ok")
        workload.write_problem = None
        workload.last_scale_at = now
        workload.tenure = wrote(workload.tenure, basis.decision.final, now=now)
        note = f"{said}; {basis.decision.message}"
        self._events.record(workload.reference, reason="SuccessfulRescale", note=note, action="Rescale")

    async def _patch(self, workload: Workload, basis: "_Basis") -> str | None:
        """One attempt; None when the decision no longer holds: leadership, the object or its intent has gone."""
        decision, intent, target = basis.decision, basis.intent, basis.target
        if workload.gone or workload.decision is not decision or workload.intent is not intent:
            return None
        if not self._may_write():
            return None
        workload.tenure = attempted(workload.tenure, decision.final, now=decision.at)
        client = self._client.signed(signature(basis.write.decision))
        if basis.scaler is not None:
            if self._floors is None:
                return None
            return await self._floors.set_floor(workload, basis.scaler, decision.final, by=client)
        ref = intent.target
        resource = await self._discovery.resolve(ref.api_version, ref.kind)
        after = await patch_scale(
            client,
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
        return f"New size: {decision.final}"


@dataclass(frozen=True, slots=True)
class _Basis:
    """A decision and what it was decided on: a write may wait for its turn until the next tick has looked again."""

    decision: Decision
    intent: Intent
    target: Target
    scaler: Scaler | None
    write: Write


def _problem(error: ClusterError, basis: _Basis) -> Problem:
    if basis.scaler is None:
        return Problem("FailedUpdateScale", str(error))
    return Problem("FailedUpdateFloor", told(error, basis.scaler))


def _basis(workload: Workload) -> _Basis | None:
    """Return what is to be written for the last decision, None where nothing is."""
    decision, intent, target, scaler = workload.decision, workload.decided_for, workload.target, workload.scaler
    if decision is None or intent is None or target is None or (intent.policy.mode is Mode.FLOOR) != bool(scaler):
        return None
    due = decision.acts if scaler is None else floor_is_due(workload)
    return _Basis(decision, intent, target, scaler, _record_of(workload, decision, intent, target)) if due else None


def _record_of(workload: Workload, decision: Decision, intent: Intent, target: Target) -> Write:
    made, scaler = id_of(workload, decision), workload.scaler
    if scaler is not None:
        what = f"{scaler.kind} {scaler.namespace}/{scaler.name}"
        return Write(what, scaler.field, scaler.floor, decision.final, made)
    what = f"{intent.target.kind} {workload.namespace}/{intent.target.name}"
    return Write(what, "replicas", target.replicas, decision.final, made)

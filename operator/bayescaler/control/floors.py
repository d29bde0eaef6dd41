"""Mode Floor: the floor of an HPA or ScaledObject is ours while we use it, and is put back when we do not.

What was there before us stands on the autoscaler itself, so nothing is remembered here: every tick compares what is
with what should be. That puts a floor back on pause, on a change of mode and when our object is gone, also if that
happened while no operator ran; our objects need no finalizer, and none of them waits for an operator to be deleted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError, Moved, NotFound
from bayescaler.cluster.events import EventRecorder, ObjectRef
from bayescaler.cluster.gate import Gate
from bayescaler.cluster.scaler_store import ScalerStore
from bayescaler.cluster.scalers import Claim, Reference, Scaler, group_version, patch_floor, restore_floor
from bayescaler.policy import Policy
from bayescaler.policy.reasons import Mode
from bayescaler.telemetry.metrics import Metrics

from .workload import Workload

log = logging.getLogger(__name__)


def floor_terms(policy: Policy, scaler: Scaler) -> tuple[Policy, int]:
    """Return the policy for the floor of a scaler, and the floor in force, which is the replicas to decide from.

    The floor stays between the scaler's own floor and its maximum; a floor of 0 is no workload switched off by hand.
    """
    least = min(max(policy.min_replicas, scaler.own_floor), max(scaler.most, 1))
    most = max(least, min(policy.max_replicas, scaler.most))
    terms = replace(policy, min_replicas=least, max_replicas=most)
    return terms, scaler.floor if scaler.floor > 0 else min(least, 1)


def floor_is_due(workload: Workload) -> bool:
    """Whether the floor that was decided has to be written, or a claim that somebody wrote over be renewed."""
    decision, scaler = workload.decision, workload.scaler
    if decision is None or scaler is None or decision.withheld is not None:
        return False
    return decision.final != scaler.floor or (scaler.claim is not None and not scaler.untouched)


class FloorKeeper:
    """Writes floors, and puts those back that nobody uses."""

    def __init__(
        self,
        client: KubeClient,
        scalers: ScalerStore,
        events: EventRecorder,
        metrics: Metrics,
        gate: Gate,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._client, self._scalers, self._events, self._metrics = client, scalers, events, metrics
        self._gate, self._may_write = gate, may_write
        self._restoring: dict[str, asyncio.Task[None]] = {}

    async def set_floor(self, workload: Workload, floor: int) -> str:
        """Write the floor that was decided; return what to say of it. Raises ClusterError."""
        scaler = workload.scaler
        assert scaler is not None  # noqa: S101 - a floor is due
        after = await patch_floor(self._client, scaler, floor=floor, name=workload.name, uid=workload.uid)
        self._scalers.note(seen=scaler, after=after)
        return f"New floor: {scaler.field} of {scaler} is {after.floor}, its own is {scaler.own_floor}"

    def restore(self, workloads: Iterable[Workload]) -> tuple[asyncio.Task[None], ...]:
        """Begin to put back every floor that no object in mode Floor stands for; return what is under way."""
        claimed = self._scalers.claimed()
        if claimed:
            users = _Users(workloads)
            for scaler in claimed:
                if scaler.uid not in self._restoring and not users.use(scaler):
                    task = asyncio.create_task(self._restore(scaler), name=f"restore {scaler}")
                    self._restoring[scaler.uid] = task
        return tuple(self._restoring.values())

    async def _restore(self, scaler: Scaler) -> None:
        try:
            after = await self._gate.run(lambda: self._attempt(scaler))
        except (Moved, NotFound) as error:
            log.info("floor was changed meanwhile", extra={"scaler": str(scaler), "why": str(error)})
        except ClusterError as error:
            self._metrics.scale_writes.labels(error.reason).inc()
            log.warning("floor not put back", extra={"scaler": str(scaler), "why": str(error)})
        else:
            if after is not None:
                self._metrics.scale_writes.labels("ok").inc()
                self._tell(scaler, after)
        finally:
            del self._restoring[scaler.uid]

    async def _attempt(self, scaler: Scaler) -> Scaler | None:
        if not self._may_write():
            return None
        after = await restore_floor(self._client, scaler)
        self._scalers.note(seen=scaler, after=after)
        return after

    def _tell(self, scaler: Scaler, after: Scaler) -> None:
        claim = scaler.claim
        assert claim is not None  # noqa: S101 - only claimed ones are put back
        log.info("floor put back", extra={"scaler": str(scaler), "namespace": scaler.namespace, "floor": after.floor})
        self._events.record(
            ObjectRef(group_version(scaler.kind), scaler.kind, scaler.namespace, scaler.name, scaler.uid),
            reason="FloorRestored",
            note=f'{scaler.field} is {after.floor} again: BayesianAutoscaler "{claim.name}" no longer raises it',
            action="Restore",
        )


class _Users:
    """Which floors are in use: by what is meant, not by what could be read in this tick."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self._targets: set[tuple[str, Reference]] = set()
        self._unreadable: set[str] = set()
        for workload in workloads:
            intent = workload.intent
            if intent is None:
                self._unreadable.add(workload.uid)
            elif intent.policy.mode is Mode.FLOOR and not intent.policy.paused:
                ref = intent.target
                self._targets.add((workload.namespace, Reference.of(ref.api_version, ref.kind, ref.name)))

    def use(self, scaler: Scaler) -> bool:
        """Whether an object in mode Floor is on the same target, or the owner's spec cannot be understood just now."""
        claim: Claim | None = scaler.claim
        owned = claim is not None and claim.uid in self._unreadable
        return owned or (scaler.namespace, scaler.target) in self._targets

"""Mode Floor: the floor of an HPA or ScaledObject is ours while we use it, and is put back when we do not.

What was there before us stands on the autoscaler itself, so nothing is remembered here: every tick compares what is
with what should be. That puts a floor back on pause, on a change of mode and when our object is gone, also if that
happened while no operator ran; our objects need no finalizer, and none of them waits for an operator to be deleted.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError, Forbidden, Moved, NotFound
from bayescaler.cluster.events import EventRecorder, EventType, ObjectRef
from bayescaler.cluster.gate import Gate
from bayescaler.cluster.scaler_store import ScalerStore
from bayescaler.cluster.scalers import Claim, Reference, Scaler, group_version, patch_floor, resource, restore_floor
from bayescaler.policy import Policy
from bayescaler.policy.reasons import Mode
from bayescaler.telemetry.metrics import Metrics

from . import audit
from .workload import Workload

log = logging.getLogger(__name__)
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0


def floor_terms(policy: Policy, scaler: Scaler, *, known: tuple[Policy, Policy] | None = None) -> tuple[Policy, int]:
    """Return the policy for the floor of a scaler, and the floor in force, which is the replicas to decide from.

    `known`, the policy of before and its terms, serves again while nothing of it has changed: a policy precomputes. The
    floor stays between the scaler's own floor and its maximum; a floor of 0 is no workload switched off by hand.
    """
    least = min(max(policy.min_replicas, scaler.own_floor), max(scaler.most, 1))
    most = max(least, min(policy.max_replicas, scaler.most))
    if known is not None and known[0] is policy and (known[1].min_replicas, known[1].max_replicas) == (least, most):
        terms = known[1]
    else:
        terms = replace(policy, min_replicas=least, max_replicas=most)
    return terms, scaler.floor if scaler.floor > 0 else min(least, 1)


def floor_is_due(workload: Workload) -> bool:
    """Whether the floor that was decided has to be written, or a claim that somebody wrote over be renewed."""
    decision, scaler = workload.decision, workload.scaler
    if decision is None or scaler is None or decision.withheld is not None:
        return False
    return decision.final != scaler.floor or (scaler.claim is not None and not scaler.untouched)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A floor that could not be put back, and when that is tried again."""

    reason: str
    wait_seconds: float
    again_at: float


class FloorKeeper:
    """Writes floors, and puts those back that nobody uses: all at once as far as the gate lets, and what could not be
    put back ever more rarely.
    """

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
        self._refused: dict[str, _Refusal] = {}

    async def set_floor(self, workload: Workload, scaler: Scaler, floor: int, *, by: KubeClient) -> str:
        """Write the floor that was decided for what was seen as `scaler`; return what to say. Raises ClusterError."""
        after = await patch_floor(by, scaler, floor=floor, name=workload.name, uid=workload.uid)
        self._scalers.note(seen=scaler, after=after)
        return f"New floor: {scaler.field} of {scaler} is {after.floor}, its own is {scaler.own_floor}"

    def restore(self, workloads: Iterable[Workload], *, now: float) -> tuple[asyncio.Task[None], ...]:
        """Begin to put back every floor that no object in mode Floor stands for; return what is under way."""
        claimed = self._scalers.claimed()
        users = _Users(workloads if claimed else ())
        unused = {scaler.uid: scaler for scaler in claimed if not users.use(scaler)}
        self._refused = {uid: refusal for uid, refusal in self._refused.items() if uid in unused}
        for uid, scaler in unused.items():
            refusal = self._refused.get(uid)
            if uid not in self._restoring and (refusal is None or now >= refusal.again_at):
                self._restoring[uid] = asyncio.create_task(self._restore(scaler, now), name=f"restore {scaler}")
        return tuple(self._restoring.values())

    async def _restore(self, scaler: Scaler, now: float) -> None:
        try:
            after = await self._gate.run(lambda: self._attempt(scaler))
        except (Moved, NotFound) as error:
            log.info("floor was changed meanwhile", extra={"scaler": str(scaler), "why": str(error)})
        except ClusterError as error:
            self._refuse(scaler, error, now)
        else:
            if after is not None:
                self._refused.pop(scaler.uid, None)
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

    def _refuse(self, scaler: Scaler, error: ClusterError, now: float) -> None:
        """Say that a floor stays although nobody uses it, once a reason, and wait twice as long as the last time."""
        before, reason = self._refused.get(scaler.uid), error.reason
        wait = FIRST_WAIT_SECONDS if before is None else min(2.0 * before.wait_seconds, LONGEST_WAIT_SECONDS)
        self._refused[scaler.uid] = _Refusal(reason, wait, now + wait)
        self._metrics.scale_writes.labels(reason).inc()
        audit.record(audit.put_back(scaler, scaler.own_floor), result=reason, why=str(error))
        if before is not None and before.reason == reason:
            log.debug("floor still not put back", extra={"scaler": str(scaler), "why": str(error)})
            return
        why = f"{scaler.field} stays {scaler.floor}, although nothing raises it any more: {told(error, scaler)}"
        log.warning("floor not put back", extra={"scaler": str(scaler), "namespace": scaler.namespace, "why": why})
        self._record(scaler, "FloorNotRestored", f"{why}; it is tried again", EventType.WARNING)

    def _tell(self, scaler: Scaler, after: Scaler) -> None:
        audit.record(audit.put_back(scaler, after.floor), result="ok", why="put back")
        owner = "" if scaler.claim is None else f' "{scaler.claim.name}"'
        note = f"{scaler.field} is {after.floor} again: BayesianAutoscaler{owner} no longer raises it"
        self._record(scaler, "FloorRestored", note, EventType.NORMAL)

    def _record(self, scaler: Scaler, reason: str, note: str, event_type: EventType) -> None:
        about = ObjectRef(group_version(scaler.kind), scaler.kind, scaler.namespace, scaler.name, scaler.uid)
        self._events.record(about, reason=reason, note=note, action="Restore", event_type=event_type)


def told(error: ClusterError, scaler: Scaler) -> str:
    """Say why a floor could not be written, and which rule is missing where that is it."""
    if not isinstance(error, Forbidden):
        return str(error)
    return f"{error}; grant the verb patch on {resource(scaler.kind)} (rbac.floor of the chart)"


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

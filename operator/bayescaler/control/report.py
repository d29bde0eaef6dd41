"""Tell what happened: status where it changed, one Event a transition, one log record a decision.

A status patch costs the API server about 10 ms of CPU, so a status is written when something material changed, and its
live numbers are brought up to date only now and then.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from bayescaler.api import ConditionType
from bayescaler.cluster.autoscalers import patch_status
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError, Moved, NotFound
from bayescaler.cluster.events import EventRecorder, EventType
from bayescaler.cluster.gate import Gate
from bayescaler.policy.reasons import Phase
from bayescaler.telemetry.metrics import Metrics

from .budget import Budget
from .containment import contained, each
from .decision_log import complete
from .settings import Settings
from .status import Account, outline, render, told_outline
from .workload import Outline, Workload

log = logging.getLogger(__name__)
decisions_log = logging.getLogger("bayescaler.decisions")
GOOD_NEWS = frozenset({ConditionType.READY, ConditionType.FORECAST_TRUSTED})
BEGINNINGS = ("NotReadYet", "TargetNotReadYet", "NoForecast")
TOLD_BY_EVENTS = GOOD_NEWS | {ConditionType.FALLBACK_ACTIVE, ConditionType.CONFLICTED, ConditionType.PAUSED}


class Reporter:
    """Writes status and Events of the leader; logs decisions of every replica that acts."""

    def __init__(
        self,
        client: KubeClient,
        events: EventRecorder,
        settings: Settings,
        metrics: Metrics,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._client, self._events, self._settings, self._metrics = client, events, settings, metrics
        self._may_write = may_write
        tick = settings.interval_seconds
        self._changes = Budget(settings.status_writes_per_second, burst=settings.status_writes_per_second * tick)
        self._refreshes = Budget(settings.refresh_writes_per_second, burst=settings.refresh_writes_per_second * tick)
        self._gate = Gate(settings.max_writes_in_flight)
        self._deadline_seconds = settings.write_deadline_seconds

    async def report(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Log, record Events and write the statuses that are due."""
        waiting = sorted(workloads, key=lambda w: w.told.at)  # who has waited longest comes first
        each(waiting, "report", self._metrics, lambda w: self._tell(w, now))
        telling = [w.telling for w in workloads if w.telling is not None]
        if telling:
            await asyncio.wait(telling, timeout=self._deadline_seconds)

    def _tell(self, workload: Workload, now: float) -> None:
        """Log the decision, and begin to write the status, if it is due."""
        account = Account(workload)
        self._log(workload, account)
        if workload.state_refused:
            self._tell_refused(workload)
        if workload.telling is not None:
            return
        outlined = outline(workload, account)
        status = self._due(workload, account, outlined, now)
        if status is not None:
            write = self._write(workload, status, outlined, now)
            workload.telling = asyncio.create_task(write, name=f"status {workload.label}")

    def _due(self, workload: Workload, account: Account, outlined: Outline, now: float) -> dict[str, Any] | None:
        """The status to write now, if any; rendering costs several decisions, so only what may be written is."""
        told = workload.told
        if outlined != told_outline(told):
            return render(workload, account, now=now) if self._changes.take(now) else None
        if now - told.at < self._settings.refresh_seconds or not self._refreshes.left(now):
            return None
        status = render(workload, account, now=now)
        return status if status != told.status and self._refreshes.take(now) else None

    async def _write(self, workload: Workload, status: dict[str, Any], outlined: Outline, now: float) -> None:
        try:
            with contained(workload, "report", self._metrics):
                await self._try(workload, status, outlined, now)
        finally:
            workload.telling = None

    async def _try(self, workload: Workload, status: dict[str, Any], outlined: Outline, now: float) -> None:
        workload.told.at = now  # of a refused write too: it must not stand before the others for ever
        try:
            written = await self._gate.run(lambda: self._patch(workload, status))
        except (NotFound, Moved) as error:
            self._metrics.status_writes.labels("gone").inc()
            log.info("status not written", extra={"object": workload.label, "why": str(error)})
            return
        except ClusterError as error:
            self._metrics.status_writes.labels(error.reason).inc()
            log.warning("status not written", extra={"object": workload.label, "why": str(error)})
            return
        if written:
            self._metrics.status_writes.labels("ok").inc()
            if outlined.conditions != told_outline(workload.told).conditions:
                self._tell_transitions(workload, status)
            workload.told.status, workload.told.outlined = status, (status, outlined)

    async def _patch(self, workload: Workload, status: dict[str, Any]) -> bool:
        """One attempt; False when this replica may no longer write."""
        if not self._may_write():
            return False
        await patch_status(self._client, workload.namespace, workload.name, uid=workload.uid, status=status)
        return True

    def _tell_transitions(self, workload: Workload, status: dict[str, Any]) -> None:
        before = {c["type"]: c for c in workload.told.status.get("conditions", ())}
        for condition in status["conditions"]:
            kind = condition["type"]
            if kind not in TOLD_BY_EVENTS or not _is_transition(kind, before.get(kind), condition):
                continue
            good = kind == ConditionType.PAUSED or (condition["status"] == "True") == (kind in GOOD_NEWS)
            self._events.record(
                workload.reference,
                reason=condition["reason"],
                note=condition["message"],
                action=kind,
                event_type=EventType.NORMAL if good else EventType.WARNING,
            )

    def _tell_refused(self, workload: Workload) -> None:
        """Say once that a saved state was not taken up."""
        note, workload.state_refused = workload.state_refused, ""
        self._events.record(
            workload.reference, reason="StateRefused", note=note, action="Restore", event_type=EventType.WARNING
        )

    def _log(self, workload: Workload, account: Account) -> None:
        """One record a decision that is written or differs from the one before; the others only at level debug."""
        decision = workload.decision
        if decision is None:
            return
        what = (decision.final, decision.limiter, decision.rung, decision.phase, decision.current)
        told = workload.told.logged == what and workload.written is not decision
        level = logging.DEBUG if told else logging.INFO
        workload.told.logged = what
        if decisions_log.isEnabledFor(level):
            decisions_log.log(
                level, decision.message, extra={"object": workload.label, "decision": complete(workload, account)}
            )


def _is_transition(kind: str, old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
    """Whether people want to hear of it: not of what every new object starts from, nor of bare changes of words."""
    if old is not None and (old["status"], old["reason"]) == (new["status"], new["reason"]):
        return False
    if new["status"] == "True" or (old is not None and old["status"] == "True"):
        return True
    if kind == ConditionType.READY:
        return new["reason"] not in BEGINNINGS
    return kind == ConditionType.FORECAST_TRUSTED and new["reason"] == Phase.DEGRADED

"""`status.canary` of one object. Pure."""

from bayescaler.api import CanaryStatus, SideStatus

from .canaries import message_of
from .workload import Workload


def canary_phase(workload: Workload) -> str | None:
    """Return where the canary stands, None without one."""
    canary, intent = workload.canary, workload.intent
    return None if canary is None or intent is None or intent.canary is None else canary.trial.phase.value


def canary_of(workload: Workload, *, now: float) -> CanaryStatus | None:
    """Tell how the canary does beside the live forecast; of one that is over, what had been shown."""
    canary, phase = workload.canary, canary_phase(workload)
    if canary is None or phase is None:
        return None
    trial, book = canary.trial, canary.trial.book
    low, high = (None, None) if book is None or book.interval is None else book.interval
    return CanaryStatus(
        phase=phase,
        hash=trial.mark,
        start_time=trial.since,
        windows=0 if book is None else book.windows,
        live=_live(workload),
        canary=_canary(workload),
        loss_ratio=None if book is None else book.ratio,
        loss_ratio_low=low,
        loss_ratio_high=high,
        evidence=None if book is None else book.better,
        counter_evidence=None if book is None else book.worse,
        message=message_of(workload, now=now),
    )


def _live(workload: Workload) -> SideStatus | None:
    """Tell the live side; once a canary is over it is all there is, and stands under `forecast`."""
    canary, outlook, intent, decision = workload.canary, workload.outlook, workload.intent, workload.decision
    if canary is None or intent is None:
        return None
    compared = not canary.trial.over
    side = SideStatus(
        value=outlook.lead.quantile(intent.policy.promised) if compared and outlook is not None else None,
        loss=None if canary.trial.book is None else canary.trial.book.live_loss,
        replicas=decision.final if compared and decision is not None else None,
    )
    return _if_any(side)


def _canary(workload: Workload) -> SideStatus | None:
    canary, intent = workload.canary, workload.intent
    if canary is None or intent is None:
        return None
    side = SideStatus(
        value=None if canary.outlook is None else canary.outlook.lead.quantile(intent.policy.promised),
        loss=None if canary.trial.book is None else canary.trial.book.canary_loss,
        replicas=canary.replicas,
    )
    return _if_any(side)


def _if_any(side: SideStatus) -> SideStatus | None:
    return side if side.model_dump(exclude_none=True) else None

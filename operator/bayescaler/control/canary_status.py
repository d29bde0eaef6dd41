"""`status.canary` of one object. Pure."""

from bayescaler.api import CanaryStatus, SideStatus
from bayescaler.policy.canary import Book

from .canaries import message_of
from .workload import Workload


def canary_phase(workload: Workload) -> str | None:
    """Return where the canary stands, None without one."""
    canary, intent = workload.canary, workload.intent
    return None if canary is None or intent is None or intent.canary is None else canary.trial.phase.value


def canary_of(workload: Workload, *, now: float) -> CanaryStatus | None:
    """Tell how the canary does beside the live forecast; of one that is over, what had been shown."""
    canary, phase, intent = workload.canary, canary_phase(workload), workload.intent
    if canary is None or phase is None or intent is None:
        return None
    trial, book, level = canary.trial, canary.trial.book, intent.policy.promised
    live, tried, decision = workload.outlook, canary.outlook, workload.decision
    shown = {} if book is None else _shown(book)
    return CanaryStatus(
        phase=phase,
        hash=trial.mark,
        start_time=trial.since,
        windows=0 if book is None else book.windows,
        live=SideStatus(
            value=None if live is None or tried is None else live.lead.quantile(level),
            loss=None if book is None else book.live_loss,
            replicas=None if decision is None or tried is None else decision.final,
        ),
        canary=SideStatus(
            value=None if tried is None else tried.lead.quantile(level),
            loss=None if book is None else book.canary_loss,
            replicas=canary.replicas,
        ),
        message=message_of(workload, now=now),
        **shown,
    )


def _shown(book: Book) -> dict[str, float | None]:
    low, high = book.interval or (None, None)
    return {
        "loss_ratio": book.ratio,
        "loss_ratio_low": low,
        "loss_ratio_high": high,
        "evidence": book.better,
        "counter_evidence": book.worse,
    }

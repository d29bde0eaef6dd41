"""`status.canary` of one object. Pure."""

from typing import Any

from bayescaler.api.figures import clip, figure, known, rfc3339
from bayescaler.policy.canary import Book

from .canaries import message_of
from .workload import Workload

Json = dict[str, Any]


def canary_phase(workload: Workload) -> str | None:
    """Return where the canary stands, None without one."""
    canary, intent = workload.canary, workload.intent
    return None if canary is None or intent is None or intent.canary is None else canary.trial.phase.value


def canary_of(workload: Workload, *, now: float) -> Json | None:
    """Tell how the canary does beside the live forecast; of one that is over, what had been shown."""
    canary, phase, intent = workload.canary, canary_phase(workload), workload.intent
    if canary is None or phase is None or intent is None:
        return None
    trial, book, level = canary.trial, canary.trial.book, intent.policy.promised
    live, tried, decision = workload.outlook, canary.outlook, workload.decision
    ours = {
        "value": None if live is None or tried is None else figure(live.lead.quantile(level)),
        "loss": None if book is None else figure(book.live_loss),
        "replicas": None if decision is None or tried is None else decision.final,
    }
    theirs = {
        "value": None if tried is None else figure(tried.lead.quantile(level)),
        "loss": None if book is None else figure(book.canary_loss),
        "replicas": canary.replicas,
    }
    return known(
        {
            "phase": phase,
            "hash": trial.mark,
            "startTime": None if trial.since is None else rfc3339(trial.since),
            "windows": 0 if book is None else book.windows,
            "live": known(ours),
            "canary": known(theirs),
            **({} if book is None else _shown(book)),
            "message": clip(message_of(workload, now=now)),
        }
    )


def _shown(book: Book) -> Json:
    low, high = book.interval or (None, None)
    return {
        "lossRatio": figure(book.ratio),
        "lossRatioLow": figure(low),
        "lossRatioHigh": figure(high),
        "evidence": figure(book.better),
        "counterEvidence": figure(book.worse),
    }

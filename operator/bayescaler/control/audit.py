"""The record of every write to what belongs to others: who was written to, from what to what, by which decision.

The API server's own audit log has the same decision in `userAgent` (`signature`).
"""

import logging
from dataclasses import dataclass

from bayescaler.cluster.scalers import Scaler

log = logging.getLogger("bayescaler.audit")


@dataclass(frozen=True, slots=True)
class Write:
    """One write to `what` ("Deployment shop/checkout"): a `field` from `before` to `after`, by a decision's id."""

    what: str
    field: str
    before: int | None
    after: int | None
    decision: str = ""


def record(write: Write, *, result: str, why: str = "") -> None:
    """Log how a write ended: `ok`, or the reason of the refusal and what was said."""
    fields = {
        "write": write.what, "field": write.field, "before": write.before, "after": write.after,
        "decision_id": write.decision, "result": result, "why": why,
    }  # fmt: skip
    told = {name: value for name, value in fields.items() if value not in {None, ""}}
    log.info("%s of %s set from %s to %s: %s", write.field, write.what, write.before, write.after, result, extra=told)


def put_back(scaler: Scaler, floor: int) -> Write:
    """Return the write that puts back the floor of an autoscaler; no decision makes it."""
    return Write(f"{scaler.kind} {scaler.namespace}/{scaler.name}", scaler.field, scaler.floor, floor)


def signature(decision: str) -> str:
    """Return what a write by this decision is signed with."""
    return f"decision {decision}"

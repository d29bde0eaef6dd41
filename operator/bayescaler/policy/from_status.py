"""The record of the last decision as the status of its object tells it."""

from functools import lru_cache
from typing import Any

from .record import VERSION, Json, Judged, conditions_of, epoch, moves_of, part, shown


class NotDecidedError(Exception):
    """There is no decision to tell of; the text says why, as far as the object does."""


def of_status(obj: Json) -> dict[str, Any]:
    """Return the record of the last decision of an object; NotDecidedError says why there is none."""
    metadata, spec, status = part(obj, "metadata"), part(obj, "spec"), part(obj, "status")
    decision, label = part(status, "lastDecision"), f"{metadata.get('namespace')}/{metadata.get('name')}"
    conditions = status.get("conditions")
    told = {c.type: c for c in conditions_of(conditions)}
    if not decision:
        raise NotDecidedError(_undecided(shown(label), status, told.get("Ready")))
    trusted, fallback = told.get("ForecastTrusted"), told.get("FallbackActive")
    generation, moves = status.get("observedGeneration"), tuple(moves_of(decision.get("steps")))
    kind = part(spec, "load").get("kind", "Rate")
    return {
        "version": VERSION,
        "id": decision_id(str(metadata.get("uid", "")), generation, decision.get("time")),
        "object": label,
        "generation": generation,
        "specGeneration": metadata.get("generation"),
        "at": decision.get("time"),
        "message": decision.get("message", ""),
        "rung": fallback.reason if fallback else "",
        "phase": status.get("phase", ""),
        "phaseWhy": trusted.message if trusted else "",
        "load": decision.get("load"),
        "loadAt": decision.get("loadTime"),
        "demand": decision.get("demand"),
        "current": moves[0].before if moves else status.get("currentReplicas"),
        "raw": decision.get("raw"),
        "final": decision.get("final"),
        "limiter": decision.get("limiter", ""),
        "steps": decision.get("steps"),
        "violationProbability": decision.get("violationProbability"),
        "unit": "" if kind == "Gauge" else "/s",
        "forecast": part(status, "forecast"),
        "calibration": part(status, "calibration"),
        "capacity": part(status, "capacity"),
        "risk": part(status, "risk"),
        "canary": part(status, "canary"),
        "spec": specpart(spec),
        "conditions": conditions,
    }


SPEC_PARTS = (
    "mode", "paused", "minReplicas", "maxReplicas", "schedules", "capacity", "objective", "behavior", "fallback",
)  # fmt: skip


def specpart(spec: Json) -> dict[str, Any]:
    """Return the part of a spec that a number rests on."""
    return {name: spec[name] for name in SPEC_PARTS if name in spec}


def decision_id(uid: str, generation: object, at: object) -> str:
    """Return the name of one decision, the same of a log and of a status: object, generation, second."""
    seconds = _second(at) if isinstance(at, str) else None
    return f"{uid[:8]}.{generation}.{'?' if seconds is None else round(seconds)}"


_second = lru_cache(maxsize=256)(epoch)  # one tick speaks of few


def _undecided(label: str, status: Json, ready: Judged | None) -> str:
    if not status:
        return (
            f"{label} has no status yet: is the operator running, and does it watch this namespace "
            "(kubectl get pods -A -l app.kubernetes.io/part-of=bayescaler)?"
        )
    why = f": {ready.reason}: {ready.message}" if ready is not None and ready.status != "True" else ""
    return f"nothing is decided of {label} yet{why}"

"""The complete record of one decision for the log: what `explain` needs to tell it again, long after.

`policy.record` says what is in it, and reads it.
"""

from math import isfinite
from typing import Any

from bayescaler.policy import Decision
from bayescaler.policy.conditions import as_it_should_be
from bayescaler.policy.from_status import decision_id
from bayescaler.policy.record import VERSION, Judged
from bayescaler.policy.types import Policy, ScalingRules

from .conditions import assess
from .status import calibration_of, forecast_of, stamp
from .workload import Workload


def complete(workload: Workload) -> dict[str, Any]:
    """Return the record of a workload's decision, which there is; its sentence stands beside it in the log."""
    decision, intent = workload.decision, workload.decided_for
    assert decision is not None  # noqa: S101 - only decisions are logged
    forecast, calibration, load_at = forecast_of(workload), calibration_of(workload), decision.case.observation.load_at
    told = {
        "version": VERSION,
        "id": decision_id(workload.uid, workload.generation, stamp(decision.at)),
        "generation": workload.generation,
        **record(decision),
        "phaseWhy": workload.phase_message,
        "unit": decision.case.policy.unit,
        "spec": _spec(decision.case.policy),
        "conditions": _troubles(workload, decision.message),
    }
    if decision.load is not None and load_at is not None:
        told["loadAt"] = stamp(load_at)
    if intent is not None and forecast is not None:
        told["forecast"] = forecast.model_dump(mode="json", by_alias=True, exclude_none=True)
    if calibration is not None:
        told["calibration"] = calibration.model_dump(mode="json", by_alias=True, exclude_none=True)
    return told


def record(decision: Decision) -> dict[str, Any]:
    """One decision as a flat JSON record, complete: `final` follows from `raw` by `steps`."""
    return {
        "at": stamp(decision.at),
        "rung": str(decision.rung),
        "phase": str(decision.phase),
        "load": decision.load,
        "demand": decision.demand,
        "current": decision.current,
        "raw": decision.raw,
        "final": decision.final,
        "limiter": str(decision.limiter),
        "violationProbability": decision.exceedance,
        "steps": [
            {"limiter": str(s.limiter), "before": s.before, "after": s.after, "why": s.why} for s in decision.steps
        ],
    }


def _spec(policy: Policy) -> dict[str, Any]:
    """Return what the number rests on, in the words of the resource."""
    fallback = policy.fallback
    return {
        "mode": str(policy.mode),
        "paused": policy.paused,
        "minReplicas": policy.min_replicas,
        "maxReplicas": policy.max_replicas,
        "capacity": {"perReplica": policy.capacity if isfinite(policy.capacity) else None},
        "objective": {"quantile": policy.quantile, "buffer": policy.buffer},
        "behavior": {
            "scaleUp": _direction(policy.behavior.scale_up),
            "scaleDown": _direction(policy.behavior.scale_down),
        },
        "fallback": {
            "reactive": {"targetUtilization": fallback.target_utilization},
            **({} if fallback.replicas is None else {"replicas": fallback.replicas}),
        },
    }


def _direction(rules: ScalingRules) -> dict[str, Any]:
    return {"stabilizationWindowSeconds": rules.stabilization_window_seconds, "tolerance": rules.tolerance}


def _troubles(workload: Workload, said: str) -> list[dict[str, str]]:
    """Return the conditions that are not as they should be; what the decision says already is not said again."""
    found = []
    for condition in assess(workload):
        status = "True" if condition.status else "False"
        if not as_it_should_be(Judged(condition.type, status, condition.reason, condition.message)):
            message = "" if condition.message == said else condition.message
            found.append(
                {"type": str(condition.type), "status": status, "reason": condition.reason, "message": message}
            )
    return found

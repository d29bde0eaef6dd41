"""The complete record of one decision for the log: what `explain` needs to tell it again, long after.

`policy.record` says what is in it, and reads it.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from bayescaler.api import duration_text
from bayescaler.api.figures import known, rfc3339
from bayescaler.policy import Decision
from bayescaler.policy.from_status import decision_id
from bayescaler.policy.record import VERSION
from bayescaler.policy.schedules import Schedule
from bayescaler.policy.types import Policy, ScalingRules

from .canaries import message_of
from .conditions import Condition
from .status import Account, Figures
from .workload import Workload


def complete(workload: Workload, account: Account | None = None) -> dict[str, Any]:
    """Return the record of a workload's decision, which there is; its sentence stands beside it in the log."""
    decision, intent = workload.decision, workload.decided_for
    assert decision is not None  # noqa: S101 - only decisions are logged
    account, load_at = account or Account(workload), decision.case.observation.load_at
    figures, canary = account.figures, message_of(workload, now=decision.at)
    return {
        "version": VERSION,
        "id": id_of(workload, decision),
        "generation": workload.generation,
        **record(decision),
        "phaseWhy": workload.phase_message,
        "unit": decision.case.policy.unit,
        "spec": _spec(decision.case.policy),
        "conditions": _troubles(account.conditions, decision.message),
        **known(
            {
                "loadAt": None if decision.load is None or load_at is None else rfc3339(load_at),
                "forecast": None if intent is None else figures.forecast,
                "calibration": figures.calibration,
                "capacity": figures.capacity,
                "risk": _risk(figures),
                "canary": {"message": canary} if canary else None,
            }
        ),
    }


def _risk(figures: Figures) -> dict[str, Any] | None:
    """Return what the status tells of a budget, and the ladder of prices."""
    risk, steering = figures.risk, figures.steering
    if risk is None or steering is None:
        return None
    rungs = [{"price": price, "short": short, "replicas": replicas} for price, short, replicas in steering.ladder]
    return risk | {"seconds": steering.seconds, "ladder": rungs}


def id_of(workload: Workload, decision: Decision) -> str:
    """Return the name of a workload's decision, which its log record, its status and exemplars of metrics share."""
    return decision_id(workload.uid, workload.generation, rfc3339(decision.at))


def record(decision: Decision) -> dict[str, Any]:
    """One decision as a flat JSON record, complete: `final` follows from `raw` by `steps`."""
    return {
        "at": rfc3339(decision.at),
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
        "objective": {**_aim(policy), "buffer": policy.buffer},
        "schedules": [_schedule(schedule) for schedule in policy.schedules],
        "behavior": {
            "scaleUp": _direction(policy.behavior.scale_up),
            "scaleDown": _direction(policy.behavior.scale_down),
        },
        "fallback": {
            "reactive": {"targetUtilization": fallback.target_utilization},
            **({} if fallback.replicas is None else {"replicas": fallback.replicas}),
        },
    }


def _aim(policy: Policy) -> dict[str, Any]:
    if policy.budget is not None:
        return {"risk": {"overloadBudget": policy.budget.share}}
    if policy.price is not None:
        return {"costs": {"replicaHour": 1.0, "overloadHour": policy.price}}  # only their ratio is known here
    return {"quantile": policy.quantile}


def _schedule(schedule: Schedule) -> dict[str, Any]:
    least, most = schedule.min_replicas, schedule.max_replicas
    return {
        "name": schedule.name,
        "start": schedule.start,
        "duration": duration_text(schedule.duration_seconds),
        "timeZone": schedule.time_zone,
        **({} if least is None else {"minReplicas": least}),
        **({} if most is None else {"maxReplicas": most}),
    }


def _direction(rules: ScalingRules) -> dict[str, Any]:
    return {"stabilizationWindowSeconds": rules.stabilization_window_seconds, "tolerance": rules.tolerance}


def _troubles(conditions: Iterable[Condition], said: str) -> list[dict[str, str]]:
    """Return the conditions that are not as they should be; what the decision says already is not said again."""
    found = []
    for condition in conditions:
        if not condition.is_good:
            told = condition.message
            message = "" if told == said else told
            about = {"type": str(condition.type), "status": str(condition.status), "reason": str(condition.reason)}
            found.append({**about, "message": message})
    return found

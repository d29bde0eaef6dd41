"""The status of one object, from what the stages left on it. Pure. What is not known is left out, never made up.

It is JSON from the start, in the words of `api.status`: after a change of load thousands are made within a tick.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from bayescaler.api import duration_text
from bayescaler.api.figures import clip, clip_why, figure, known, rfc3339
from bayescaler.api.status import MAX_STEPS, REASON
from bayescaler.policy import Decision
from bayescaler.policy.once import once
from bayescaler.policy.steered import Steered, steered
from bayescaler.policy.trust import CHANGE_WINDOWS, Evidence
from bayescast import LEVELS

from .canary_status import canary_of, canary_phase
from .capacities import capacity_of
from .conditions import Condition, assess
from .workload import Outline, Told, Workload

Json = dict[str, Any]
_P50, _P95 = LEVELS.index(0.5), LEVELS.index(0.95)
_WORD = re.compile(REASON)


class Figures(NamedTuple):
    """What status and log record tell alike: the forecast behind the decision, how forecasts have kept their promise,
    what one replica is taken to serve, what steering has come to, how the budget of time is spent.
    """

    forecast: Json | None
    calibration: Json | None
    capacity: Json | None
    steering: Steered | None
    risk: Json | None


class Account:
    """What there is to tell of a workload: its conditions, and its figures, made when they are first asked for."""

    def __init__(self, workload: Workload) -> None:
        self._workload, self.conditions = workload, assess(workload)

    @once
    def figures(self) -> Figures:
        """The figures."""
        workload, steering = self._workload, steering_of(self._workload)
        return Figures(
            forecast_of(workload), calibration_of(workload), capacity_status(workload), steering, risk_of(steering)
        )


def render(workload: Workload, account: Account | None = None, *, now: float) -> Json:
    """Build the whole status."""
    account = account or Account(workload)
    figures = account.figures
    target, decision, told = workload.target, workload.decision, workload.told.status
    return known(
        {
            "observedGeneration": workload.generation,
            "phase": str(workload.phase),
            "currentReplicas": target.replicas if target else None,
            "desiredReplicas": decision.final if decision else None,
            "lastScaleTime": _last_scale_time(workload),
            "forecast": figures.forecast,
            "calibration": figures.calibration,
            "capacity": figures.capacity,
            "canary": canary_of(workload, now=now),
            "risk": figures.risk,
            "lastDecision": None if decision is None else _decision(decision),
            "conditions": _with_times(account.conditions, told, generation=workload.generation, now=now),
        }
    )


def material(status: Mapping[str, Any]) -> Outline:
    """Return what is material of a status."""
    conditions = tuple((c["type"], c["status"] == "True", c["reason"]) for c in status.get("conditions", ()))
    return Outline(
        status.get("phase"),
        status.get("currentReplicas"),
        status.get("desiredReplicas"),
        status.get("lastScaleTime"),
        status.get("observedGeneration"),
        "forecast" in status,
        _phase_told(status),
        conditions,
    )


def told_outline(told: Told) -> Outline:
    """What `material` says of the status that was written last; worked out once where it is somebody else's."""
    if told.outlined is None or told.outlined[0] is not told.status:
        told.outlined = told.status, material(told.status)
    return told.outlined[1]


def outline(workload: Workload, account: Account | None = None) -> Outline:
    """What `material` says of the status that `render` would build, at a tenth of the cost."""
    target, decision = workload.target, workload.decision
    return Outline(
        str(workload.phase),
        target.replicas if target else None,
        decision.final if decision else None,
        _last_scale_time(workload),
        workload.generation,
        workload.outlook is not None and workload.intent is not None,
        canary_phase(workload),
        tuple([condition[:3] for condition in (account or Account(workload)).conditions]),
    )


def _phase_told(status: Mapping[str, Any]) -> str | None:
    canary = status.get("canary")
    return canary.get("phase") if isinstance(canary, Mapping) else None


def _last_scale_time(workload: Workload) -> str | None:
    """Our own, or what was told of before this process began."""
    scaled_at = workload.last_scale_at
    return workload.told.status.get("lastScaleTime") if scaled_at is None else rfc3339(scaled_at)


def forecast_of(workload: Workload) -> Json | None:
    """Tell the forecast behind the last decision."""
    outlook, intent = workload.outlook, workload.intent
    if outlook is None or intent is None:
        return None
    predictive, q, p90 = outlook.lead, intent.policy.promised, workload.starts.p90_seconds
    issued = [figure(value) for value in predictive.values.tolist()]
    return known(
        {
            "horizon": duration_text(intent.lead_seconds),
            "leadTime": None if p90 is None else duration_text(p90),
            "family": str(predictive.family),
            "p50": issued[_P50],
            "p95": issued[_P95],
            "quantile": figure(q),
            "value": figure(predictive.quantile(q)),
            "quantiles": None if None in issued else issued,
            "issuedAt": rfc3339(predictive.issued_at),
        }
    )


def calibration_of(workload: Workload) -> Json | None:
    """Tell how forecasts have kept their promise."""
    evidence = workload.evidence
    if evidence is None or evidence.coverage is None:
        return None
    return known(
        {
            "windows": evidence.disjoint_windows,
            "nominal": figure(evidence.nominal),
            "coverage": figure(evidence.coverage),
            "skill": figure(evidence.skill),
            "headroomLost": figure(evidence.headroom_lost),
            "change": _change(evidence),
        }
    )


def _change(evidence: Evidence) -> Json | None:
    change = evidence.change
    if change is None or change.windows > CHANGE_WINDOWS:
        return None
    return {
        "time": rfc3339(change.at),
        "direction": "Rise" if change.rise else "Fall",
        "windows": change.windows,
        "missed": evidence.missed_of(change.windows),
    }


def capacity_status(workload: Workload) -> Json | None:
    """Tell what one replica is taken to serve."""
    intent = workload.intent
    if intent is None or workload.decision is None:
        return None
    capacity = capacity_of(workload, intent)
    return known(
        {
            "perReplica": figure(capacity.per_replica),
            "low": figure(capacity.low),
            "source": str(capacity.source),
            "message": clip(capacity.why),
        }
    )


def steering_of(workload: Workload) -> Steered | None:
    """What steering has come to by the last decision, None without a budget."""
    decision = workload.decision
    return None if decision is None else steered(decision.case.policy, decision.case.state)


def risk_of(steering: Steered | None) -> Json | None:
    """Tell how the budget of time is spent."""
    if steering is None:
        return None
    return known(
        {
            "budget": figure(steering.budget),
            "spent": figure(steering.spent),
            "burnRate": figure(steering.burn_rate),
            "price": figure(steering.price),
            "target": figure(steering.target),
            "cap": None if steering.cap is None else str(steering.cap),
        }
    )


def _decision(decision: Decision) -> Json:
    load_at = None if decision.load is None else decision.case.observation.load_at
    return known(
        {
            "time": rfc3339(decision.at),
            "load": figure(decision.load),
            "loadTime": None if load_at is None else rfc3339(load_at),
            "demand": figure(decision.demand),
            "raw": decision.raw,
            "final": decision.final,
            "limiter": str(decision.limiter),
            "message": clip(decision.message),
            "violationProbability": figure(decision.exceedance),
            "steps": [
                {"limiter": str(step.limiter), "before": step.before, "after": step.after, "why": clip_why(step.why)}
                for step in decision.steps[-MAX_STEPS:]
            ],
        }
    )


def _with_times(
    conditions: tuple[Condition, ...], told: Mapping[str, Any], *, generation: int, now: float
) -> list[Json]:
    """Put times to the conditions; one keeps its lastTransitionTime while its status stays."""
    before = {c.get("type"): c for c in told.get("conditions", ())}
    rendered, at = [], rfc3339(now)
    for condition in conditions:
        status, old = str(condition.status), before.get(condition.type)
        rendered.append(
            {
                "type": str(condition.type),
                "status": status,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if old and old.get("status") == status else at,
                "reason": _word(str(condition.reason)),
                "message": clip(condition.message),
            }
        )
    return rendered


@lru_cache(maxsize=256)
def _word(reason: str) -> str:
    """Return a reason that the schema takes; ValueError names one that it does not."""
    if not _WORD.fullmatch(reason):
        raise ValueError(f"the reason {reason!r} of a condition is no CamelCase word")
    return reason

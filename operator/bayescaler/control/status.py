"""The status of one object, from what the stages left on it. Pure. What is not known is left out, never made up."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from bayescaler.api import (
    CalibrationStatus,
    CapacityStatus,
    ChangeStatus,
    ConditionStatus,
    DecisionStatus,
    ForecastStatus,
    RiskStatus,
    Status,
    StepStatus,
    duration_text,
)
from bayescaler.api.status import MAX_STEPS
from bayescaler.policy.steered import steered
from bayescaler.policy.trust import CHANGE_WINDOWS, Evidence

from .canary_status import canary_of, canary_phase
from .capacities import capacity_of
from .conditions import Condition, assess
from .workload import Workload

MATERIAL = ("phase", "currentReplicas", "desiredReplicas", "lastScaleTime", "observedGeneration")


def render(workload: Workload, *, now: float) -> dict[str, Any]:
    """Build the whole status as JSON."""
    target, decision, told = workload.target, workload.decision, workload.told.status
    return Status(
        observed_generation=workload.generation,
        phase=workload.phase.value,
        current_replicas=target.replicas if target else None,
        desired_replicas=decision.final if decision else None,
        last_scale_time=workload.last_scale_at or told.get("lastScaleTime"),
        forecast=forecast_of(workload),
        calibration=calibration_of(workload),
        capacity=capacity_status(workload),
        canary=canary_of(workload, now=now),
        risk=risk_of(workload),
        last_decision=_decision(workload),
        conditions=_with_times(assess(workload), told, generation=workload.generation, now=now),
    ).to_json()


def material(status: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a status worth a write at once; live numbers, and sentences with numbers in them, do not."""
    conditions = tuple((c["type"], c["status"], c["reason"]) for c in status.get("conditions", ()))
    return (*(status.get(key) for key in MATERIAL), "forecast" in status, _phase_told(status), conditions)


def outline(workload: Workload) -> tuple[Any, ...]:
    """What `material` says of the status that `render` would build, at a tenth of the cost."""
    target, decision, scaled_at = workload.target, workload.decision, workload.last_scale_at
    conditions = tuple((c.type, "True" if c.status else "False", c.reason) for c in assess(workload))
    return (
        workload.phase.value,
        target.replicas if target else None,
        decision.final if decision else None,
        workload.told.status.get("lastScaleTime") if scaled_at is None else stamp(scaled_at),
        workload.generation,
        workload.outlook is not None and workload.intent is not None,
        canary_phase(workload),
        conditions,
    )


def _phase_told(status: Mapping[str, Any]) -> str | None:
    canary = status.get("canary")
    return canary.get("phase") if isinstance(canary, Mapping) else None


def stamp(at: float) -> str:
    """Epoch seconds as the API writes times, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def forecast_of(workload: Workload) -> ForecastStatus | None:
    """Tell the forecast behind the last decision."""
    outlook, intent = workload.outlook, workload.intent
    if outlook is None or intent is None:
        return None
    predictive, q = outlook.lead, intent.policy.promised
    issued = [float(value) for value in predictive.values]
    return ForecastStatus(
        horizon=duration_text(intent.lead_seconds),
        lead_time=None if workload.starts.p90_seconds is None else duration_text(workload.starts.p90_seconds),
        family=str(predictive.family),
        p50=predictive.quantile(0.5),
        p95=predictive.quantile(0.95),
        quantile=q,
        value=predictive.quantile(q),
        quantiles=issued if all(map(isfinite, issued)) else None,
        issued_at=predictive.issued_at,
    )


def calibration_of(workload: Workload) -> CalibrationStatus | None:
    """Tell how forecasts have kept their promise."""
    evidence = workload.evidence
    if evidence is None or evidence.coverage is None:
        return None
    return CalibrationStatus(
        windows=evidence.disjoint_windows,
        nominal=evidence.nominal,
        coverage=evidence.coverage,
        skill=evidence.skill,
        headroom_lost=evidence.headroom_lost,
        change=_change(evidence),
    )


def _change(evidence: Evidence) -> ChangeStatus | None:
    change = evidence.change
    if change is None or change.windows > CHANGE_WINDOWS:
        return None
    return ChangeStatus(
        time=change.at,
        direction="Rise" if change.rise else "Fall",
        windows=change.windows,
        missed=evidence.missed_of(change.windows),
    )


def capacity_status(workload: Workload) -> CapacityStatus | None:
    """Tell what one replica is taken to serve."""
    intent = workload.intent
    if intent is None or workload.decision is None:
        return None
    known = capacity_of(workload, intent)
    return CapacityStatus(per_replica=known.per_replica, low=known.low, source=known.source.value, message=known.why)


def risk_of(workload: Workload) -> RiskStatus | None:
    """Tell how the budget of time is spent."""
    decision = workload.decision
    known = None if decision is None else steered(decision.case.policy, decision.case.state)
    if known is None:
        return None
    return RiskStatus(
        budget=known.budget,
        spent=known.spent,
        burn_rate=known.burn_rate,
        price=known.price,
        target=known.target,
        cap=None if known.cap is None else known.cap.value,
    )


def _decision(workload: Workload) -> DecisionStatus | None:
    decision = workload.decision
    if decision is None:
        return None
    return DecisionStatus(
        time=decision.at,
        load=decision.load,
        load_time=None if decision.load is None else decision.case.observation.load_at,
        demand=decision.demand,
        raw=decision.raw,
        final=decision.final,
        limiter=decision.limiter.value,
        message=decision.message,
        violation_probability=decision.exceedance,
        steps=[
            StepStatus(limiter=step.limiter.value, before=step.before, after=step.after, why=step.why)
            for step in decision.steps[-MAX_STEPS:]
        ],
    )


def _with_times(
    conditions: tuple[Condition, ...], told: Mapping[str, Any], *, generation: int, now: float
) -> list[ConditionStatus]:
    """Put times to the conditions; one keeps its lastTransitionTime while its status stays."""
    known = {c.get("type"): c for c in told.get("conditions", ())}
    rendered = []
    for condition in conditions:
        status = "True" if condition.status else "False"
        old = known.get(condition.type)
        since = old["lastTransitionTime"] if old is not None and old.get("status") == status else now
        rendered.append(
            ConditionStatus(
                type=condition.type,
                status=status,
                reason=condition.reason,
                message=condition.message,
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return rendered

"""The conditions of one object, from what the stages left on it. Pure; the truth table is in the tests.

Ready           spec valid, target found, load live, forecast there, writes accepted, nobody in the way
AbleToScale     the target can be read and written
ScalingActive   replicas follow live load
ScalingLimited  a limit holds the number away from what the rule wanted, or the cluster does not give the pods
ForecastTrusted the forecast alone may lower replicas
FallbackActive  the number comes from another rung than the live forecast
Conflicted      somebody else moves what this object sizes
Paused          spec.paused
"""

from collections.abc import Callable
from math import isnan
from typing import NamedTuple

from bayescaler.api import ConditionType
from bayescaler.policy.conditions import is_good
from bayescaler.policy.reasons import Health, Limiter, Mode, Phase, Rung

from .capacities import learning_problems
from .workload import Problem, Workload

_LIMITS = {
    Limiter.MIN_REPLICAS: "TooFewReplicas",
    Limiter.MAX_REPLICAS: "TooManyReplicas",
    Limiter.SCALE_UP_POLICY: "ScaleUpLimit",
    Limiter.SCALE_DOWN_POLICY: "ScaleDownLimit",
    Limiter.SCALE_UP_STABILIZATION: "ScaleUpStabilized",
    Limiter.SCALE_DOWN_STABILIZATION: "ScaleDownStabilized",
    Limiter.SCALE_IN_HELD: "ScaleInHeld",
    Limiter.SCALE_IN_WINDOW: "ScaleInWindow",
    Limiter.REVERSAL_GATE: "ReversalGate",
    Limiter.ROLLOUT_IN_PROGRESS: "RolloutInProgress",
    Limiter.SCHEDULE: "Schedule",
    Limiter.QUOTA_EXCEEDED: "QuotaExceeded",
    Limiter.FAILED_CREATE: "FailedCreate",
    Limiter.UNSCHEDULABLE: "Unschedulable",
}


class Condition(NamedTuple):
    """One condition without its times: type, status, reason and sentence (`message`), which is made when it is asked
    for: most are looked at only to find that nothing has changed.
    """

    type: ConditionType
    status: bool
    reason: str
    told: str | Callable[[], str]

    @property
    def message(self) -> str:
        """The sentence."""
        return self.told if isinstance(self.told, str) else self.told()

    @property
    def is_good(self) -> bool:
        """Whether it is as it should be."""
        return self.status is _GOOD[self.type]


_GOOD = {kind: is_good(kind, "True") for kind in ConditionType}
_READY = Condition(ConditionType.READY, True, "Ready", "sizing from the forecast of live load")
_ABLE = Condition(ConditionType.ABLE_TO_SCALE, True, "SucceededGetScale", "the target's scale can be read and written")
_ACTIVE = Condition(ConditionType.SCALING_ACTIVE, True, "LoadLive", "load is read and current")
_UNLIMITED = Condition(ConditionType.SCALING_LIMITED, False, "DesiredWithinRange", "no limit holds the number")
_PREDICTIVE = Condition(ConditionType.FALLBACK_ACTIVE, False, "Predictive", "the live forecast decides")
_ALONE = Condition(ConditionType.CONFLICTED, False, "NoConflict", "nobody else moves what this object sizes")
_RUNNING = Condition(ConditionType.PAUSED, False, "Running", "decisions are applied")


def assess(workload: Workload) -> tuple[Condition, ...]:
    """Judge all conditions of a workload."""
    able = _able_to_scale(workload)
    active = _scaling_active(workload)
    return (
        _ready(workload, able, active),
        able,
        active,
        _scaling_limited(workload),
        _forecast_trusted(workload),
        _fallback_active(workload),
        _conflicted(workload),
        _paused(workload),
    )


def trouble(workload: Workload) -> str:
    """Return the reason of the worst that is wrong with an object, "Ready" if nothing is: what stops it first, then
    who else moves its target, then what keeps its pods from coming.
    """
    ready = _ready(workload, _able_to_scale(workload), _scaling_active(workload))
    if not ready.status:
        return ready.reason
    conflicted = _conflicted(workload)
    if conflicted.status:
        return conflicted.reason
    decision = workload.decision
    shortfall = None if decision is None else decision.case.observation.shortfall
    return ready.reason if shortfall is None else _LIMITS[shortfall.limiter]


def _ready(workload: Workload, able: Condition, active: Condition) -> Condition:
    for condition in (able, active):
        if not condition.status:
            return condition._replace(type=ConditionType.READY)
    conflict, decision = workload.conflict, workload.decision  # a scrape reads them beside the tick
    if conflict is not None and conflict.withholds:
        return Condition(ConditionType.READY, False, conflict.reason, conflict.message)
    if workload.outlook is None:
        return Condition(ConditionType.READY, False, "NoForecast", lambda: workload.phase_message)
    if decision is not None and isnan(decision.case.policy.capacity):
        return Condition(ConditionType.READY, False, "CapacityNotLearned", lambda: decision.message)
    return _READY


def _able_to_scale(workload: Workload) -> Condition:
    problem = workload.spec_problem or workload.target_problem or workload.write_problem
    if problem is None and workload.target is None:
        problem = Problem("TargetNotReadYet", "the target has not been read yet")
    if problem is not None:
        return Condition(ConditionType.ABLE_TO_SCALE, False, problem.reason, problem.message)
    return _ABLE


def _scaling_active(workload: Workload) -> Condition:
    decision, load = workload.decision, workload.load
    if workload.spec_problem is not None:
        return Condition(
            ConditionType.SCALING_ACTIVE, False, workload.spec_problem.reason, workload.spec_problem.message
        )
    if load.health is not Health.LIVE:
        return Condition(ConditionType.SCALING_ACTIVE, False, load.reason, load.message)
    if decision is not None and decision.limiter is Limiter.SCALED_TO_ZERO:
        return Condition(ConditionType.SCALING_ACTIVE, False, "ScalingDisabled", lambda: decision.message)
    if load.warnings:
        return Condition(ConditionType.SCALING_ACTIVE, True, "LoadLiveWithWarnings", "; ".join(load.warnings))
    if problems := learning_problems(workload):
        return Condition(ConditionType.SCALING_ACTIVE, True, "LearningHindered", "; ".join(problems))
    return _ACTIVE


def _scaling_limited(workload: Workload) -> Condition:
    decision = workload.decision
    shortfall = None if decision is None else decision.case.observation.shortfall
    if shortfall is not None:
        return Condition(ConditionType.SCALING_LIMITED, True, _LIMITS[shortfall.limiter], shortfall.message)
    if decision is not None and decision.limiter in _LIMITS:
        return Condition(ConditionType.SCALING_LIMITED, True, _LIMITS[decision.limiter], lambda: decision.message)
    return _UNLIMITED._replace(told=workload.shortfall_message) if workload.shortfall_message else _UNLIMITED


def _forecast_trusted(workload: Workload) -> Condition:
    if workload.outlook is None:
        return Condition(ConditionType.FORECAST_TRUSTED, False, "NoForecast", lambda: workload.phase_message)
    trusted = workload.phase is Phase.TRUSTED
    return Condition(ConditionType.FORECAST_TRUSTED, trusted, workload.phase, lambda: workload.phase_message)


def _fallback_active(workload: Workload) -> Condition:
    decision = workload.decision
    if decision is None:
        return Condition(ConditionType.FALLBACK_ACTIVE, False, "NoDecision", "nothing is decided")
    if decision.rung is Rung.PREDICTIVE:
        return _PREDICTIVE
    return Condition(ConditionType.FALLBACK_ACTIVE, True, decision.rung, lambda: decision.message)


def _conflicted(workload: Workload) -> Condition:
    conflict, problem = workload.conflict, workload.target_problem
    if problem is not None and problem.reason == "TargetTaken":
        return Condition(ConditionType.CONFLICTED, True, problem.reason, problem.message)
    if conflict is not None:
        return Condition(ConditionType.CONFLICTED, conflict.found, conflict.reason, conflict.message)
    return _ALONE


def _paused(workload: Workload) -> Condition:
    intent = workload.intent
    if intent is not None and intent.policy.paused:
        return Condition(ConditionType.PAUSED, True, "Paused", "spec.paused is true: nothing is written to the target")
    if intent is not None and intent.policy.mode is Mode.OBSERVE:
        return Condition(ConditionType.PAUSED, False, "Observe", "mode Observe: decisions are told, not applied")
    return _RUNNING

"""The truth table of an object's conditions."""

from dataclasses import replace

import pytest

from bayescaler.api import ConditionType
from bayescaler.control.conditions import assess
from bayescaler.control.workload import Conflict, Load, Problem
from bayescaler.policy import Observation, Policy, State, decide
from bayescaler.policy.reasons import Health, Limiter, Phase, Rung

from .builders import MINUTE, NOON, Book, edited, flat, manifest, target, workload


def sizing(load=100.0, forecast=200.0, replicas=4, phase=Phase.TRUSTED, health=Health.LIVE, state=None, **spec):
    """A workload after a tick: what the stages leave on it when all is well, decided for real."""
    web = workload(**spec)
    web.load = Load(load, NOON, health, "why the load is as it is", f"Load{health.value}")
    web.target, web.phase, web.phase_told = target(replicas), phase, "so much is known"
    web.outlook = flat(forecast) if forecast is not None else None
    observation = Observation(replicas, replicas, health, load if health is Health.LIVE else None, phase=phase)
    web.decision, web.state = decide(web.intent.policy, observation, web.outlook, state or State(), now=NOON)
    return web


def conditions(web):
    return {c.type: c for c in assess(web)}


def told(web, kind):
    found = conditions(web)[kind]
    return found.status, found.reason


def test_every_condition_is_always_told_in_one_order():
    assert [c.type for c in assess(workload())] == [c.type for c in assess(sizing())] == list(ConditionType)


GOOD = {
    "Ready": (True, "Ready"),
    "AbleToScale": (True, "SucceededGetScale"),
    "ScalingActive": (True, "LoadLive"),
    "ScalingLimited": (False, "DesiredWithinRange"),
    "ForecastTrusted": (True, "Trusted"),
    "FallbackActive": (False, "Predictive"),
    "Conflicted": (False, "NoConflict"),
    "Paused": (False, "Running"),
}


def changed(web, **fields):
    for name, value in fields.items():
        setattr(web, name, value)
    return web


def invalid():
    book, obj = Book(), manifest()
    book.see(obj)
    return book.see(edited(obj, capacity={"perReplica": -1}))


LIMITED = {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}}
SLOW_DOWN = {
    "behavior": {
        "scaleDown": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        }
    }
}

TABLE = {
    "all is well": (sizing, {}),
    "a fresh object": (
        workload,
        {
            "Ready": (False, "TargetNotReadYet"),
            "AbleToScale": (False, "TargetNotReadYet"),
            "ScalingActive": (False, "NotReadYet"),
            "ForecastTrusted": (False, "NoForecast"),
            "FallbackActive": (False, "NoDecision"),
        },
    ),
    "an invalid spec": (
        invalid,
        {
            "Ready": (False, "SpecInvalid"),
            "AbleToScale": (False, "SpecInvalid"),
            "ScalingActive": (False, "SpecInvalid"),
            "ForecastTrusted": (False, "NoForecast"),
            "FallbackActive": (False, "NoDecision"),
        },
    ),
    "no target": (
        lambda: changed(sizing(), target=None, decision=None, target_problem=Problem("TargetNotFound", "gone")),
        {
            "Ready": (False, "TargetNotFound"),
            "AbleToScale": (False, "TargetNotFound"),
            "FallbackActive": (False, "NoDecision"),
        },
    ),
    "a refused write": (
        lambda: changed(sizing(), write_problem=Problem("FailedUpdateScale", "403")),
        {"Ready": (False, "FailedUpdateScale"), "AbleToScale": (False, "FailedUpdateScale")},
    ),
    "a load that cannot be read": (
        lambda: sizing(health=Health.FAILED),
        {
            "Ready": (False, "LoadFailed"),
            "ScalingActive": (False, "LoadFailed"),
            "FallbackActive": (True, "PredictiveOnStoredPosterior"),
        },
    ),
    "a load that is absent, and nothing learnt yet": (
        lambda: sizing(health=Health.ABSENT, forecast=None),
        {
            "Ready": (False, "LoadAbsent"),
            "ScalingActive": (False, "LoadAbsent"),
            "ForecastTrusted": (False, "NoForecast"),
            "FallbackActive": (True, "Hold"),
        },
    ),
    "no forecast yet": (
        lambda: sizing(load=140.0, forecast=None),
        {
            "Ready": (False, "NoForecast"),
            "ForecastTrusted": (False, "NoForecast"),
            "FallbackActive": (True, "Reactive"),
        },
    ),
    "still learning": (lambda: sizing(phase=Phase.LEARNING), {"ForecastTrusted": (False, "Learning")}),
    "degraded": (lambda: sizing(phase=Phase.DEGRADED), {"ForecastTrusted": (False, "Degraded")}),
    "warnings of the server": (
        lambda: changed(sizing(), load=Load(100.0, NOON, Health.LIVE, warnings=("partial data",))),
        {"ScalingActive": (True, "LoadLiveWithWarnings")},
    ),
    "switched off by hand": (
        lambda: sizing(replicas=0),
        {"Ready": (False, "ScalingDisabled"), "ScalingActive": (False, "ScalingDisabled")},
    ),
    "somebody in the way": (
        lambda: changed(sizing(), conflict=Conflict("ScaledObject", "delete it", "it scales too")),
        {"Ready": (False, "ScaledObject"), "Conflicted": (True, "ScaledObject")},
    ),
    "somebody who is not in the way": (
        lambda: changed(sizing(), conflict=Conflict("ReplicasEdited", "from 3 to 4")),
        {"Conflicted": (True, "ReplicasEdited")},
    ),
    "nobody could be looked for": (
        lambda: changed(sizing(), conflict=Conflict("AutoscalersNotRead", "grant list", found=False)),
        {"Conflicted": (False, "AutoscalersNotRead")},
    ),
    "another of ours": (
        lambda: changed(sizing(), target=None, decision=None, target_problem=Problem("TargetTaken", "delete one")),
        {
            "Ready": (False, "TargetTaken"),
            "AbleToScale": (False, "TargetTaken"),
            "FallbackActive": (False, "NoDecision"),
            "Conflicted": (True, "TargetTaken"),
        },
    ),
    "paused": (lambda: sizing(paused=True), {"Paused": (True, "Paused")}),
    "only observed": (lambda: sizing(mode="Observe"), {"Paused": (False, "Observe")}),
    "the maximum": (
        lambda: sizing(forecast=900.0, maxReplicas=6),
        {"ScalingLimited": (True, "TooManyReplicas")},
    ),
    "the minimum": (
        lambda: sizing(forecast=10.0, load=10.0, minReplicas=4, replicas=3),
        {"ScalingLimited": (True, "TooFewReplicas")},
    ),
    "a policy of scaling up": (
        lambda: sizing(forecast=900.0, **LIMITED),
        {"ScalingLimited": (True, "ScaleUpLimit")},
    ),
    "a policy of scaling down": (
        lambda: sizing(forecast=10.0, load=10.0, replicas=9, **SLOW_DOWN),
        {"ScalingLimited": (True, "ScaleDownLimit")},
    ),
    "the window of scaling down": (
        lambda: sizing(forecast=10.0, load=10.0, replicas=9),
        {"ScalingLimited": (True, "ScaleDownStabilized")},
    ),
}


@pytest.mark.parametrize("story", TABLE)
def test_conditions(story):
    make, different = TABLE[story]
    found = {str(c.type): (c.status, c.reason) for c in assess(make())}
    assert found == GOOD | different


def test_the_window_of_scaling_up_is_a_limit():
    rules = {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 300}}}
    assert told(sizing(forecast=900.0, **rules), ConditionType.SCALING_LIMITED) == (True, "ScaleUpStabilized")


def test_scale_in_that_waits_is_a_limit():
    web = sizing(forecast=10.0, load=10.0, replicas=9)
    observation = Observation(9, 9, Health.LIVE, 10.0, scale_in_allowed=False)
    web.decision, _ = decide(web.intent.policy, observation, web.outlook, State(), now=NOON)
    assert told(web, ConditionType.SCALING_LIMITED) == (True, "ScaleInHeld")


@pytest.mark.parametrize("limiter", Limiter)
def test_the_limit_of_every_limiter_is_one_word(limiter):
    """A limiter that is no limit says DesiredWithinRange; none is forgotten by accident."""
    no_limit = {
        Limiter.FORECAST, Limiter.REACTIVE, Limiter.HOLD, Limiter.FALLBACK_FLOOR, Limiter.TRUST, Limiter.SAFETY_FLOOR,
        Limiter.SURPRISE, Limiter.ACTIVATION, Limiter.TOLERANCE, Limiter.OBSERVE, Limiter.PAUSED,
        Limiter.CONFLICT,
        Limiter.SCALED_TO_ZERO,
    }  # fmt: skip
    web = sizing()
    web.decision = replace(web.decision, limiter=limiter)
    assert conditions(web)[ConditionType.SCALING_LIMITED].status is (limiter not in no_limit)


def test_the_rungs_below_are_told_by_name_with_the_decisions_own_words():
    state = State()
    web = sizing(health=Health.ABSENT)
    policy: Policy = web.intent.policy
    rungs = []
    for minutes in (0, 4, 65):
        observation = Observation(4, 4, Health.ABSENT)
        web.decision, state = decide(policy, observation, web.outlook, state, now=NOON + minutes * MINUTE)
        found = conditions(web)[ConditionType.FALLBACK_ACTIVE]
        assert found.message == web.decision.message
        rungs.append(found.reason)
    assert rungs == [Rung.STORED, Rung.HOLD, Rung.FLOOR]


def test_a_spec_problem_comes_before_a_target_problem_before_a_write_problem():
    web = sizing()
    reasons = []
    for field in ("write_problem", "target_problem", "spec_problem"):
        setattr(web, field, Problem(field.title().replace("_", ""), "why"))
        reasons.append(told(web, ConditionType.ABLE_TO_SCALE)[1])
    assert reasons == ["WriteProblem", "TargetProblem", "SpecProblem"]

"""The status is JSON that the API server takes, whatever the operator found."""

import math

import pytest
from pydantic import ValidationError

from bayescaler.api import (
    BayesianAutoscaler,
    CalibrationStatus,
    ConditionStatus,
    ConditionType,
    DecisionStatus,
    ForecastStatus,
    Status,
    StepStatus,
)
from bayescaler.policy.reasons import Limiter, Phase

AT = 1_772_438_400.7  # 2026-03-02T08:00:00.7Z


def status(**changes):
    fields = {
        "observed_generation": 3,
        "phase": "Trusted",
        "current_replicas": 18,
        "desired_replicas": 20,
        "last_scale_time": AT,
        "forecast": ForecastStatus(horizon="2m", family="PoissonGamma", p50=812.123456789, value=1040.0, issued_at=AT),
        "calibration": CalibrationStatus(windows=1440, nominal=0.95, coverage=0.953),
        "last_decision": DecisionStatus(
            time=AT, load=790.0, raw=23, final=20, limiter=Limiter.MAX_REPLICAS, message="why"
        ),
        "conditions": [
            ConditionStatus(
                type=ConditionType.READY,
                status="True",
                observed_generation=3,
                last_transition_time=AT,
                reason="Scaling",
                message="ok",
            )
        ],
    }
    return Status(**fields | changes)


def as_object(found):
    return {
        "spec": {
            "scaleTargetRef": {"name": "a"},
            "maxReplicas": 2,
            "load": {"prometheus": {"query": "x"}},
            "capacity": {"perReplica": 1},
        },
        "status": found,
    }


def test_a_full_status_is_taken_by_the_schema(refusals):
    assert refusals(as_object(status().to_json())) == []


def test_times_and_figures_are_short():
    found = status().to_json()
    assert found["lastScaleTime"] == "2026-03-02T08:00:00Z"
    assert found["forecast"]["p50"] == 812.123
    assert found["conditions"][0]["lastTransitionTime"] == "2026-03-02T08:00:00Z"


def test_what_is_absent_is_left_out():
    found = Status(phase="Learning", forecast=ForecastStatus(horizon="2m", family="Gaussian"))
    assert found.to_json() == {
        "phase": "Learning",
        "forecast": {"horizon": "2m", "family": "Gaussian"},
        "conditions": [],
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_know_is_left_out(number, refusals):
    found = status(forecast=ForecastStatus(horizon="2m", family="Gaussian", p95=number)).to_json()
    assert "p95" not in found["forecast"]
    assert refusals(as_object(found)) == []


def test_a_long_message_is_clipped_to_what_the_schema_allows(refusals):
    condition = ConditionStatus(
        type=ConditionType.READY,
        status="False",
        observed_generation=3,
        last_transition_time=AT,
        reason="QueryFailed",
        message="é" * 5000,
    )
    found = status(conditions=[condition]).to_json()
    assert found["conditions"][0]["message"].endswith("…")
    assert refusals(as_object(found)) == []


def test_a_status_read_back_equals_the_one_written():
    obj = as_object(status().to_json())
    read = BayesianAutoscaler.model_validate(obj).status
    assert read.to_json() == status().to_json()


def test_the_phases_are_those_of_the_policy(schema):
    assert schema["properties"]["status"]["properties"]["phase"]["enum"] == [phase.value for phase in Phase]


def test_a_decision_of_very_many_steps_and_words_is_clipped_or_refused_here_and_never_by_the_server(refusals):
    long = StepStatus(limiter="MaxReplicas", before=2, after=1, why="x" * 5000)
    found = status(last_decision=DecisionStatus(time=0.0, raw=1, final=1, limiter="Forecast", steps=[long] * 16))
    assert len(found.to_json()["lastDecision"]["steps"][0]["why"]) == 256
    assert refusals(as_object(found.to_json())) == []
    with pytest.raises(ValidationError, match="at most 16"):
        DecisionStatus(time=0.0, raw=1, final=1, limiter="Forecast", steps=[long] * 17)

"""What a status is made of is what the API server takes, whatever the operator found."""

import math

import pytest

from bayescaler.api.figures import clip, clip_why, figure, known, rfc3339
from bayescaler.policy.reasons import Phase


def test_times_are_to_the_second_and_figures_to_six_digits():
    assert rfc3339(1_772_438_400.7) == "2026-03-02T08:00:00Z"
    assert figure(812.123456789) == 812.123


@pytest.mark.parametrize("number", [None, math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_know_is_left_out(number):
    assert known({"p50": figure(1.0), "p95": figure(number)}) == {"p50": 1.0}


def test_long_text_is_clipped_to_what_the_schema_allows(schema):
    status = schema["properties"]["status"]["properties"]
    message = status["conditions"]["items"]["properties"]["message"]
    why = status["lastDecision"]["properties"]["steps"]["items"]["properties"]["why"]
    for cut, allowed in ((clip, message["maxLength"]), (clip_why, why["maxLength"])):
        assert cut("é" * allowed) == "é" * allowed
        assert cut("é" * (allowed + 1)) == "é" * (allowed - 1) + "…"


def test_the_phases_are_those_of_the_policy(schema):
    assert schema["properties"]["status"]["properties"]["phase"]["enum"] == [phase.value for phase in Phase]

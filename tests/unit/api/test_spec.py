"""Every field of the spec: the API server and Python refuse the same objects and name the same field."""

import copy
from typing import Any

import pytest
import yaml

from bayescaler.api import SpecError, parse_spec
from bayescaler.api.reference import EXAMPLE
from bayescaler.api.spec import MAX_HORIZON_BUCKETS
from bayescast.spec import MAX_LEAD_BUCKETS, ForecastSpec

from .objects import BAD, GONE, GOOD, MINIMAL, SALE, named, with_


@pytest.mark.parametrize(("path", "value", "blamed"), BAD, ids=map(named, BAD))
def test_both_sides_refuse_a_bad_object_and_blame_the_same_field(path, value, blamed, refusals):
    obj = with_(path, value)

    with pytest.raises(SpecError) as caught:
        parse_spec(obj)

    assert refusals(obj), "the API server takes it"
    assert blamed in {refusal.split(": ")[0] for refusal in refusals(obj)}
    blamed_here = {problem.path for problem in caught.value.problems}
    assert blamed_here == ({f"{blamed}.{path.rpartition('.')[2]}"} if value is GONE else _inside(blamed, value))


def _inside(blamed: str, value: Any) -> set[str]:
    missing = {
        "spec.load.prometheus": "query",
        "spec.load.prometheus.authRef": "name",
    }
    return {f"{blamed}.{missing[blamed]}"} if value == {} and blamed in missing else {blamed}


@pytest.mark.parametrize(("path", "value"), GOOD, ids=map(named, GOOD))
def test_both_sides_take_a_good_object(path, value, refusals):
    obj = with_(path, value)
    assert refusals(obj) == []
    parse_spec(obj)


@pytest.mark.parametrize("obj", [MINIMAL, yaml.safe_load(EXAMPLE), *(with_(*case) for case in GOOD)])
def test_python_sets_exactly_the_defaults_of_the_api_server(obj, defaulted):
    stored = defaulted(obj)
    dumped = parse_spec(obj).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert dumped == stored["spec"]
    assert parse_spec(stored) == parse_spec(obj)


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        ({"forecast": {"history": "8w", "seasons": ["1h"]}, "load": {"step": "1s"}}, "spec.forecast.history"),
        ({"forecast": {"history": "2h", "horizon": "2h"}, "load": {"step": "1s"}}, "spec.forecast.horizon"),
        ({"forecast": {"history": "2h", "seasons": ["1h1s"]}, "load": {"step": "15s"}}, "spec.forecast.seasons"),
        ({"forecast": {"seasons": ["1h"]}, "load": {"step": "1h"}}, "spec.forecast.seasons"),
        (
            {"forecast": {"history": "2h", "canary": {"history": "8w"}}, "load": {"step": "1s"}},
            "spec.forecast.canary.history",
        ),
        ({"forecast": {"canary": {"seasons": ["1h1s"]}}, "load": {"step": "15s"}}, "spec.forecast.canary.seasons"),
    ],
)
def test_history_seasons_and_horizon_must_fit_the_step(change, blamed, refusals):
    obj = copy.deepcopy(MINIMAL)
    obj["spec"]["forecast"] = change["forecast"]
    obj["spec"]["load"] |= change["load"]

    with pytest.raises(SpecError) as caught:
        parse_spec(obj)

    assert [problem.path for problem in caught.value.problems] == [blamed]
    assert [refusal.split(": ")[0] for refusal in refusals(obj)] == [blamed]


def test_only_python_knows_the_names_of_time_zones(refusals):
    obj = with_("forecast.timeZone", "Europe/Berlim")
    assert refusals(obj) == []
    with pytest.raises(SpecError, match=r"spec\.forecast\.timeZone: .*IANA database, such as Europe/Berlin"):
        parse_spec(obj)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("0 18-8 * * *", r"is no cron expression \(bad hour\)"),
        ("0 8 30 2 *", r"is no cron expression \(bad day-of-month\)"),
        ("0 8 * FEX *", r"is no cron expression \(bad month\)"),
        ("0 8 */31 * 1#5", "never comes about"),
    ],
)
def test_only_python_knows_whether_a_start_comes_about(start, why, refusals):
    obj = with_("schedules", [SALE | {"start": start}])
    assert refusals(obj) == []
    with pytest.raises(SpecError, match=rf"spec\.schedules\[0\]\.start: {why}: write minute, hour"):
        parse_spec(obj)


def test_the_target_cannot_be_changed_afterwards(refusals, defaulted):
    old = defaulted(MINIMAL)
    assert refusals(with_("maxReplicas", 20), old=old) == []
    (refusal,) = refusals(with_("scaleTargetRef.name", "other"), old=old)
    assert refusal == "spec.scaleTargetRef: scaleTargetRef is immutable: make a new BayesianAutoscaler"


def test_all_problems_come_in_one_message():
    obj = with_("maxReplicas", "10")
    obj["spec"]["load"]["step"] = "7m"
    obj["spec"]["objective"] = {"quantile": 95}

    with pytest.raises(SpecError) as caught:
        parse_spec(obj)

    assert str(caught.value) == (
        "spec.maxReplicas: input should be a valid integer, got '10'; "
        "spec.load.step: step must divide a day without remainder, such as 15s, 1m, 5m or 1h; "
        "spec.objective.quantile: input should be less than 1, got 95"
    )


def test_a_long_value_is_not_repeated_in_full():
    with pytest.raises(SpecError) as caught:
        parse_spec(with_("load.prometheus.query", "x" * 100_000))
    assert len(str(caught.value)) < 250


def test_fields_of_a_newer_crd_are_passed_over():
    obj = with_("forecast.priorGroup", "web")
    obj["spec"]["capacityClasses"] = [{"name": "large"}]
    assert parse_spec(obj) == parse_spec(MINIMAL)


def test_snake_case_is_not_a_second_way_to_write_a_field():
    obj = with_("maxReplicas", GONE)
    obj["spec"]["max_replicas"] = 10
    with pytest.raises(SpecError, match=r"spec\.maxReplicas: is required"):
        parse_spec(obj)


@pytest.mark.parametrize("obj", [{}, {"spec": None}, {"spec": []}, {"spec": "x"}])
def test_an_object_without_a_spec_is_an_error_not_a_crash(obj):
    with pytest.raises(SpecError, match="spec"):
        parse_spec(obj)


def test_a_manifest_of_another_kind_is_refused():
    with pytest.raises(
        SpecError, match=r"is autoscaling/v2 HorizontalPodAutoscaler, expected bayescaler\.dev/v1alpha1"
    ):
        parse_spec(MINIMAL | {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"})


def test_durations_come_as_seconds_and_keep_their_text():
    spec = parse_spec(with_("forecast.history", "1d12h"))
    assert spec.forecast.history.seconds == 36 * 3600
    assert spec.forecast.history == "1d12h"
    assert spec.forecast.horizon.fixed_seconds is None
    assert [season.seconds for season in spec.forecast.seasons] == [86400, 604800]


def test_the_longest_horizon_is_one_that_the_forecaster_takes():
    assert MAX_HORIZON_BUCKETS == MAX_LEAD_BUCKETS
    longest = with_("forecast", {"history": "2h", "horizon": "96m"})
    longest["spec"]["load"]["step"] = "1s"
    spec = parse_spec(longest)
    ForecastSpec(step_seconds=1.0, leads=(int(spec.forecast.horizon.fixed_seconds),))

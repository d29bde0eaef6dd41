"""A record is read without trust: of older and newer operators, torn, wrong, hostile."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy.from_status import NotDecidedError, decision_id, of_status
from bayescaler.policy.record import BadRecordError, epoch, read, shown
from bayescaler.policy.story import one_line, tell
from bayescaler.policy.why_not import why_not

NOON = 1_772_452_800.0
OLD = {
    "at": "2026-03-02T12:00:00Z", "rung": "Predictive", "phase": "Trusted", "load": 480.0, "demand": 600.0,
    "current": 9, "raw": 12, "final": 10, "limiter": "MaxReplicas", "violationProbability": 0.44,
    "steps": [
        {"limiter": "Forecast", "before": 9, "after": 12, "why": "load up to 600/s expected"},
        {"limiter": "MaxReplicas", "before": 12, "after": 10, "why": "maxReplicas is 10, 12 wanted"},
    ],
}  # fmt: skip


def words(record):
    story = tell(record, now=NOON + 34.0)
    return "\n".join([story.headline.text, story.when, *(line.text for s in story.sections for line in s.lines)])


def test_a_record_of_an_older_operator_tells_what_it_has_and_says_that_it_is_old():
    told = words(read(OLD))
    assert "10 replicas, fixed by MaxReplicas (12 asked for)" in told
    assert "maxReplicas is 10, 12 wanted" in told
    assert "44 % to run short" in told
    assert "older version" in told
    assert "None" not in told


def test_a_record_of_a_newer_operator_says_so_and_a_rule_of_tomorrow_is_shown_by_its_name():
    newer = OLD | {"version": 7, "limiter": "Budget", "news": {"a": 1}}
    newer["steps"] = [*OLD["steps"], {"limiter": "Budget", "before": 10, "after": 9, "why": "over budget"}]
    told = words(read(newer))
    assert "newer version (7; 1 is known here)" in told
    assert "Budget" in told
    assert "over budget" in told


def test_an_edit_after_the_decision_is_said():
    told = words(read(OLD | {"version": 1, "generation": 3, "specGeneration": 4}))
    assert "the spec was changed since (generation 4, decided on 3)" in told


@pytest.mark.parametrize("final", [None, "10", 10.5, -1, True, [10]])
def test_what_says_no_number_of_replicas_is_no_record(final):
    with pytest.raises(BadRecordError, match="without a final number"):
        read(OLD | {"final": final})


HOSTILE = "\x1b[2J\x1b]0;owned\x07\nrm -rf\r\u202efdp.exe\u2028\x00"


def test_text_that_would_rule_a_terminal_is_shown_escaped():
    hostile = OLD | {
        "object": HOSTILE, "message": HOSTILE, "limiter": HOSTILE, "phase": HOSTILE, "phaseWhy": HOSTILE, "id": HOSTILE,
        "unit": HOSTILE, "forecast": {"horizon": HOSTILE, "value": 1.0},
        "capacity": {"perReplica": 5, "source": HOSTILE},
        "spec": {"mode": HOSTILE},
        "steps": [{"limiter": HOSTILE, "before": 1, "after": 2, "why": HOSTILE}] * 3,
        "conditions": [{"type": HOSTILE, "status": HOSTILE, "reason": HOSTILE, "message": HOSTILE}],
    }  # fmt: skip
    record = read(hostile)
    for text in (*words(record).splitlines(), one_line(record), *why_not(record, 3).lines):
        assert text.isprintable(), text
    assert "\\x1b[2J" in words(record)


def test_text_is_no_longer_than_a_message():
    assert len(shown("x" * 10_000)) == 1024


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*OLD, "quantiles", "horizon"]), inner),
    max_leaves=20,
)
KEYS = [*OLD, "version", "forecast", "calibration", "capacity", "spec", "conditions", "unit", "generation", "object"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.integers(0, 2**31), st.integers(0, 100))
def test_whatever_is_in_a_record_a_story_is_told_of_it(junk, final, count):
    record = read(junk | {"final": final})
    assert words(record)
    assert one_line(record).isprintable()
    assert why_not(record, count).lines


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_whatever_an_object_holds_it_is_told_or_said_to_be_undecided(obj):
    with suppress(NotDecidedError, BadRecordError):
        assert words(read(of_status(obj)))


def test_an_object_without_status_asks_for_the_operator():
    with pytest.raises(NotDecidedError, match="has no status yet: is the operator running"):
        of_status({"metadata": {"namespace": "shop", "name": "web"}, "spec": {}})


def test_an_object_that_could_not_be_decided_on_says_why():
    ready = {"type": "Ready", "status": "False", "reason": "TargetNotFound", "message": "create it"}
    with pytest.raises(NotDecidedError, match="nothing is decided of shop/web yet: TargetNotFound: create it"):
        of_status({"metadata": {"namespace": "shop", "name": "web"}, "status": {"conditions": [ready]}})


def test_a_decision_has_the_same_name_in_log_and_status():
    assert decision_id("5f0c9d1e-7a44", 3, "2026-03-02T12:00:00Z") == "5f0c9d1e.3.1772452800"
    assert decision_id("", None, "junk") == ".None.?"


@pytest.mark.parametrize("stamp", ["", "junk", None, 5, "99999-01-01T00:00:00Z", "2026-13-02T12:00:00Z"])
def test_a_time_that_is_none_is_not_there(stamp):
    assert epoch(stamp) is None


def test_a_forecast_with_other_than_the_known_quantiles_is_not_guessed_at():
    for quantiles in ([1.0, 2.0], list(range(10)), [9.0] * 8 + [1.0], [1.0] * 8 + ["2"], "123456789"):
        record = read(OLD | {"forecast": {"quantiles": quantiles}, "spec": {"capacity": {"perReplica": 50}}})
        assert record.forecast.predictive is None
        assert why_not(record, 9).risk is None


def test_a_record_is_plain_json():
    assert read(json.loads(json.dumps(OLD))) == read(OLD)


def test_a_learned_capacity_is_told_with_what_it_rests_on_and_its_low_quantile_decides():
    learned = {"perReplica": 52.4, "low": 48.0, "source": "Learned", "message": "learned from 812 buckets"}
    record = read(OLD | {"capacity": learned, "spec": {"capacity": {"perReplica": 60}}, "unit": "/s"})
    assert "48/s each (learned from 812 buckets): 10 replicas serve 480/s" in words(record)
    assert read(OLD | {"capacity": {"perReplica": 50, "low": 50, "source": "Fixed"}}).capacity is None
    assert "a new pod takes 47s" in words(read(OLD | {"forecast": {"value": 1.0, "leadTime": "47s"}}))


def test_what_stands_but_is_not_reached_is_in_the_headline():
    short = {"limiter": "QuotaExceeded", "before": 10, "after": 10, "why": "the quota allows 5 pods"}
    assert words(read(OLD | {"steps": [*OLD["steps"], short]})).splitlines()[0].endswith("; the quota allows 5 pods")


@pytest.mark.parametrize(
    ("objective", "quantile"),
    [({"quantile": 0.9}, 0.9), ({"buffer": 0.1}, 0.95), ({"risk": {"overloadBudget": 0.01}}, None),
     ({"costs": {"replicaHour": 1, "overloadHour": 40}}, None)],
)  # fmt: skip
def test_the_quantile_of_a_spec_that_names_no_aim_is_the_one_that_was_decided_on(objective, quantile):
    told = read({"final": 4, "forecast": {"quantile": 0.95}, "spec": {"objective": objective}})
    assert told.rules.quantile == quantile


@pytest.mark.parametrize(
    ("cap", "told"),
    [("Affordable", "ten times the replicas"), ("Dearest", "maxReplicas"), (None, None), ("\x1b[2J", None), ({}, None)],
)
def test_what_keeps_a_price_from_rising_is_told_beside_it(cap, told):
    risk = {"budget": 0.01, "spent": 0.02, "price": 163, "target": 0.005, "cap": cap}
    story = tell(read({"final": 4, "risk": risk}), now=0.0)
    lines = [line.text for section in story.sections if section.title == "Aim" for line in section.lines]
    assert [told in line for line in lines[2:]] == ([True] if told else [])


def test_the_price_is_the_steered_one_and_without_a_budget_the_ratio_of_the_costs():
    risk = {"budget": 0.01, "spent": 0.02, "burnRate": 2, "price": 163, "target": 0.005}
    assert read({"final": 4, "risk": risk, "spec": {"objective": {"risk": {"overloadBudget": 0.01}}}}).price == 163
    costs = {"replicaHour": 0.04, "overloadHour": 8}
    assert read({"final": 4, "spec": {"objective": {"costs": costs}}}).price == pytest.approx(200)
    assert read({"final": 4, "spec": {"objective": {"quantile": 0.95}}}).price is None


@pytest.mark.parametrize("bad", ["x", None, [], True, float("nan"), -1.0, 0.0])
def test_a_price_that_is_none_is_not_there(bad):
    risk = {"budget": 0.01, "spent": 0.02, "price": bad, "target": 0.005}
    assert read({"final": 4, "risk": risk}).price is None
    assert read({"final": 4, "spec": {"objective": {"costs": {"replicaHour": bad, "overloadHour": 8}}}}).price is None


def test_a_ladder_is_read_without_trust():
    risk = {"budget": 0.01, "spent": 0.02, "price": 163, "target": 0.005, "seconds": "long"}
    rungs = [
        {"price": 64, "short": 0.02, "replicas": 8.1},
        {"price": 128},
        "x",
        {"price": "1", "short": 0, "replicas": 1},
    ]
    found = read({"final": 4, "risk": risk | {"ladder": rungs * 99}}).steered
    assert found.seconds is None
    assert len(found.ladder) <= 32
    assert {rung.price for rung in found.ladder} == {64}


NUMBERS = st.floats() | st.integers(-(2**70), 2**70) | st.none() | st.just("9")


@given(st.dictionaries(st.sampled_from(["budget", "spent", "price", "target", "seconds"]), NUMBERS),
       st.dictionaries(st.sampled_from(["replicaHour", "overloadHour"]), NUMBERS),
       NUMBERS, NUMBERS, st.lists(st.floats(0.0, 1e300), min_size=9, max_size=9), st.integers(0, 2**40))  # fmt: skip
def test_whatever_is_in_a_price_a_story_is_told_of_it(risk, costs, loose, per_replica, quantiles, count):
    spec = {
        "objective": {"buffer": loose, "costs": costs, "risk": {"overloadBudget": loose}},
        "behavior": {"scaleUp": {"tolerance": loose}, "scaleDown": {"tolerance": loose}},
        "capacity": {"perReplica": per_replica},
    }
    forecast = {"quantiles": sorted(quantiles), "p50": loose, "value": per_replica}
    known = {"risk": risk, "spec": spec, "forecast": forecast, "violationProbability": loose}
    record = read(OLD | known | {"limiter": "Forecast", "final": 12})
    assert words(record)
    assert why_not(record, count).lines

"""The status as written: valid against the CRD whatever was found, complete, and quiet while nothing matters."""

import json

import jsonschema
import numpy as np
import pytest

from bayescaler.api import Status, crd
from bayescaler.control.estimate import BankPool, predict
from bayescaler.control.status import material, outline, render, told_outline
from bayescaler.control.workload import Load, Problem
from bayescaler.policy import Change, Evidence, State, decide
from bayescaler.policy.decision import Step
from bayescaler.policy.reasons import Health, Limiter

from .builders import MINUTE, NOON, seen, target, word_for_word, workload
from .scenes import SCENES


@pytest.fixture(scope="module")
def validator():
    (version,) = crd()["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    return jsonschema.Draft4Validator(status, format_checker=jsonschema.FormatChecker())


async def sized(load=100.0, minutes=300, of=None, **spec):
    """A workload after one good tick, on the real forecaster."""
    given = {"load": of} if of else {}
    web = workload(forecast={"history": "6h", "seasons": []}, **given, **spec)
    times = NOON - MINUTE * np.arange(minutes, 0, -1)
    web.seat = await BankPool().fit(web.intent, times, np.full(minutes, load), until=NOON)
    load *= web.intent.scale
    web.load, web.target = Load(load, NOON, Health.LIVE, reason="LoadLive"), target()
    predict(web, now=NOON)
    web.decision, web.state = decide(web.intent.policy, seen(load=load), web.outlook, State(), now=NOON)
    return web


async def test_a_full_status_is_valid_and_complete(validator):
    web = await sized()
    web.last_scale_at = NOON
    status = render(web, now=NOON)
    validator.validate(status)
    assert set(status) == {
        "observedGeneration",
        "phase",
        "currentReplicas",
        "desiredReplicas",
        "lastScaleTime",
        "forecast",
        "calibration",
        "capacity",
        "lastDecision",
        "conditions",
    }
    assert status["forecast"]["horizon"] == "2m"
    assert status["forecast"]["issuedAt"] == "2026-03-02T12:00:00Z"
    assert status["forecast"]["p50"] <= status["forecast"]["p95"] == status["forecast"]["value"]
    assert status["lastDecision"]["message"] == web.decision.message
    assert status["calibration"]["nominal"] == 0.95
    assert status["capacity"] == {"perReplica": 50, "low": 50, "source": "Fixed", "message": ""}


def test_what_is_not_known_is_left_out_never_made_up(validator):
    status = render(workload(), now=NOON)
    validator.validate(status)
    assert set(status) == {"observedGeneration", "phase", "conditions"}


@pytest.mark.parametrize("scene", SCENES)
def test_every_status_is_what_the_resource_says_it_is(validator, scene):
    status = render(SCENES[scene](), now=NOON)
    validator.validate(status)
    assert word_for_word(Status, status)


async def test_clauses_are_clipped_and_no_more_steps_told_than_the_resource_takes(validator, monkeypatch):
    web = await sized()
    many = [Step(Limiter.TOLERANCE, 3, 3, "x" * 5000)] * 40
    monkeypatch.setattr(type(web.decision), "steps", many)
    status = render(web, now=NOON)
    validator.validate(status)
    assert [len(step["why"]) for step in status["lastDecision"]["steps"]] == [256] * 16


@pytest.mark.parametrize(
    "load",
    [
        Load(message="no data in any bucket"),
        Load(1.0, NOON, Health.FAILED, "x" * 5000, "ServerUnreachable"),
        Load(0.0, NOON, Health.LIVE, warnings=("partial data",) * 99),
    ],
    ids=["absent", "a very long message", "very many warnings"],
)
async def test_the_status_is_valid_whatever_the_load_is(validator, load):
    web = await sized()
    web.load = load
    validator.validate(render(web, now=NOON))


async def test_the_status_tells_what_trust_rests_on(validator):
    web = await sized()
    change = Change(NOON - 600.0, rise=True, windows=6)
    web.evidence = Evidence(1440, 0.95, 0.95, -0.2, 20_160, 1440, 0.5, 0b11, change)
    status = render(web, now=NOON)
    validator.validate(status)
    told = status["calibration"]
    assert (told["skill"], told["headroomLost"]) == (-0.2, 0.5)
    assert told["change"] == {"time": "2026-03-02T11:50:00Z", "direction": "Rise", "windows": 6, "missed": 2}
    web.evidence = web.evidence._replace(change=change._replace(windows=16))
    assert "change" not in render(web, now=NOON)["calibration"], "it is past"


async def test_the_status_is_valid_whatever_the_problem_is(validator):
    web = await sized()
    for field in ("spec_problem", "target_problem", "write_problem"):
        setattr(web, field, Problem("TargetNotFound", "multi\nline\tütf-8 " * 200))
        validator.validate(render(web, now=NOON))


def condition(status, kind="Ready"):
    return next(c for c in status["conditions"] if c["type"] == kind)


async def test_a_condition_keeps_its_time_while_its_status_stays():
    web = await sized()
    web.told.status = render(web, now=NOON)
    assert condition(render(web, now=NOON + 600.0))["lastTransitionTime"] == "2026-03-02T12:00:00Z"
    web.target_problem = Problem("TargetNotFound", "gone")
    web.told.status = render(web, now=NOON + 900.0)
    assert condition(web.told.status)["lastTransitionTime"] == "2026-03-02T12:15:00Z"
    web.target_problem = Problem("NoScale", "no /scale")
    assert condition(render(web, now=NOON + 999.0))["lastTransitionTime"] == "2026-03-02T12:15:00Z"


async def test_every_condition_speaks_of_the_generation_that_was_judged():
    web = await sized()
    web.generation = 7
    status = render(web, now=NOON)
    assert {c["observedGeneration"] for c in status["conditions"]} == {status["observedGeneration"]} == {7}


async def test_the_time_of_the_last_scaling_outlives_a_restart_of_the_operator():
    web = await sized()
    web.told.status = {"lastScaleTime": "2026-03-01T08:00:00Z"}
    assert render(web, now=NOON)["lastScaleTime"] == "2026-03-01T08:00:00Z"
    web.last_scale_at = NOON
    assert render(web, now=NOON)["lastScaleTime"] == "2026-03-02T12:00:00Z"


async def test_live_numbers_are_not_material():
    web = await sized()
    before = render(web, now=NOON)
    web.fresh = [(NOON, 120.0)]
    web.load.value, web.load.at = 120.0, NOON + MINUTE
    predict(web, now=NOON + MINUTE)
    web.decision, _ = decide(web.intent.policy, seen(load=120.0), web.outlook, web.state, now=NOON + MINUTE)
    after = render(web, now=NOON + MINUTE)
    assert after != before
    assert material(after) == material(before)


@pytest.mark.parametrize(
    "change",
    [
        lambda w: setattr(w, "target", target(5)),
        lambda w: setattr(w, "generation", 2),
        lambda w: setattr(w, "target_problem", Problem("TargetNotFound", "")),
        lambda w: setattr(w, "outlook", None),
        lambda w: setattr(w, "last_scale_at", NOON),
        lambda w: setattr(w, "decision", None),
    ],
    ids=["replicas", "generation", "a condition", "the forecast is gone", "a scaling", "no decision"],
)
async def test_what_people_wait_for_is_material(change):
    web = await sized()
    before = material(render(web, now=NOON))
    change(web)
    assert material(render(web, now=NOON)) != before


async def test_counts_are_told_and_sized_per_second():
    count = {"prometheus": {"query": "sum(increase(jobs_total[1m]))"}, "kind": "Count"}
    web = await sized(600.0, of=count, capacity={"perReplica": 5})  # 600 a minute are 10 a second
    status = render(web, now=NOON)
    assert status["lastDecision"]["load"] == 10.0
    assert 9.8 < status["forecast"]["p50"] < 10.3
    assert (web.decision.raw, "/s" in web.decision.message) == (2, True)


async def test_the_outline_is_what_is_material_of_the_rendered_status():
    fresh, good, scaled = workload(), await sized(), await sized(900.0)
    taken_over, broken = await sized(), await sized()
    scaled.last_scale_at = NOON + 0.75
    taken_over.told.status = {"lastScaleTime": "2026-03-02T11:00:00Z"}
    broken.target, broken.decision, broken.spec_problem = None, None, Problem("SpecInvalid", "what and the cure")
    for web in (fresh, good, scaled, taken_over, broken):
        assert outline(web) == material(render(web, now=NOON))


async def test_a_status_that_somebody_else_has_written_is_outlined_anew():
    web = await sized()
    web.told.status = render(web, now=NOON)
    assert told_outline(web.told) == outline(web)
    web.told.status = web.told.status | {"desiredReplicas": 59}
    assert told_outline(web.told) == outline(web)._replace(desired=59)


def test_a_budget_is_told_with_what_was_spent_of_it_and_nothing_of_it_makes_a_write(validator):
    web = SCENES["budget"]()
    status = render(web, now=NOON)
    validator.validate(status)
    risk = status["risk"]
    assert set(risk) == {"budget", "spent", "burnRate", "price", "target"}
    assert risk["burnRate"] == pytest.approx(risk["spent"] / risk["budget"], rel=1e-4)
    assert risk["price"] == pytest.approx(web.state.price, rel=1e-4)
    assert len(json.dumps(risk)) < 128
    assert material(status | {"risk": {}}) == material(status) == outline(web)


@pytest.mark.parametrize("aim", ["forecast", "costs"])
def test_without_a_budget_no_budget_is_told(aim):
    assert "risk" not in render(SCENES[aim](), now=NOON)

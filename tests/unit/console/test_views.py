"""What the console shows of a workload: how it fares, its row, its page; decided on by the production code."""

import json
import sys
from pathlib import Path

import pytest

from bayescaler.cli.told import as_text
from bayescaler.console.memory import MOST_DECISIONS, MOST_POINTS, Memory, Ring, told
from bayescaler.console.views import MOST_ROWS, State, listing, page, row, standing, summary
from bayescaler.control.decision_log import complete
from bayescaler.control.workload import Problem
from bayescaler.policy.record import read
from bayescaler.policy.story import tell
from bayescaler.telemetry.metrics import Metrics

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "control"))

from scenes import SCENES
from stage import AT_ONCE, NOON, TICK, Scene


@pytest.fixture
def memory():
    return Memory(Metrics(lambda: ()))


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_has_a_row_and_a_page_that_are_json(name, memory):
    workload = SCENES[name]()
    memory.look([workload], now=NOON)
    shown = page(workload, memory, now=NOON + 4.0)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown.items() >= row(workload).items()
    assert shown["reason"]
    assert (shown["state"] == "good") is not bool(shown["message"])


@pytest.mark.parametrize("name", SCENES)
def test_the_story_is_the_one_that_explain_tells(name, memory):
    workload = SCENES[name]()
    shown = page(workload, memory, now=NOON + 34.0)["story"]
    record = {**complete(workload), "object": workload.label, "message": workload.decision.message}
    expected = as_text(tell(read(record), now=NOON + 34.0))
    lines = [line["text"] for section in shown["sections"] for line in section["lines"]]
    for line in (shown["headline"]["text"], shown["when"], *lines):
        assert line in expected


def test_what_is_just_as_it_should_be_is_well():
    workload = Scene().decide(load=420.0, expected=520.0)
    assert standing(workload) == (State.GOOD, "Ready", "")


def test_a_limit_that_is_meant_to_hold_is_no_fault():
    workload = Scene(minReplicas=30, running=30, behavior=AT_ONCE).decide(load=420.0, expected=520.0)
    assert workload.decision.limiter == "MinReplicas"
    assert standing(workload)[0] is State.GOOD


@pytest.mark.parametrize(
    ("scene", "state", "reason"),
    [
        (lambda: Scene(maxReplicas=8).decide(load=420.0, expected=900.0), State.NOTICE, "TooManyReplicas"),
        (lambda: Scene(paused=True).decide(load=420.0, expected=520.0), State.NOTICE, "Paused"),
        (lambda: Scene().decide(expected=520.0), State.BAD, "LoadFailed"),
        (SCENES["target-not-found"], State.BAD, "TargetNotFound"),
        (SCENES["degraded"], State.NOTICE, "Degraded"),
        (SCENES["trust"], State.NOTICE, "Learning"),
    ],
)
def test_what_is_not_is_told_by_the_condition_that_says_so(scene, state, reason):
    found = standing(scene())
    assert found[:2] == (state, reason)
    assert found[2]


def test_pods_that_do_not_come_need_a_look():
    stage = Scene(running=12).runs(12, 9, pods=12)
    stage.lacks("0/5 nodes are available: 5 Insufficient cpu.")
    state, reason, message = standing(stage.decide(load=420.0, expected=520.0))
    assert (state, reason) == (State.BAD, "Unschedulable")
    assert "Insufficient cpu" in message


def test_an_object_that_cannot_be_read_has_a_row_and_no_number():
    workload = Scene().workload
    workload.intent, workload.spec_problem = None, Problem("SpecInvalid", "spec.load: wrong")
    shown = row(workload)
    assert (shown["state"], shown["reason"], shown["message"]) == ("bad", "SpecInvalid", "spec.load: wrong")
    assert shown["target"] is shown["wanted"] is shown["limiter"] is None


def rows(*states):
    base = row(Scene().decide(load=420.0, expected=520.0))
    return [base | {"name": f"w{i}", "state": state} for i, state in enumerate(states)]


def test_the_worst_come_first_and_then_who_burns_most():
    some = rows("good", "bad", "notice", "good", "bad")
    some[4]["burn"], some[3]["burn"] = 2.0, 0.5
    found = [one["name"] for one in listing(some, namespaces={"shop"})["objects"]]
    assert found == ["w4", "w1", "w2", "w3", "w0"]
    assert summary(some) == {"bad": 2, "notice": 1, "good": 2}


def test_words_all_have_to_be_there_and_other_namespaces_are_not():
    some = rows("good", "bad")
    some[1] |= {"namespace": "search"}
    assert listing(some, namespaces={"shop"})["total"] == 1
    assert listing(some, namespaces={"shop", "search"}, words="DEPLOYMENT/ w1")["objects"] == [some[1]]
    assert listing(some, namespaces={"shop", "search"}, words="w1 w0")["total"] == 0


def test_an_answer_is_bounded_and_says_how_many_there_are():
    found = listing(rows(*["good"] * (MOST_ROWS + 7)), namespaces={"shop"})
    assert (found["total"], len(found["objects"])) == (MOST_ROWS + 7, MOST_ROWS)


def test_what_is_remembered_is_bounded_and_the_newest(memory):
    stage = Scene()
    for tick in range(3 * MOST_POINTS):
        now = NOON + tick * TICK
        workload = stage.decide(now, load=300.0 + 80.0 * (tick // 4 % 5), expected=320.0 + 200.0 * (tick // 4 % 5))
        stage.runs(workload.decision.final)
        memory.look([workload], now=now)
    chart = page(workload, memory, now=now)["chart"]
    assert len(chart["ticks"]) == len(chart["loads"]) == MOST_POINTS
    times = [tick[0] for tick in chart["ticks"]]
    assert times == [now - (MOST_POINTS - 1 - i) * TICK for i in range(MOST_POINTS)]
    assert chart["serves"] == chart["each"] * workload.target.ready_replicas
    past = page(workload, memory, now=now)["decisions"]
    assert len(past) == MOST_DECISIONS
    assert [one["at"] for one in past] == sorted((one["at"] for one in past), reverse=True)


def test_decisions_that_say_the_same_are_one(memory):
    stage = Scene(running=11)
    for tick in range(4):
        memory.look([stage.decide(NOON + tick * TICK, load=420.0, expected=520.0)], now=NOON + tick * TICK)
    assert len(memory.of(stage.workload).decisions) == 1


def test_no_load_leaves_a_gap_and_a_number_is_not_made_up(memory):
    workload = Scene().decide()
    memory.look([workload], now=NOON)
    chart = page(workload, memory, now=NOON)["chart"]
    assert (chart["loads"], chart["load"], chart["forecast"]) == ([], None, None)
    assert chart["ticks"][0][2] is None


def test_who_is_gone_is_forgotten_and_a_load_of_another_meaning_too(memory):
    stage = Scene()
    memory.look([stage.decide(load=420.0, expected=520.0)], now=NOON)
    other = dict(stage.object["spec"]["load"], prometheus={"query": "sum(rate(other[1m]))"})
    again = Scene(load=other)
    again.workload.uid = stage.workload.uid
    memory.look([again.decide(NOON + TICK, load=4.0, expected=5.0)], now=NOON + TICK)
    assert [value for _, value in memory.of(again.workload).loads.rows()] == [4.0]
    memory.look([], now=NOON + 2 * TICK)
    assert len(memory.of(again.workload).ticks) == 0


def test_a_ring_keeps_the_last_rows_in_order():
    ring = Ring(1, most=20)
    assert ring.last_at is None
    for i in range(47):
        ring.add(float(i), i * 2.0)
    assert ring.rows() == [[float(i), i * 2.0] for i in range(27, 47)]
    assert ring.last_at == 46.0
    assert [told(value) for value in (None, float("nan"), float("inf"), 1.23456789)] == [None, None, None, 1.2346]

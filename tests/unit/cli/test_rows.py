"""What `top` makes of an object's status: its columns, its order, and what is missing or hostile in it."""

import asyncio
import io

import pytest
from rich.console import Console, Group

from bayescaler.cli.rows import COLUMNS, ORDERS, ordered, row_of
from bayescaler.cli.top import keep_up, table_of
from bayescaler.cluster.errors import Unreachable

NOON = 1_772_452_800.0


def obj(name="web", *, namespace="shop", spec=None, **status):
    told = {
        "phase": "Trusted",
        "currentReplicas": 9,
        "desiredReplicas": 12,
        "lastDecision": {
            "time": "2026-03-02T12:00:00Z",
            "load": 420.0,
            "limiter": "Forecast",
            "message": "as expected",
        },
        "forecast": {"value": 572.0, "horizon": "2m"},
        "calibration": {"nominal": 0.95, "coverage": 0.953},
        "risk": {"burnRate": 0.74},
        "conditions": [{"type": "FallbackActive", "status": "False", "reason": "Predictive"}],
        **status,
    }
    asked = {"scaleTargetRef": {"name": name}, "mode": "Auto", "minReplicas": 2, "maxReplicas": 60, **(spec or {})}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": asked, "status": told}


def cells(row, now=NOON + 34.0):
    return {column.title: column.text(row, now) for column in COLUMNS}


def styles(row):
    return {column.title: column.style(row) for column in COLUMNS if column.style(row)}


def test_a_row_tells_replicas_load_trust_and_budget():
    assert cells(row_of(obj())) == {
        "NAMESPACE": "shop", "NAME": "web", "MODE": "Auto", "PHASE": "Trusted", "RUNG": "Predictive", "NOW": "9",
        "WANTED": "12", "MAX": "60", "LIMITER": "Forecast", "LOAD": "420/s", "FORECAST": "572/s", "KEPT": "95.3 %",
        "PROMISED": "95 %", "BURN": "0.74", "HORIZON": "2m", "TARGET": "Deployment/web", "DECIDED": "34s ago",
        "WHY": "as expected",
    }  # fmt: skip


def test_an_object_without_a_status_has_its_bounds_and_nothing_else():
    bare = obj()
    del bare["status"]
    told = cells(row_of(bare))
    assert (told["NAME"], told["MAX"], told["TARGET"]) == ("web", "60", "Deployment/web")
    assert {told[title] for title in ("PHASE", "RUNG", "NOW", "WANTED", "LIMITER", "LOAD", "KEPT", "BURN")} == {"-"}
    assert told["DECIDED"] == "-"


@pytest.mark.parametrize("hostile", [None, "much", True, [], {}, {"value": "x"}])
def test_what_is_no_number_is_nothing_and_no_error(hostile):
    row = row_of(
        obj(currentReplicas=hostile, forecast=hostile, calibration=hostile, risk=hostile, lastDecision=hostile)
    )
    told = cells(row)
    assert {told[title] for title in ("NOW", "FORECAST", "KEPT", "BURN", "LOAD", "DECIDED")} == {"-"}


def test_control_characters_of_a_status_do_not_reach_the_terminal():
    row = row_of(obj(phase="\x1b[2JTrusted"))
    assert "\x1b" not in cells(row)["PHASE"]


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({"phase": "Degraded"}, {"PHASE": "yellow"}),
        ({"risk": {"burnRate": 1.2}}, {"BURN": "red"}),
        ({"lastDecision": {"limiter": "MaxReplicas"}}, {"LIMITER": "red", "MAX": "red"}),
        ({"conditions": [{"type": "FallbackActive", "status": "True", "reason": "Hold"}]}, {"RUNG": "red"}),
        ({"conditions": [{"type": "FallbackActive", "status": "True", "reason": "Reactive"}]}, {"RUNG": "yellow"}),
    ],
)
def test_what_needs_a_look_is_marked(change, marked):
    plain = styles(row_of(obj()))
    assert plain == {"WANTED": "bold"}
    assert {title: style for title, style in styles(row_of(obj(**change))).items() if title != "WANTED"} == marked


def test_a_paused_object_is_so_whatever_its_mode():
    assert cells(row_of(obj(spec={"paused": True})))["MODE"] == "Paused"


@pytest.mark.parametrize("by", ORDERS)
def test_largest_comes_first_and_what_has_no_number_last(by):
    low = obj("low", currentReplicas=1, desiredReplicas=1, calibration={"nominal": 0.95, "coverage": 0.99})
    low["status"] |= {"risk": {"burnRate": 0.1}, "forecast": {"value": 1.0}}
    low["status"]["lastDecision"] |= {"load": 1.0}
    none = {**obj("a-none"), "status": {}}
    assert [row.name for row in ordered(map(row_of, [none, low, obj("high")]), by)] == ["high", "low", "a-none"]


def test_by_name_it_goes_by_namespace_first():
    rows = ordered(map(row_of, [obj("b", namespace="x"), obj("a", namespace="y"), obj("a", namespace="x")]), "name")
    assert [(row.namespace, row.name) for row in rows] == [("x", "a"), ("x", "b"), ("y", "a")]


class StopError(Exception):
    """The user has seen enough."""


async def test_while_the_api_server_is_away_the_last_table_stays_and_the_trouble_is_told():
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    answers = iter([[row_of(obj())], Unreachable("GET /apis: no answer"), [row_of(obj(currentReplicas=12))]])
    tables, looks = [], iter(range(3))

    async def read():
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    async def sleep(_):
        tables.append(console.file.getvalue())
        console.file.seek(0)
        console.file.truncate()
        if next(looks) == 2:
            raise StopError

    with pytest.raises(StopError):
        await asyncio.wait_for(keep_up(read, console, 5.0, wide=False, clock=lambda: NOON + 34.0, sleep=sleep), 60)
    assert "not up to date" not in tables[0]
    assert "not up to date: GET /apis: no answer" in tables[1]
    assert "420/s" in tables[1]
    assert "not up to date" not in tables[2]


def test_the_table_of_a_pipe_has_one_line_an_object_and_no_colours():
    console = Console(file=io.StringIO(), width=200)
    console.print(table_of([row_of(obj()), row_of(obj("shop"))], NOON, wide=False), soft_wrap=True)
    lines = console.file.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["NAME", "web", "shop"]
    assert "\x1b" not in console.file.getvalue()


def test_a_narrow_terminal_loses_the_right_end_of_a_live_table_and_no_line_of_it():
    console = Console(file=io.StringIO(), width=40)
    console.print(Group(table_of([row_of(obj()), row_of(obj("shop"))], NOON, wide=True)))
    lines = console.file.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [["NAMESPACE", "NAME"], ["shop", "web"], ["shop", "shop"]]
    assert all(len(line) <= 40 for line in lines)


def test_columns_stand_below_each_other_whatever_the_names():
    rows = [row_of(obj("a")), row_of(obj("a-much-longer-name", currentReplicas=1000))]
    head, *lines = table_of(rows, NOON, wide=True).plain.splitlines()
    right = head.index("NOW") + len("NOW")
    assert [line[:right].split()[-1] for line in lines] == ["9", "1000"]

"""What is made of the list of metrics: nothing asks for what is not exposed, and panels tell what they show."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from bayescaler.observability import promql
from bayescaler.observability.alerts import ALERTS, CONFLICTS, NAMED, NO_PODS, Severity
from bayescaler.observability.recording import RECORDINGS
from bayescaler.policy.conditions import REASONS
from bayescaler.policy.reasons import CanaryPhase, Health, Limiter, Mode, Phase, Rung
from bayescaler.policy.trust import Charge
from bayescaler.telemetry.catalogue import LABELS, METRICS, STAGES, STATE_LABELS, Kind

FILES = Path(__file__).resolve().parents[3] / "charts" / "bayescaler" / "files"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FILES / "dashboards").glob("*.json"))}
RULES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((FILES / "rules").glob("*.yaml"))}
RECORDED = {one.name for one in RECORDINGS}
WORDS = {
    "mode": set(Mode),
    "phase": set(Phase),
    "charge": {charge.value for charge in Charge},
    "rung": set(Rung),
    "limiter": set(Limiter),
    "load": set(Health),
    "canary": set(CanaryPhase),
    "reason": {*REASONS, *Limiter},
    "stage": set(STAGES),
}
NAME = re.compile(r"(?:\w+:)?bayescaler_\w+(?::\w+)?")
MATCH = re.compile(r'(\w+)\s*(?:=|!=|=~|!~)\s*"([^"]*)"')
Json = dict[str, Any]


def exposed() -> set[str]:
    names = set()
    for metric in METRICS.values():
        endings = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {metric.exposed + ending for ending in endings}
    return names


def panels() -> Iterator[tuple[str, Json]]:
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            if panel["type"] not in {"row", "text"}:
                yield f"{name}: {panel['title']}", panel


PANELS = dict(panels())
EXPRESSIONS = {
    **{f"{of}, {n}": target["expr"] for of, panel in PANELS.items() for n, target in enumerate(panel["targets"])},
    **{
        rule.get("alert") or rule["record"]: rule["expr"]
        for rules in RULES.values()
        for group in rules["groups"]
        for rule in group["rules"]
    },
}


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_it_asks_only_for_what_there_is(where: str) -> None:
    expression = EXPRESSIONS[where]
    bare = re.sub(r'"[^"]*"', '""', expression)
    asked = set(NAME.findall(bare))
    assert asked or "ALERTS" in bare
    assert asked <= exposed() | RECORDED

    for label, words in MATCH.findall(expression):
        if label in WORDS:
            assert set(filter(None, words.split("|"))) <= WORDS[label], (label, words)
        else:
            assert label in {*LABELS, "alertname", "alertstate"}, label


def test_a_metric_that_is_not_in_the_list_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError, match="lod"):
        promql.of_leader("lod")


def test_every_metric_is_looked_at_somewhere() -> None:
    everything = " ".join(EXPRESSIONS.values())
    assert [metric.exposed for metric in METRICS.values() if metric.exposed not in everything] == []


def test_words_of_states_are_those_of_the_labels() -> None:
    assert set(STATE_LABELS) == WORDS.keys() - {"stage"}
    assert {*CONFLICTS, *NO_PODS} <= WORDS["reason"]


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_what_is_good(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith("."), panel["description"]
    assert defaults["unit"]
    base, *steps = defaults["thresholds"]["steps"]
    assert base["value"] is None
    assert [step["value"] for step in steps] == sorted(step["value"] for step in steps)
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    if len(panel["targets"]) > 1 and panel["type"] != "table":
        assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_a_dashboard_is_laid_out_without_overlap_and_its_variables_are_all_of_those_it_uses(dashboard: Json) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(at["x"] + at["w"] <= 24 for at in places)
    for one, other in combinations(places, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)

    named = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(dashboard)))
    assert used == named


def test_dashboards_are_told_apart_and_small_enough_for_a_configmap() -> None:
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS) == 3
    for path in (FILES / "dashboards").glob("*.json"):
        assert path.stat().st_size < 200_000  # kubectl apply keeps a copy of at most 262,144 bytes in an annotation


def test_causes_are_alerts_and_nothing_silences_itself() -> None:
    def causes_of(name: str, seen: tuple[str, ...] = ()) -> set[str]:
        assert name not in seen, f"{' -> '.join((*seen, name))} is a circle"
        direct = NAMED[name].caused_by
        return {*direct, *(further for cause in direct for further in causes_of(cause, (*seen, name)))}

    for alert in ALERTS:
        causes = causes_of(alert.name)
        assert all(NAMED[cause].severity is Severity.PAGE for cause in causes if not NAMED[cause].of_object), alert.name
        if not alert.of_object:
            assert not [cause for cause in causes if NAMED[cause].of_object], "an object stops no installation"

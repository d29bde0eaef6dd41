"""The chart's rules under promtool: each alert fires when it is due, and keeps still when it is not.

`alerts/NAME.yaml` are promtool's own unit tests: `promtool test rules alerts/*.yaml` runs them by hand.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.harness.runbooks import commands, queries

from bayescaler.telemetry.catalogue import METRICS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RULES = sorted((ROOT / "charts" / "bayescaler" / "files" / "rules").glob("*.yaml"))
TESTS = sorted((HERE / "alerts").glob("*.yaml"))


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


ALERTS = [rule["alert"] for rule in rules() if "alert" in rule]


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("promtool is required in CI: apt-get install --no-install-recommends prometheus")
    return found or pytest.skip("promtool is not here: apt-get install --no-install-recommends prometheus")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_ones(promtool: str) -> None:
    said = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert f"{len(rules()) - len(ALERTS)} rules found" in said
    assert f"{len(ALERTS)} rules found" in said


def test_every_alert_has_tests_of_its_own_and_no_test_is_left_of_one_that_is_gone() -> None:
    assert [path.stem for path in TESTS] == sorted(ALERTS)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_an_alert_fires_when_it_is_due_and_not_otherwise(path: Path, promtool: str) -> None:
    asked = [one for test in yaml.safe_load(path.read_text())["tests"] for one in test["alert_rule_test"]]
    assert {one["alertname"] for one in asked} == {path.stem}
    assert {bool(one["exp_alerts"]) for one in asked} == {True, False}, "one that fires and one that does not"
    run(promtool, "test", "rules", path)


@pytest.mark.parametrize("kind", ["pages", "tickets"])
def test_who_is_woken_is_told_apart(kind: str) -> None:
    (group,) = [
        group
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        if group["name"] == f"bayescaler.{kind}"
    ]
    severity = {"pages": "critical", "tickets": "warning"}[kind]
    assert {rule["labels"]["severity"] for rule in group["rules"]} == {severity}


def test_what_is_recorded_is_what_it_says(promtool: str) -> None:
    run(promtool, "test", "rules", HERE / "recording.yaml")


def test_a_query_of_a_runbook_is_one_and_of_series_that_there_are(promtool: str, tmp_path: Path) -> None:
    asked = [query for _, query in queries()]
    rules = [{"record": f"asked:{at}", "expr": query} for at, query in enumerate(asked)]
    path = tmp_path / "asked.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    assert f"{len(asked)} rules found" in run(promtool, "check", "rules", path)
    exposed = {metric.exposed for metric in METRICS.values()}
    named = {re.sub(r"_bucket$", "", name) for query in asked for name in re.findall(r"bayescaler_\w+", query)}
    assert named <= exposed
    assert len(asked) >= 5


def test_the_time_that_a_runbook_leaves_out_of_a_query_is_a_gap_and_no_zero(promtool: str, tmp_path: Path) -> None:
    (line,) = (one.line for one in commands() if "unless" in one.line)
    query = json.loads(shlex.split(line)[-1])["spec"]["load"]["prometheus"]["query"]
    begin, end = re.findall(r"\d{10}", query)
    assert int(end) - int(begin) > 60
    here = query.replace(begin, "600").replace(end, "1200")
    known = [{"labels": "{}", "value": 5.0}]
    asked = [("10m", known), ("11m", []), ("19m", []), ("20m", known), ("25m", known)]
    told = [{"expr": here, "eval_time": at, "exp_samples": samples} for at, samples in asked]
    series = [{"series": 'http_requests_total{pod="a"}', "values": "0+75x200"}]
    test = {"interval": "15s", "input_series": series, "promql_expr_test": told}
    path = tmp_path / "left-out.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "15s", "tests": [test]}))
    run(promtool, "test", "rules", path)

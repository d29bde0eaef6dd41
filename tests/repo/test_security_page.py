"""What the threat model says is held by a test, is."""

import ast
import json
import re
import tracemalloc
from pathlib import Path

import yaml

from bayescaler.api import crd
from bayescaler.api.forecast import MAX_HISTORY_BUCKETS
from bayescaler.cluster import events
from bayescaler.control.settings import Settings
from bayescaler.serving import kept
from bayescaler.sources import prometheus

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(NAMED.findall(PAGE))
    assert len(named) > 10
    for path, name in sorted(named):
        tree = ast.parse((ROOT / path).read_text())
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in there, f"{path}::{name}"


def test_every_threat_names_what_holds_it() -> None:
    table = PAGE.split("## What stands in the way")[1].split("\n\n")[1]
    rows = [row for row in table.splitlines() if row.startswith("| ") and not row.startswith("| threat")]
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row)] == []


def test_the_limits_are_those_of_the_code() -> None:
    table = PAGE.split("## Limits")[1].split("\n\n")[1]
    told = [int(number) for number in re.findall(r"\| (\d+) \|$", table, re.MULTILINE)]
    spec = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    source = spec["load"]["properties"]["prometheus"]["properties"]
    server = prometheus.PrometheusSource()
    seats = Settings().max_queries_in_flight
    assert told == [
        source["query"]["maxLength"],
        source["serverAddress"]["maxLength"],
        MAX_HISTORY_BUCKETS,
        prometheus.MAX_POINTS,
        1,  # tests/component/sources/test_prometheus.py::test_several_series_are_an_error_that_names_them_and_the_cure
        prometheus.MAX_BYTES >> 20,
        server._timeout_seconds,
        events.BURST,
        seats - 1,
        seats,
        prometheus.FAILING_ASKERS,
        prometheus.MAX_SERVERS,
        Settings().status_writes_per_second,
        kept.IN_FLIGHT,
    ]


def test_the_largest_answers_at_all_seats_fit_into_the_memory_that_the_chart_asks_for() -> None:
    point = [1_772_452_800.123, "1234567890.1234567"]
    full = {"data": {"result": [{"metric": {}, "values": [point] * prometheus.MAX_POINTS}]}}
    body = json.dumps(full, separators=(",", ":")).encode()
    assert 8 * len(body) < prometheus.MAX_BYTES, "an answer that is asked for fits, also one of several series"

    tracemalloc.start()
    parsed = json.loads(body)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parsed == full
    worst = prometheus.MAX_BYTES * (2 + taken / len(body))  # it is copied once, then parsed
    limit = yaml.safe_load((ROOT / "charts/bayescaler/values.yaml").read_text())["resources"]["limits"]["memory"]
    assert Settings().max_queries_in_flight * worst < int(limit.removesuffix("Mi")) * 2**20 / 2


def test_a_release_is_verified_by_the_names_that_the_workflow_signs_under() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
    chart = yaml.safe_load((ROOT / "charts/bayescaler/Chart.yaml").read_text())
    values = yaml.safe_load((ROOT / "charts/bayescaler/values.yaml").read_text())
    image, version = values["image"]["repository"], chart["appVersion"]
    registry, owner, name = image.split("/")
    signed = {
        key: told.replace("${{ github.repository }}", f"{owner}/{name}").replace(
            "${{ github.repository_owner }}", owner
        )
        for key, told in workflow["env"].items()
    }
    assert signed["IMAGE"] == image
    commands = PAGE.split("## Verify a release")[1]
    verified = re.findall(rf"({registry}/\S+) \\\\?\n", commands)
    assert set(verified) == {f"{image}:{version}", f"{signed['CHARTS']}/{chart['name']}:{chart['version']}"}
    identities = set(re.findall(r"--certificate-identity (\S+)", commands))
    assert identities == {f"https://github.com/{owner}/{name}/.github/workflows/release.yaml@refs/tags/v{version}"}

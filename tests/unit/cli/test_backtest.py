"""`bayescaler backtest`: what a manifest would have done to a load, and what it is refused with."""

import csv
import json
import os
import threading

import numpy as np
import pytest
import yaml

from bayescaler.replay.baselines import BASELINES
from bayescaler.sources.trace import Trace, write_trace

from .conftest import START

STEP, DAYS = 300.0, 4
PER_REPLICA = 20.0


def manifest(**changes):
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"name": "checkout", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "checkout"},
            "minReplicas": 1,
            "maxReplicas": 60,
            "load": {"prometheus": {"query": "sum(rate(http_requests_total[1m]))"}, "step": "5m"},
            "capacity": {"perReplica": PER_REPLICA},
            "forecast": {"seasons": ["24h"]},
        }
        | changes,
    }


def wave():
    """A daily wave around 300/s with noise."""
    at = np.arange(0.0, DAYS * 86400.0, STEP)
    noise = np.random.default_rng(1).normal(0.0, 12.0, len(at))
    return Trace(START + at, np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0), STEP)


@pytest.fixture
def files(tmp_path):
    """A manifest and a trace, as `--manifest a.yaml --trace load.csv`."""
    write_trace(tmp_path / "load.csv", wave())
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(manifest()))
    return ["--manifest", tmp_path / "a.yaml", "--trace", tmp_path / "load.csv"]


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_decision_is_a_row_and_the_terminal_tells_how_it_went(backtest, files, tmp_path):
    said = backtest(*files, "--compare", "hpa,kpa", "--decisions", tmp_path / "d.csv")

    assert (said.code, said.err) == (0, "")
    found = rows(tmp_path / "d.csv")
    assert list(found[0]) == ["timestamp", "load", "demand", "desired_replicas", "limiter"]
    assert len(found) == DAYS * 86400 / 15
    assert (found[0]["timestamp"], found[1]["timestamp"]) == ("2024-03-01T00:00:00Z", "2024-03-01T00:00:15Z")
    assert (found[0]["load"], found[0]["demand"]) == ("", "")
    assert all(float(row["demand"]) > 0 and int(row["desired_replicas"]) >= 1 for row in found[40:])
    assert {"Forecast", "ScaleDownStabilization"} <= {row["limiter"] for row in found}
    table = said.out.splitlines()
    assert "2 days judged after 2 learned from" in table[0]
    assert "confidence" in table[1]
    assert [line.split()[0] for line in table[3:6]] == ["bayescaler", "hpa", "kpa"]
    assert all(len(line) <= 80 for line in table[2:6])


def test_the_report_is_one_page_that_knows_how_it_was_made(backtest, files, tmp_path):
    assert backtest(*files, "--compare", "hpa,keda", "--report", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "sum(rate(http_requests_total[1m]))" in page, "the manifest"
    assert "KEDA" in page
    assert ">10m<" in page.replace("\n", ""), "what if pods started as slowly"


def test_all_figures_are_there_as_json_with_the_records_of_the_worst_moments(backtest, files, tmp_path):
    said = backtest(*files, "--compare", "all", "--json", tmp_path / "r.json", "--overload-hour", "20")
    found = json.loads((tmp_path / "r.json").read_text())

    assert said.code == 0
    assert [policy["name"] for policy in found["policies"]] == ["bayescaler", *BASELINES]
    assert found["assumed"]["learned_buckets"] == DAYS * 86400 / STEP / 2
    assert {len(points) for points in found["frontier"].values()} == {9, 11, 1}
    assert list(found["short_at_their_cost"]) == list(BASELINES)
    assert found["short_at_their_cost"]["clairvoyant"] is None, "no quantile is as cheap as knowing"
    hpa, same_cost = found["policies"][1], found["short_at_their_cost"]["hpa"]
    assert hpa["name"] == "hpa"
    assert same_cost <= found["policies"][0]["violating_share"], "the HPA takes more pods than the manifest"
    ours = found["policies"][0]
    hours = ours["outcome"]["violating_seconds"] / 3600
    assert ours["cost"] == pytest.approx(ours["outcome"]["pod_hours"] + 20 * hours)
    assert 0 < len(found["moments"]) <= 10
    for moment in found["moments"]:
        assert moment["decided"]["steps"]
        assert moment["decided"]["message"].startswith(f"{moment['decided']['final']} replica")


def test_a_prefix_of_the_trace_gives_a_prefix_of_the_rows_byte_for_byte(backtest, files, tmp_path):
    write_trace(tmp_path / "part.csv", Trace(*(values[:700] for values in (wave().times, wave().values)), STEP))
    backtest(*files, "--decisions", tmp_path / "whole.csv")
    backtest("--manifest", files[1], "--trace", tmp_path / "part.csv", "--decisions", tmp_path / "part_d.csv")

    part = (tmp_path / "part_d.csv").read_bytes()
    assert part.count(b"\n") == 1 + 700 * STEP / 15
    assert (tmp_path / "whole.csv").read_bytes().startswith(part)


def test_a_count_is_a_rate_of_its_step(backtest, files, tmp_path):
    load = wave()
    write_trace(tmp_path / "counts.csv", Trace(load.times, np.rint(load.values * STEP), STEP))
    write_trace(tmp_path / "rates.csv", Trace(load.times, np.rint(load.values * STEP) / STEP, STEP))
    for unit in ("count", "rate"):
        said = backtest(
            *files[:2], "--trace", tmp_path / f"{unit}s.csv", "--unit", unit, "--decisions", tmp_path / f"{unit}.csv"
        )
        assert said.code == 0
    found = [[float(row["load"] or 0) for row in rows(tmp_path / f"{unit}.csv")] for unit in ("count", "rate")]
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_pods_that_start_more_slowly_are_asked_for_earlier_and_drawn_times_are_the_seed_s(backtest, files, tmp_path):
    figures = {}
    for name, startup, seed in (
        ("quick", "15s", 0),
        ("slow", "20m", 0),
        ("drawn", "lognormal(60s,600s)", 0),
        ("again", "lognormal( 60s, 600s )", 0),
        ("other", "lognormal(60s,600s)", 1),
    ):
        backtest(*files, "--startup", startup, "--seed", seed, "--json", tmp_path / f"{name}.json")
        figures[name] = json.loads((tmp_path / f"{name}.json").read_text())
    assert figures["quick"]["assumed"]["lead"] == 1
    assert figures["slow"]["assumed"]["lead"] == 5
    assert figures["drawn"]["assumed"]["lead"] == 3, "of ten pods nine are ready after ten minutes"
    assert figures["drawn"]["policies"] == figures["again"]["policies"]
    assert figures["drawn"]["policies"] != figures["other"]["policies"]


def test_waits_are_judged_where_somebody_says_how_many_requests_a_pod_serves_at_a_time(backtest, files, tmp_path):
    said = backtest(
        *files, "--compare", "hpa", "--concurrency", "4", "--json", tmp_path / "r.json", "--report", tmp_path / "r.html"
    )
    found = json.loads((tmp_path / "r.json").read_text())["waits"]
    assert "wait P95" in said.out
    assert list(found) == ["bayescaler", "hpa"]
    assert found["hpa"]["wait_p95_seconds"] < found["bayescaler"]["wait_p95_seconds"] < 60
    assert "If nothing were lost" in (tmp_path / "r.html").read_text()


def test_a_picture_is_drawn(backtest, files, tmp_path):
    assert backtest(*files, "--plot", tmp_path / "p.png").code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"capacity": {"learn": {"utilizationQuery": "avg(cpu)", "target": 0.7}}}, "capacity.perReplica is not given"),
        ({"capacity": {"perReplica": 0}}, "spec.capacity.perReplica: input should be greater than 0"),
        ({"load": manifest()["spec"]["load"] | {"step": "1m"}}, "300 s wide, spec.load.step is 60 s"),
        ({"load": manifest()["spec"]["load"] | {"kind": "Gauge"}}, "--unit"),
        ({"maxReplicas": None}, "spec.maxReplicas"),
    ],
)
def test_a_manifest_that_cannot_be_replayed_is_refused_in_one_line(backtest, files, tmp_path, changes, told):
    files[1].write_text(yaml.safe_dump(manifest(**changes)))
    asked = ["--unit", "rate"] if "kind" in str(changes.get("load")) else []
    said = backtest(*files, *asked, "--decisions", tmp_path / "d.csv")
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert told in line
    assert not (tmp_path / "d.csv").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Deployment\n", "a.yaml holds no BayesianAutoscaler but Deployment"),
        ("kind: HorizontalPodAutoscaler\n", "`bayescaler generate from-hpa FILE` makes one of an HPA"),
        ("", "but nothing"),
        ("a: [1\n", "a.yaml is no YAML"),
        ("\n---\n".join([yaml.safe_dump(manifest())] * 2), "holds 2 BayesianAutoscalers (checkout, checkout)"),
        (yaml.safe_dump(manifest() | {"apiVersion": "bayescaler.dev/v9"}), "bayescaler.dev/v9"),
        (yaml.safe_dump(manifest()) + "kind: BayesianAutoscaler\n", "the key 'kind' comes twice"),
        ("\n---\n".join([yaml.safe_dump(manifest() | {"metadata": [1]})] * 2), "holds 2 BayesianAutoscalers (?, ?)"),
        ("at: 2024-13-45\n", "a.yaml is no YAML"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_by_name(backtest, files, text, told):
    files[1].write_text(text)
    said = backtest(*files)
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("timestamp,value\n", "load.csv"),
        ("time,load\n2024-03-01T00:00:00Z,1\n", "load.csv"),
        ("timestamp,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:05:00Z,x\n", "row 3: value 'x' is not a number"),
        ("timestamp,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:00:00Z,2\n", "row 3"),
        ("timestamp,value\n2024-03-01T00:05:00Z,1\n2024-03-01T00:00:00Z,2\n", "row 3"),
        ("timestamp,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:05:00Z,2\n2024-03-01T00:11:00Z,2\n", "row 4"),
        ("timestamp,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:05:00Z,-2\n", "load.csv, row 3"),
        ("timestamp,value\n2024-03-01T00:00:00Z,\n2024-03-01T00:05:00Z,\n", "no load"),
    ],
    ids=["no rows", "header", "text", "twice", "disorder", "another step", "negative", "all missing"],
)
def test_a_trace_that_is_none_is_refused_with_its_row_and_nothing_is_written(backtest, files, tmp_path, text, told):
    files[3].write_text(text)
    said = backtest(*files, "--decisions", tmp_path / "d.csv", "--json", tmp_path / "r.json")
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert told in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "load.csv"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--compare", "hpa,vpa"], "there is no baseline 'vpa'; there are hpa, "),
        (["--startup", "soon"], "give 60s, uniform(30s,90s) or lognormal(60s,120s)"),
        (["--startup", "uniform(90s,30s)"], "give 0 <= low <= high"),
        (["--min-history", "30d"], "leave one to judge"),
        (["--interval", "0s"], "interval"),
        (["--prometheus", "http://localhost:9"], "give either --trace or --prometheus"),
        (["--from", "-2d"], "--from goes with --prometheus"),
        (["--json", "/nowhere/r.json"], "there is no folder /nowhere"),
        (["--overload-hour", "nan"], "'nan' is no price: give a number, 0 or more"),
        (["--replica-hour", "-1"], "'-1' is no price"),
        (["--concurrency", "100000000"], "10000"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(backtest, files, argv, told):
    said = backtest(*files, *argv)
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert told in line


def test_two_files_of_one_name_are_refused(backtest, files, tmp_path):
    said = backtest(*files, "--json", tmp_path / "same", "--decisions", tmp_path / "same")
    assert said.code == 2
    assert "is the file of --decisions too" in said.err


@pytest.mark.parametrize("given", ["--trace", "--manifest"])
def test_what_is_given_is_never_written_over(backtest, files, given):
    path = files[files.index(given) + 1]
    before = path.read_bytes()
    said = backtest(*files, "--decisions", path)
    assert said.code == 2
    assert f"is the file of {given} too" in said.err
    assert path.read_bytes() == before


def test_of_a_file_with_several_documents_only_ours_is_shown(backtest, files, tmp_path):
    secret = {"kind": "Secret", "apiVersion": "v1", "stringData": {"token": "HUNTER2"}}
    files[1].write_text("\n---\n".join([yaml.safe_dump(manifest()), yaml.safe_dump(secret)]))
    assert backtest(*files, "--report", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text()
    assert "sum(rate(http_requests_total[1m]))" in page
    assert "HUNTER2" not in page


def test_a_link_stays_one_and_a_pipe_is_written_to(backtest, files, tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert backtest(*files, "--json", tmp_path / "link.json").code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["name"] == "shop/checkout"

    os.mkfifo(tmp_path / "pipe")
    heard = []
    listener = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    listener.start()
    assert backtest(*files, "--json", tmp_path / "pipe").code == 0
    listener.join()
    assert json.loads(heard[0])["name"] == "shop/checkout"

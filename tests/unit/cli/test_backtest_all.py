"""`bayescaler backtest --all` of a folder: a ranked table, what is left out and why, and a run gone on with."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from bayescaler.cli import main, workers
from bayescaler.cli.journal import journal
from bayescaler.cli.trial import Job, LeftOut
from bayescaler.cli.workloads import in_folder
from bayescaler.sources.trace import Trace, write_trace

from .conftest import START

pytestmark = pytest.mark.jit  # every worker would be without it

STEP, DAYS = 300.0, 12
COMMON = {"minReplicas": 1, "maxReplicas": 60}
HPA = "HorizontalPodAutoscaler"


def ours(name, **spec):
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "load": {"prometheus": {"query": "sum(rate(http_requests_total[1m]))"}, "step": "5m"},
            "capacity": {"perReplica": 20.0},
            "forecast": {"seasons": ["24h"]},
            **COMMON,
            **spec,
        },
    }


def hpa(name, metric):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": HPA,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"scaleTargetRef": target, "metrics": [metric], **COMMON},
    }


RPS = {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "14"}}}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
QUEUE = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "queue", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"name": "queue"},
        "minReplicaCount": 1,
        "maxReplicaCount": 60,
        "triggers": [
            {"type": "prometheus", "metadata": {"serverAddress": "http://p:9090", "query": "sum(q)", "threshold": "14"}}
        ],
    },
}


def wave(seed=0, days=DAYS):
    """A daily wave around 300/s with noise."""
    at = np.arange(0.0, days * 86400.0, STEP)
    noise = np.random.default_rng(seed).normal(0.0, 12.0, len(at))
    return Trace(START + at, np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0), STEP)


def put(folder, stem, *objects, load=None):
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.yaml").write_text(yaml.safe_dump_all(objects))
    if load is not None:
        write_trace(folder / f"{stem}.csv", load)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three that can be replayed, one of them below, and one of everything that cannot."""
    root = tmp_path_factory.mktemp("fleet")
    put(root, "web", ours("web"), load=wave(0))
    put(root, "pay", hpa("pay", RPS), load=wave(1))
    put(root / "jobs", "queue", QUEUE, load=wave(2))
    put(root, "alone", ours("alone"))
    put(root, "gauge", hpa("gauge", CPU), load=wave(3))
    put(root, "pair", ours("a"), ours("b"), load=wave(4))
    put(root, "service", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}})
    put(root, "wrong", ours("wrong", minReplicas=99), load=wave(5))
    put(root, "minutes", ours("minutes", load={"prometheus": {"query": "q"}, "step": "1m"}), load=wave(6))
    (root / "torn.yaml").write_text("a: [")
    (root / "broken.yaml").write_text(yaml.safe_dump(ours("broken")))
    (root / "broken.csv").write_text("timestamp,value\n2026-01-01T00:00:00Z,-1\n2026-01-01T00:05:00Z,1\n")
    (root / "stray.csv").write_text("timestamp,value\n")
    return root


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    """One run over it, with all it writes."""
    files = tmp_path_factory.mktemp("out")
    main(
        ["backtest", "--all", str(folder)]
        + [f"--{name}={files / file}" for name, file in (("json", "r.json"), ("csv", "r.csv"), ("resume", "journal"))]
    )
    return files


def test_every_workload_is_in_the_table_or_left_out_with_a_reason(done, folder):
    found = json.loads((done / "r.json").read_text())
    named = {row["name"]: row for row in found["workloads"]}
    reasons = {one["name"]: one["why"] for one in found["left_out"]}

    assert set(named) == {"shop/web", "shop/pay", "shop/queue"}
    assert {row["name"]: row["present"] for row in found["workloads"]} == {
        "shop/web": "HPA at 70%",
        "shop/pay": "HPA at 70%",
        "shop/queue": "KEDA at 70%",
    }
    assert "no trace of its name beside it" in reasons["alone.yaml"]
    assert "CPU cores that one replica requests" in reasons["gauge.yaml"]
    assert "BayesianAutoscaler, BayesianAutoscaler" in reasons["pair.yaml"]
    assert "holds Service" in reasons["service.yaml"]
    assert "spec.maxReplicas" in reasons["shop/wrong"] or "minReplicas" in reasons["shop/wrong"]
    assert "300 s wide, spec.load.step is 60 s" in reasons["shop/minutes"]
    assert "is no YAML" in reasons["torn.yaml"]
    assert "broken.csv, row 2: value is negative" in reasons["shop/broken"]
    assert reasons["stray.csv"] == "no manifest beside it"
    assert len(reasons) == 9


def test_the_sheet_and_the_figures_are_ranked_alike_and_add_up(done):
    found = json.loads((done / "r.json").read_text())
    with (done / "r.csv").open() as file:
        sheet = list(csv.DictReader(file))

    assert [row["name"] for row in sheet] == [row["name"] for row in found["workloads"]]
    gains = [row["tuned_pod_hours"] - row["pod_hours"] for row in found["workloads"]]
    assert gains == sorted(gains, reverse=True)
    assert found["total"]["pod_hours"] == pytest.approx(sum(float(row["pod_hours"]) for row in sheet))
    assert sum(found["total"]["verdicts"].values()) == 3
    for row in found["workloads"]:
        assert row["saved_pod_hours"] == pytest.approx(row["present_pod_hours"] - row["pod_hours"])
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


def test_what_is_kept_is_not_done_again_and_the_table_is_the_same(backtest, done, folder, tmp_path, monkeypatch):
    def nothing_left(jobs, workers):
        names = sorted(job.workload.name for job in jobs)
        assert names == ["shop/broken", "shop/minutes", "shop/wrong"]  # what had no answer is asked for again
        return iter(())

    monkeypatch.setattr(workers, "on_cores", nothing_left)
    said = backtest("--all", folder, "--resume", done / "journal", "--json", tmp_path / "again.json")

    assert said.code == 0
    again, first = (json.loads(path.read_text()) for path in (tmp_path / "again.json", done / "r.json"))
    assert again["workloads"] == first["workloads"]
    assert again["total"] == first["total"]
    lines = said.out.splitlines()
    assert [line.split()[1] for line in lines[1:4]] == [row["name"] for row in first["workloads"]]
    assert lines[4].split()[:2] == ["3", "workloads"]
    assert lines[1].split()[-2:] == ["worth", "it"]
    assert any(line.startswith("worth it (") for line in lines)
    assert any(line.startswith("  stray.csv: no manifest beside it") for line in lines)


@pytest.mark.parametrize("change", ["option", "manifest", "trace"])
def test_another_question_is_another_answer(folder, tmp_path, change):
    from bayescaler.cli.fleet import options_of
    from bayescaler.replay.startup import constant

    asked = {
        "startup": constant(60.0), "lag": 15.0, "interval": 15.0, "replica_hour": 1.0, "overload_hour": 0.0,
        "since": None, "until": None, "prometheus": None, "min_history": None, "seed": 0, "unit": None,
        "exclude": (), "auth": None, "utilization": 0.7,
    }  # fmt: skip
    options = options_of(now=0.0, **asked)
    (web,) = (one for one in in_folder(folder) if not isinstance(one, LeftOut) and one.name == "shop/web")
    first = Job.of(web, options).digest

    assert Job.of(web, options_of(now=0.0, **asked)).digest == first
    if change == "option":
        other = Job.of(web, options_of(now=0.0, **(asked | {"startup": constant(90.0)})))
    elif change == "manifest":
        other = Job.of(replace(web, manifest=ours("web", maxReplicas=61)), options)
    else:
        write_trace(tmp_path / "web.csv", wave(9))
        other = Job.of(replace(web, trace=tmp_path / "web.csv"), options)
    assert other.digest != first


def test_the_time_of_the_first_run_stays_that_of_all_that_go_on_with_it(tmp_path):
    for now in (1000.0, 2000.0):
        with journal(tmp_path / "journal", now=now) as kept:
            assert (kept.now, kept.done) == (1000.0, {})


def test_a_line_that_was_cut_is_dropped_and_its_work_done_again(backtest, done, folder, tmp_path):
    kept = (done / "journal").read_bytes()
    path = tmp_path / "journal"
    path.write_bytes(kept[:-40])
    before = path.read_bytes().count(b"\n")

    assert backtest("--all", folder, "--resume", path).code == 0
    lines = path.read_bytes().splitlines()
    assert before == 3
    assert sorted(map(json.loads, lines[1:]), key=str) == sorted(map(json.loads, kept.splitlines()[1:]), key=str)


def test_a_process_that_dies_takes_only_its_own_workload_along(folder):
    """One whose work cannot even be received: unpacking it ends the process at once, as want of memory would."""
    from bayescaler.cli.fleet import options_of
    from bayescaler.replay.startup import constant

    options = options_of(
        now=0.0, startup=constant(60.0), lag=15.0, interval=15.0, replica_hour=1.0, overload_hour=0.0, since=None,
        until=None, prometheus=None, min_history=None, seed=0, unit=None, exclude=(), auth=None, utilization=0.7,
    )  # fmt: skip
    good = {f"{one.name}": one for one in in_folder(folder) if not isinstance(one, LeftOut)}
    web, pay = (Job.of(good[name], options) for name in ("shop/web", "shop/pay"))
    deadly = Deadly(replace(good["shop/web"], name="shop/deadly"), options, "")

    answers = {job.workload.name: answer for job, answer in workers.on_cores([web, deadly, pay], 2)}

    assert set(answers) == {"shop/web", "shop/pay", "shop/deadly"}
    assert "was killed, twice" in answers["shop/deadly"].why
    assert answers["shop/web"].ours.pod_hours > 0
    assert answers["shop/pay"].ours.pod_hours > 0


class Deadly(Job):
    def __reduce__(self):
        import os

        return os._exit, (9,)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--all"], "--all of a cluster needs --prometheus; of a folder, name it: --all DIR"),
        (["--all", "nowhere"], "there is no folder nowhere"),
        (["--all", ".", "--trace", "a.csv"], "--trace is of one workload, and does not go with --all"),
        (["--all", ".", "--compare", "kpa"], "--compare is of one workload, and does not go with --all"),
        (["--all", ".", "--concurrency", "8"], "--concurrency is of one workload, and does not go with --all"),
        (["--all", ".", "--suggest", "cheapest"], "--suggest is of one workload, and does not go with --all"),
        (["--all", ".", "--prometheus", "http://p"], "--prometheus goes with --all of a cluster, not with --all DIR"),
        (["--all", ".", "-n", "shop"], "--namespace go with --all of a cluster"),
        (["--all", "--prometheus", "http://p", "--unit", "rate"], "--unit goes with --all DIR"),
        (["--manifest", "a.yaml", "--resume", "r"], "--resume goes with --all"),
        (["--manifest", "a.yaml", "--workers", "2"], "--workers goes with --all"),
        ([], "give --manifest, or --all for a folder or a cluster"),
        (["--all", ".", "--csv", "no/where.csv"], "there is no folder no"),
    ],
)
def test_options_that_do_not_fit_together_are_told_in_a_line(backtest, argv, line):
    said = backtest(*argv)
    assert (said.code, said.out) == (2, "")
    assert line in said.err
    assert len(said.err.splitlines()) == 1


def test_a_folder_without_anything_to_replay_lists_why_and_fails(backtest, tmp_path):
    put(tmp_path, "alone", ours("alone"))
    said = backtest("--all", tmp_path)

    assert said.code == 2
    assert "alone.yaml: no trace of its name beside it" in said.out
    assert "there is no workload that could be replayed" in said.err


@pytest.mark.parametrize(
    "text", ["timestamp,value\n1,2\n", "notes", '{"title": "something else"}\n', '{"title": "bayescaler fleet"}\n{}\n']
)
def test_a_file_that_is_no_journal_stays_as_it_is(backtest, folder, tmp_path, text):
    path = tmp_path / "mine.txt"
    path.write_text(text)
    said = backtest("--all", folder, "--resume", path)

    assert said.code == 2
    assert "mine.txt" in said.err
    assert path.read_text() == text


def test_dask_that_is_not_there_is_told_with_the_cure(backtest, folder, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.2)
    said = backtest("--all", folder, "--dask", "tcp://127.0.0.1:9")
    assert said.code == 2
    assert "no scheduler answers at tcp://127.0.0.1:9: start one with `dask scheduler`" in said.err

    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    said = backtest("--all", folder, "--dask", "tcp://127.0.0.1:9")
    assert said.code == 2
    assert "distributed is not installed: pip install 'bayescaler[dask]'" in said.err

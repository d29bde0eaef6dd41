"""`bayescaler backtest --suggest`: the manifest with what changes, why, and how it did where it was not chosen."""

import json

import numpy as np
import pytest
import yaml

from bayescaler import api
from bayescaler.cli.backtest import backtest as command
from bayescaler.sources.trace import Trace, write_trace

from .conftest import START

STEP, DAYS = 600.0, 15
MANIFEST = {
    "apiVersion": "bayescaler.dev/v1alpha1",
    "kind": "BayesianAutoscaler",
    "metadata": {"name": "checkout", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "checkout"},
        "minReplicas": 1,
        "maxReplicas": 60,
        "load": {"prometheus": {"query": "sum(rate(http_requests_total[1m]))"}, "step": "10m"},
        "capacity": {"perReplica": 20.0},
        "forecast": {"seasons": ["24h"], "timeZone": "Europe/Berlin"},
        "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 30, "periodSeconds": 60}]}},
    },
}


@pytest.fixture
def files(tmp_path):
    """A manifest, fifteen days of a noisy wave around 300/s, and decisions every minute: they take the time."""
    at = np.arange(0.0, DAYS * 86400.0, STEP)
    noise = np.random.default_rng(1).normal(0.0, 25.0, len(at))
    loads = np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0)
    write_trace(tmp_path / "load.csv", Trace(START + at, loads, STEP))
    (tmp_path / "a.yaml").write_text("# mine\n" + yaml.safe_dump(MANIFEST))
    return ["--manifest", tmp_path / "a.yaml", "--trace", tmp_path / "load.csv", "--interval", "1m"]


def comments(text):
    return " ".join(line.removeprefix("# ") for line in text.splitlines() if line.startswith("#"))


def test_the_manifest_goes_to_stdout_with_only_what_changes_changed_and_says_why(backtest, files):
    said = backtest(*files, "--suggest", "short <= 10 %")

    assert said.code == 0
    made = yaml.safe_load(said.out)
    spec, objective = made["spec"], made["spec"].pop("objective")
    assert objective["quantile"] != 0.95
    assert api.parse_spec(made | {"spec": spec | {"objective": objective}}).objective.quantile == objective["quantile"]
    assert spec["behavior"]["scaleDown"].pop("policies") == MANIFEST["spec"]["behavior"]["scaleDown"]["policies"]
    assert set(spec["behavior"]["scaleDown"]) <= {"stabilizationWindowSeconds", "tolerance"}
    spec["forecast"].pop("horizon", None)
    unchanged = ("scaleTargetRef", "load", "capacity", "forecast", "minReplicas", "maxReplicas")
    assert {name: spec[name] for name in unchanged} == {name: MANIFEST["spec"][name] for name in unchanged}

    told = comments(said.out)
    assert "for the aim short <= 10 %" in told
    assert f"spec.objective.quantile {objective['quantile']:g}" in told
    assert "settings tried on 5 days, after 5 learned from" in told
    assert "On the 5 days after them, which the choice has not seen: short" in told
    assert "95 %:" in told
    table = said.err.splitlines()[:7]
    assert [line.split("days")[-1].split()[0] for line in table[1:]] == ["suggested", "as", "HPA"] * 2
    assert all(len(line.rstrip()) <= 80 for line in table)


@pytest.mark.parametrize("aim", ["short <= 10 %", "short <= 1 %"])
def test_a_budget_stays_unless_a_quantile_does_better_and_then_makes_room_for_it(backtest, files, tmp_path, aim):
    given = MANIFEST | {"spec": MANIFEST["spec"] | {"objective": {"risk": {"overloadBudget": 0.02}}}}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(given))
    said = backtest(*files, "--suggest", aim, "--json", tmp_path / "found.json")

    assert said.code == 0
    objective = yaml.safe_load(said.out)["spec"]["objective"]
    found = json.loads((tmp_path / "found.json").read_text())
    assert ("risk" in objective) == ("quantile" not in objective) == ("the objective as it is" in comments(said.out))
    assert found["given"]["setting"]["quantile"] is None


def test_the_suggestion_does_what_it_said_when_it_is_replayed(backtest, files, tmp_path):
    out, figures = tmp_path / "b.yaml", tmp_path / "s.json"
    assert backtest(*files, "--suggest", "short<=2%", "--out", out, "--json", figures).code == 0
    promised = json.loads(figures.read_text())["chosen"]["rest"]

    files[1] = out
    assert backtest(*files, "--min-history", "10d", "--json", tmp_path / "r.json").code == 0
    (ours,) = (one for one in json.loads((tmp_path / "r.json").read_text())["policies"] if one["name"] == "bayescaler")

    assert ours["violating_share"] == promised["short"]
    assert ours["outcome"]["pod_hours"] == pytest.approx(promised["pod_hours"])
    assert [ours["violating"][end] for end in ("low", "high")] == pytest.approx(
        [promised["interval"][end] for end in ("low", "high")]
    )


def test_an_aim_out_of_reach_says_so_and_gives_the_best_there_is(backtest, files, tmp_path):
    manifest = MANIFEST | {"spec": MANIFEST["spec"] | {"maxReplicas": 20}}
    files[1].write_text(yaml.safe_dump(manifest))
    said = backtest(*files, "--suggest", "short<=0.01%", "--out", tmp_path / "b.yaml")

    assert said.code == 0
    assert "reaches short <= 0.01 %: the best there is" in said.out
    assert "maxReplicas is reached" in said.out
    assert yaml.safe_load((tmp_path / "b.yaml").read_text())["spec"]["maxReplicas"] == 20


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--suggest", "fast"], """'fast' is no aim; give "short<=1%" or "cheapest\""""),
        (["--suggest", "cheapest"], "give --overload-hour"),
        (["--suggest", "cheapest", "--report", "r.html"], "--report does not go with --suggest"),
        (["--suggest", "short<=1%", "--concurrency", "8"], "--concurrency does not go with --suggest"),
        (["--out", "b.yaml"], "--out goes with --suggest"),
        (["--suggest", "short<=1%", "--out", "no/b.yaml"], "there is no folder no"),
        (["--suggest", "short<=1%", "--min-history", "30d"], "leave one to judge"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(backtest, files, argv, line):
    said = backtest(*files, *argv)
    assert (said.code, said.out) == (2, "")
    assert line in said.err
    assert len(said.err.splitlines()) == 1


def test_the_help_tells_both_ways():
    told = " ".join(command.get_help(command.make_context("backtest", [], resilient_parsing=True)).split())
    for option in ("--suggest AIM", "--all [DIR]", "--resume", "--dask ADDRESS", "--target-utilization"):
        assert option in told


def test_the_manifest_that_was_given_is_not_written_over(backtest, files):
    before = files[1].read_text()
    said = backtest(*files, "--suggest", "short<=2%", "--out", files[1])
    assert said.code == 2
    assert "--manifest" in said.err
    assert files[1].read_text() == before

"""A group pooled on the command line, a forecast that starts from it, and what was assumed told with its effect."""

import json

import numpy as np
import pytest

from bayescaler.sandbox.traffic import Shape, traffic
from bayescaler.sources.trace import Trace, write_trace
from bayescast import LEVELS, Forecaster, ForecastSpec, Prior, pool
from bayescast.sensitivity import CONSTANTS, FACTORS, GROUP

START, STEP, LEAD = 1_709_251_200.0, 300.0, 3
SPEC = ForecastSpec(STEP, (LEAD,))


def service(number, *, days=9.0, start=START):
    made = traffic(
        start, days=days, step_seconds=STEP, seed=number, shape=Shape(peak_per_second=10.0**number, flash_hour=None)
    )
    return Trace(made.times, made.rates, STEP)


@pytest.fixture
def traces(tmp_path):
    paths = [tmp_path / f"service{number}.csv" for number in (1, 2, 3)]
    for number, path in enumerate(paths, start=1):
        write_trace(path, service(number))
    return paths


@pytest.fixture
def group(traces, tmp_path, bayescaler):
    """The file of a group's prior."""
    out = tmp_path / "web.json"
    code, _, said = bayescaler(
        "prior", *(word for path in traces for word in ("--trace", path)), "--horizon", "15m", "--out", out
    )
    assert code == 0, said
    return out


@pytest.fixture
def new(tmp_path):
    path = tmp_path / "new.csv"
    write_trace(path, service(4, days=3.0, start=START + 30 * 86400))
    return path


def test_the_file_holds_the_prior_of_the_services(group):
    members = [Forecaster(SPEC).fit(load.times, load.values) for load in map(service, (1, 2, 3))]
    read, wanted = Prior.from_json(group.read_text()), pool(members)
    assert (read.spec, read.members, read.visits) == (wanted.spec, 3, wanted.visits)
    assert read.load_shape == pytest.approx(wanted.load_shape, abs=2e-4, nan_ok=True)


def test_it_is_told_how_far_the_members_agree(traces, tmp_path, bayescaler):
    words = [word for path in traces for word in ("--trace", path)]
    code, told, _ = bayescaler("prior", *words, "--horizon", "15m", "--out", tmp_path / "web.json")
    assert code == 0
    assert "3 workloads pooled" in told
    assert "shape of 24 h: members explain 100% of another's; counts as 1 visit" in told
    _, alone, _ = bayescaler("prior", "--trace", traces[0], "--horizon", "15m", "--out", tmp_path / "one.json")
    assert "1 workload pooled" in alone
    assert "nobody to compare with" in alone


def test_a_forecast_starts_from_it(group, new, tmp_path, bayescaler):
    out = tmp_path / "f.csv"
    code, *_ = bayescaler(
        "forecast", "--trace", new, "--horizon", "15m", "--prior", group, "--quantiles", "0.95", "--out", out
    )
    assert code == 0
    issued = np.genfromtxt(out, delimiter=",", skip_header=1)[:, 1]
    load = service(4, days=3.0, start=START + 30 * 86400)
    wanted = Forecaster(SPEC, Prior.from_json(group.read_text())).replay(load.times, load.values)[LEAD]
    assert issued == pytest.approx(wanted[:, LEVELS.index(0.95)], rel=1e-4)


def test_sensitivity_is_a_table_and_in_the_json(group, new, bayescaler):
    code, told, _ = bayescaler("forecast", "--trace", new, "--horizon", "15m", "--prior", group, "--sensitivity")
    assert code == 0
    for name in (*CONSTANTS, GROUP, "day 1", "< 5%", "< 1%"):
        assert name in told
    code, told, _ = bayescaler("forecast", "--trace", new, "--horizon", "15m", "--sensitivity", "--output", "json")
    assert code == 0
    moves = json.loads(told)["sensitivity"]
    assert [(move["assumption"], move["factor"]) for move in moves] == [(n, f) for n in CONSTANTS for f in FACTORS]
    assert set(moves[0]["settled"]["0.95"]) == {"0.05", "0.01"}
    code, told, _ = bayescaler("forecast", "--trace", new, "--horizon", "15m", "--output", "json")
    assert "sensitivity" not in json.loads(told)


class TestMistakes:
    @pytest.fixture
    def refused(self, bayescaler):
        """Exit code 2, nothing on standard output, and one clear line, which is returned."""

        def call(*argv):
            code, told, said = bayescaler(*argv)
            assert (code, told) == (2, ""), said
            (line,) = said.splitlines()
            assert line.startswith("bayescaler: ")
            return line

        return call

    def test_a_prior_for_another_horizon(self, group, new, refused):
        line = refused("forecast", "--trace", new, "--horizon", "1h", "--prior", group, "--report")
        assert "leads" in line

    @pytest.mark.parametrize("text", ["", "{}", "timestamp,value\n"])
    def test_a_file_that_is_no_prior(self, new, tmp_path, refused, text):
        path = tmp_path / "bad.json"
        path.write_text(text)
        line = refused("forecast", "--trace", new, "--horizon", "15m", "--prior", path, "--report")
        assert str(path) in line
        assert "no prior" in line

    def test_a_prior_that_is_not_there(self, new, tmp_path, refused):
        path = tmp_path / "none.json"
        assert str(path) in refused("forecast", "--trace", new, "--horizon", "15m", "--prior", path, "--report")

    def test_traces_of_different_steps(self, traces, tmp_path, refused):
        other = tmp_path / "minutes.csv"
        write_trace(other, Trace(START + 60.0 * np.arange(50), np.ones(50), 60.0))
        line = refused(
            "prior", "--trace", traces[0], "--trace", other, "--horizon", "15m", "--out", tmp_path / "w.json"
        )
        assert str(other) in line
        assert "resample" in line

    def test_traces_without_load(self, tmp_path, refused):
        silent = tmp_path / "silent.csv"
        write_trace(silent, Trace(START + 60.0 * np.arange(50), np.zeros(50), 60.0))
        out = tmp_path / "w.json"
        assert "above zero" in refused("prior", "--trace", silent, "--horizon", "15m", "--out", out)
        assert not out.exists()

    def test_a_folder_that_is_not_there(self, traces, tmp_path, refused):
        out = tmp_path / "none" / "w.json"
        assert "no folder" in refused("prior", "--trace", traces[0], "--horizon", "15m", "--out", out)

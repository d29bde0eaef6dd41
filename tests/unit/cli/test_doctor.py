"""`bayescaler doctor forecast` as a user meets it: a verdict, what it rests on, one line for each mistake."""

import json
import sys
from functools import partial

import numpy as np
import pytest

from bayescaler.cli.agreement import show
from bayescaler.sources.trace import Trace, write_trace
from bayescast.agreement import Agreement, Finding, Part, Quantity
from bayescast.convergence import Convergence
from bayescast.spec import Family

START, STEP = 1_709_251_200.0, 300.0
QUICK = ("--horizon", "15m", "--seasons", "none")


@pytest.fixture
def doctor(bayescaler):
    """Run `bayescaler doctor forecast` in this process."""
    return partial(bayescaler, "doctor", "forecast")


def written(folder, values):
    path = folder / "load.csv"
    write_trace(path, Trace(START + STEP * np.arange(len(values)), np.asarray(values, dtype=float), STEP))
    return path


@pytest.fixture
def silence(tmp_path):
    """A load that never came: levels have nothing to sample, so this is quick."""
    return written(tmp_path, np.zeros(200))


def test_of_a_sound_posterior_json_holds_every_number(doctor, silence):
    asked = ("--trace", silence, "--unit", "count", *QUICK, "--window", "12h", "--warmup", "200")
    said = doctor(*asked, "--output", "json")
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert list(told)[:2] == ["healthy", "findings"]
    assert (told["healthy"], told["findings"]) == (True, [])
    assert (told["unit"], told["family"], told["lead"], told["step_seconds"]) == ("count", "PoissonGamma", 3, STEP)
    assert (told["buckets"], told["windows"]) == (144, 144)
    assert (told["chains"], told["samples"], told["seed"], told["divergences"]) == (4, 1000, 0, 0)
    assert told["start"] == START + 56 * STEP
    levels, regression, free_noise = told["parts"]
    assert (levels["name"], levels["quantities"], levels["prediction"]) == ("levels", [], None)
    for part in (regression, free_noise):
        assert part["prediction"]["online"] == pytest.approx(part["prediction"]["sampled"], abs=0.01)
        for one in part["quantities"]:
            assert one["low"] < one["mean"] < one["high"]
            assert one["convergence"]["rhat"] <= 1.01
            assert min(one["convergence"]["ess_bulk"], one["convergence"]["ess_tail"]) >= 400
    assert regression["quantities"][0]["name"] == "one"
    assert free_noise["quantities"][-1]["online_sd"] is None


def test_chains_too_short_to_meet_are_a_finding_and_exit_code_1(doctor, silence):
    said = doctor("--trace", silence, *QUICK, "--chains", "2", "--samples", "100", "--warmup", "50")
    assert (said.code, said.err) == (1, "")
    first, means, cure = said.out.splitlines()[:3]
    assert first.startswith("finding in the regression: the chains have not met: ")
    assert "nothing is said of the online posterior" in means
    assert "--samples" in cure
    assert "0 of 3 levels sampled (those of 2, 5, 20: too few events" in said.out


class TestTheTable:
    @pytest.fixture
    def found(self):
        """A level with a fault, and numbers of all sizes."""
        met = Convergence(1.0012, 3804.0, 2711.0)
        quantities = (
            Quantity("level 5", 66.0, 4.5, 60.0, 4.45, 51.0, 69.0, 1.35, 1.34, met),
            Quantity("level 200", 1.2345e9, 3.2e4, 1.2345e9, 3.1e4, 1.2e9, 1.3e9, 0.01, 0.02, met),
            Quantity("rho", 0.5, None, 1e-9, 2e-9, 0.0, 1e-8, 9.0, None, Convergence(float("inf"), 0.0, 0.0)),
        )
        fault = Finding("levels", "level 5: [66] online", "it follows the load wrongly", "report it")
        return Agreement(
            family=Family.POISSON_GAMMA,
            lead=9,
            step_seconds=60.0,
            start=START,
            buckets=5000,
            windows=4990,
            chains=4,
            samples=1000,
            seed=7,
            divergences=0,
            parts=(
                Part("levels", "2 of 4 levels sampled", quantities, (fault,)),
                Part("dispersion", "nothing sampled", (), ()),
            ),
        )

    def test_a_finding_comes_first_with_meaning_and_cure(self, found, capsys):
        show(found, "Europe/Berlin")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "finding in the levels: level 5: [66] online"
        assert lines[1].split(":")[1].strip() == "it follows the load wrongly"
        assert lines[2].split(":")[1].strip() == "report it"
        assert "since 2024-03-01 01:00 (Europe/Berlin): 5000 buckets, 4990 windows of 9 min" in lines[4]
        assert not any("healthy" in line for line in lines)
        assert "3.0 times" in lines[-1]  # root of the lead

    def test_every_number_stands_in_its_row(self, found, capsys):
        show(found, "UTC")
        rows = {line.split("  ")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
        assert rows["level 5"].split()[2:] == ["66.0±4.5", "60.0±4.5", "+1.35", "1.34", "1.001", "3804", "2711"]
        assert rows["level 200"].split()[2:4] == ["1234500000±32000", "1234500000±31000"]
        assert rows["rho"].split()[1:] == ["0.5", "1.00e-09±2e-09", "+9.00", "inf", "0", "0"]
        assert "dispersion" not in rows  # there is nothing to tabulate
        assert all(len(line) <= 80 for name, line in rows.items() if name.startswith(("level", "rho")))


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ("--horizon 15m", "either --trace or --prometheus"),
            ("--trace {trace} --prometheus http://p --query q --horizon 15m", "either --trace or --prometheus"),
            ("--trace {trace}", "--horizon"),
            ("--trace {trace} --horizon 15m --chains 1", "--chains"),
            ("--trace {trace} --horizon 15m --samples 10", "--samples"),
            ("--trace {trace} --horizon 15m --warmup 0", "--warmup"),
            ("--trace {trace} --horizon 15m --seed -1", "--seed"),
            ("--trace {trace} --horizon 15m --window soon", "--window"),
            ("--trace {trace} --horizon 15m --window 2h", "the window holds 24 buckets with a load"),
            ("--trace {trace} --horizon 15h", "windows of 180 buckets"),
            ("--trace {trace} --horizon 15m --time-zone Mars/Olympus", "Mars/Olympus"),
            ("--trace {tmp}/none.csv --horizon 15m", "No such file"),
        ],
    )
    def test_each_is_one_line_and_exit_code_2(self, doctor, silence, tmp_path, options, told):
        said = doctor(*options.format(trace=silence, tmp=tmp_path).split())
        assert (said.code, said.out) == (2, "")
        (line,) = said.err.splitlines()
        assert line.startswith("bayescaler: ")
        assert told in line

    def test_without_the_extra_the_cure_is_named(self, doctor, silence, monkeypatch):
        monkeypatch.setitem(sys.modules, "numpyro", None)  # as if it were not installed
        said = doctor("--trace", silence, "--horizon", "15m")
        assert (said.code, said.out) == (2, "")
        assert said.err == "bayescaler: numpyro is not installed: pip install 'bayescaler[mcmc]'\n"


def test_neither_help_nor_the_forecaster_waits_for_jax(imported_by):
    told, imported = imported_by(
        "import bayescast, bayescast.checkup\n"
        "from bayescaler.cli import cli\n"
        "cli.main(['doctor', 'forecast', '--help'], standalone_mode=False)"
    )
    assert "--chains" in told
    assert "bayescast.checkup" in imported
    assert not imported & {"jax", "numpyro"}

"""A load, and the command that forecasts it."""

import subprocess
import sys
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from bayescaler.cli import main
from bayescaler.sandbox.traffic import traffic
from bayescaler.sources.trace import Trace, write_trace

START, DAYS, STEP = 1_709_251_200.0, 12.0, 300.0


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def bayescaler(capsys):
    """Run the command line in this process."""

    def run(*argv):
        code = 0
        try:
            main([str(word) for word in argv])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.err + said.out
        return said

    return run


@pytest.fixture
def imported_by():
    """Run code in a process of its own; what it printed, and the names of all modules it has imported."""

    def run(code):
        code += "\nimport sys\nprint(*sys.modules, file=sys.stderr)"
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout, set(ended.stderr.split())

    return run


@pytest.fixture
def forecast(bayescaler):
    """Run `bayescaler forecast` in this process."""
    return partial(bayescaler, "forecast")


@pytest.fixture
def backtest(bayescaler):
    """Run `bayescaler backtest` in this process."""
    return partial(bayescaler, "backtest")


@pytest.fixture(scope="module")
def load():
    """Twelve days of a web service in buckets of five minutes, a few of them missing."""
    made = traffic(START, days=DAYS, step_seconds=STEP, seed=3)
    rates = made.rates.copy()
    rates[[100, 101, 2000]] = np.nan
    return Trace(made.times, rates, STEP)


@pytest.fixture
def trace(load, tmp_path):
    path = tmp_path / "load.csv"
    write_trace(path, load)
    return path


@pytest.fixture
def refused(forecast):
    """Run it with what cannot be: exit code 2 and one clear line on standard error, which is returned."""

    def run(*argv):
        said = forecast(*argv)
        assert "Traceback" not in said.err + said.out
        assert (said.code, said.out) == (2, ""), said.err
        (line,) = said.err.splitlines()
        assert line.startswith("bayescaler: ")
        return line

    return run

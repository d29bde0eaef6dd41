"""What it costs to start Python programs of ours: the command line, the forecaster with and without its cache, `run`.

python tests/benchmarks/import.py --repeats 9
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parts import process
from parts.table import note, show, spread

_FIRST_FORECAST = """
import bayescast, numpy
spec = bayescast.ForecastSpec(step_seconds=60.0, leads=(2,))
bayescast.Forecaster(spec).fit(60.0 * numpy.arange(100.0), numpy.arange(100.0)).predict().quantile(0.95)
"""
_TELL_RSS = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):
        print(int(line.split()[1]) / 1024)
"""


def started(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run to the end; returns seconds and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    return time.perf_counter() - began, done.stdout


def cold() -> tuple[float, str]:
    """The first forecast with an empty cache: every kernel is compiled."""
    with tempfile.TemporaryDirectory() as folder:
        return started([sys.executable, "-c", _FIRST_FORECAST + _TELL_RSS], {"NUMBA_CACHE_DIR": folder})


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    process.fill_kernel_cache()
    script = str(Path(sys.executable).with_name("bayescaler"))
    python = [sys.executable, "-c"]
    cases = (
        ("python, nothing imported", [*python, _TELL_RSS]),
        ("bayescaler --help", [script, "--help"]),
        ("bayescaler explain --help", [script, "explain", "--help"]),
        ("import numba", [*python, "import numba" + _TELL_RSS]),
        ("import bayescast", [*python, "import bayescast" + _TELL_RSS]),
        ("first forecast, kernels in the cache", [*python, _FIRST_FORECAST + _TELL_RSS]),
        ("import of `bayescaler run`", [*python, "import bayescaler.cli.run" + _TELL_RSS]),
        ("bayescaler run --help", [script, "run", "--help"]),
        (
            "`bayescaler run` up to its first connection",
            [*python, "import bayescaler.cli.run; from bayescaler.policy import warm_up; warm_up()" + _TELL_RSS],
        ),
    )
    rows = [_row(name, [started(command) for _ in range(repeats)]) for name, command in cases]
    rows.append(_row("first forecast, empty cache", [cold()]))
    show("start of a process, ms", ("", "median", "max", "peak MiB"), rows)
    note("memory of `--help` is not told; budget of the operator without objects: 150 MiB")


def _row(name: str, runs: list[tuple[float, str]]) -> tuple[str, ...]:
    median, _, most = spread([1e3 * seconds for seconds, _ in runs], ",.0f")
    told = runs[-1][1].splitlines()[-1:]
    memory = f"{float(told[0]):.0f}" if "--help" not in name else "-"
    return name, median, most, memory


if __name__ == "__main__":
    main()

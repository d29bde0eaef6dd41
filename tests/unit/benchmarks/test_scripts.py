"""Scripts that no other test runs can be started: the benchmarks, and those that draw the pictures."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BENCHMARKS = ROOT / "tests/benchmarks"
SCRIPTS = [*BENCHMARKS.glob("*.py"), *(ROOT / "tests/component").rglob("pictures.py")]
STARTED = """
import importlib, runpy, sys, traceback
from pathlib import Path
benchmarks, scripts, *absent = (one.split(",") for one in sys.argv[1:])
sys.modules.update(dict.fromkeys(absent[0]))
for script in scripts:
    sys.path[0] = str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="imported")
    except Exception:
        print(f"{script}: {traceback.format_exc()}")
sys.path[0] = benchmarks[0]
importlib.import_module("forecast.command")
"""


def test_every_benchmark_and_picture_script_can_be_imported_also_without_the_peers() -> None:
    assert len(SCRIPTS) > 10
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    peers = [requirement.split(">=")[0] for requirement in groups["bench"]]
    given = [str(BENCHMARKS), ",".join(map(str, SCRIPTS)), ",".join(peers)]
    done = subprocess.run([sys.executable, "-c", STARTED, *given], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr

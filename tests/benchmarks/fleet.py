"""A thousand workloads of fourteen days at one minute through `bayescaler backtest --all`, and its memory meanwhile.

python tests/benchmarks/fleet.py --workloads 1000

Every tenth is an HPA; fifty loads are made, and given out in turn.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from parts.load import MONDAY, STEP_SECONDS
from parts.process import cpu_seconds, ends_within, peak_rss_mib, rss_mib
from parts.table import note, show

from bayescaler.sandbox.traffic import Shape, traffic
from bayescaler.sources.trace import Trace, write_trace

DAYS, LOADS, BUDGET_SECONDS = 14.0, 50, 300.0
COMMAND = "from bayescaler.cli import main; main()"
OURS = """
apiVersion: bayescaler.dev/v1alpha1
kind: BayesianAutoscaler
metadata: {{name: web-{number}, namespace: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web-{number}}}
  minReplicas: 2
  maxReplicas: 60
  load: {{prometheus: {{query: "sum(rate(requests_total[1m]))"}}}}
  capacity: {{perReplica: 50}}
"""
HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web-{number}, namespace: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web-{number}}}
  minReplicas: 2
  maxReplicas: 60
  metrics: [{{type: Pods, pods: {{metric: {{name: requests}}, target: {{type: AverageValue, averageValue: "35"}}}}}}]
"""


def make(folder: Path, workloads: int) -> None:
    """Write manifests and traces."""
    for number in range(min(LOADS, workloads)):
        random = np.random.default_rng(number)
        shape = replace(Shape(), peak_per_second=random.uniform(100, 1500), dispersion=random.uniform(30, 400))
        made = traffic(MONDAY, days=DAYS, step_seconds=STEP_SECONDS, seed=number, shape=shape)
        write_trace(folder / f"web-{number}.csv", Trace(made.times, made.rates, STEP_SECONDS))
    for number in range(workloads):
        (folder / f"web-{number}.yaml").write_text((HPA if number % 10 == 0 else OURS).format(number=number))
        if number >= LOADS:
            os.link(folder / f"web-{number % LOADS}.csv", folder / f"web-{number}.csv")


def children(pid: int) -> list[int]:
    """Return all processes below one."""
    own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*own, *(below for child in own for below in children(child))]


def run(folder: Path, options: list[str]) -> tuple[float, float, list[tuple[int, float, float]]]:
    """Run the command; return its seconds, CPU seconds of all workers, and (done, own, largest worker's MiB)."""
    journal = folder / "journal.jsonl"
    began, cpu, samples = time.perf_counter(), 0.0, []
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "backtest", "--all", str(folder), "--resume", str(journal), *options],
        stdout=subprocess.DEVNULL,
    ) as process:
        while not ends_within(process, 1.0):
            try:
                own, workers = rss_mib(process.pid), children(process.pid)
                largest = max((peak_rss_mib(pid) for pid in workers), default=0.0)
                cpu = max(cpu, cpu_seconds(process.pid) + sum(cpu_seconds(pid) for pid in workers))
            except (OSError, LookupError):
                continue  # it ended between two reads
            done = journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0
            samples.append((done, own, largest))
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}")
    return time.perf_counter() - began, cpu, samples


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", type=int, default=1000)
    arguments, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder, arguments.workloads)
        seconds, cpu, samples = run(folder, options)
        again, _, _ = run(folder, options)
    rows = []
    for share in (0.1, 0.5, 1.0):
        done, own, largest = next(one for one in (*samples, samples[-1]) if one[0] >= share * samples[-1][0])
        rows.append((f"{done:,}", f"{own:.0f}", f"{largest:.0f}"))
    show("memory, MiB", ("workloads done", "the command", "its largest worker, peak"), rows)
    each = 1e3 * cpu / arguments.workloads
    note(f"{arguments.workloads:,} workloads: {seconds:.0f} s ({each:.0f} ms of CPU each), budget {BUDGET_SECONDS:g} s")
    note(f"once more, all of it kept: {again:.1f} s")


if __name__ == "__main__":
    main()

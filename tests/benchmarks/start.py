"""From starting `bayescaler run` to the first decision for every object, as its own metrics tell it.

The process, its clock and its ticks are real; the API server and Prometheus are the sandbox's, in a process of their
own. Kernels come compiled from the cache, as in the image; `import.py` tells what compiling them costs.

    python tests/benchmarks/start.py --objects 1000 --history-hours 24
"""

import argparse
import math
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from parts import process
from parts.cluster import Cluster
from parts.table import note, show
from prometheus_client.parser import text_string_to_metric_families

BUDGET_SECONDS = 10.0
MILESTONES = (
    "probes answer",
    "ready",
    "first decision of all",
    "all posteriors built",
    "all decided by forecast",
)


Milestones = dict[str, tuple[float, float]]
"""Seconds since the start and CPU seconds of the operator, by milestone."""
Samples = dict[str, list[tuple[dict[str, str], float]]]


def asked(port: int, path: str) -> requests.Response | None:
    """What the operator answers, None while it does not."""
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=20)
    except requests.RequestException:
        return None


def scraped(port: int) -> Samples:
    """The operator's metrics by name."""
    answer, samples = asked(port, "/metrics"), Samples()
    if answer is not None:
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                samples.setdefault(sample.name.removeprefix("bayescaler_"), []).append((sample.labels, sample.value))
    return samples


def reached(port: int, objects: int) -> dict[str, bool]:
    """Which milestones the operator has reached by what it tells."""
    ready, samples = asked(port, "/readyz"), scraped(port)
    decided = len(samples.get("desired_replicas", ())) == objects
    warming = sum(value for _, value in samples.get("objects_warming", ()))
    foreseen = sum(labels["rung"].startswith("Predictive") for labels, _ in samples.get("rung", ()))
    return {
        "probes answer": ready is not None,
        "ready": ready is not None and ready.ok,
        "first decision of all": decided,
        "all posteriors built": decided and warming == 0,
        "all decided by forecast": foreseen == objects,
    }


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def watch(command: list[str], port: int, objects: int, patience_seconds: float) -> tuple[Milestones, float]:
    """Start the operator and note when it reaches each milestone; returns them and its MiB."""
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        operator = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        seen: Milestones = {}
        try:
            while len(seen) < len(MILESTONES) and time.perf_counter() - began < patience_seconds:
                if process.ends_within(operator, 0.1):
                    log.seek(0)
                    raise RuntimeError(f"the operator ended with code {operator.returncode}: {log.read()[-2000:]}")
                now = reached(port, objects)
                for name in MILESTONES:
                    if now.get(name):
                        seen.setdefault(name, (time.perf_counter() - began, process.cpu_seconds(operator.pid)))
            return seen, process.rss_mib(operator.pid)
        finally:
            operator.terminate()
            operator.wait(30)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--history-hours", type=int, default=14 * 24)
    parser.add_argument("--patience-seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    process.fill_kernel_cache()
    with Cluster(history_seconds=3600.0 * arguments.history_hours, real_time=True) as cluster:
        cluster.create(arguments.objects, history=f"{arguments.history_hours}h")
        port = free_port()
        command = [
            str(Path(sys.executable).with_name("bayescaler")),
            "run",
            f"--kubeconfig={cluster.kubeconfig}",
            f"--prometheus={cluster.prometheus}",
            f"--listen=127.0.0.1:{port}",
            "--no-leader-election",
        ]
        busy = cluster.cpu_seconds()
        seen, rss = watch(command, port, arguments.objects, arguments.patience_seconds)
        rows = [
            (name, *("not reached" if math.isnan(v) else f"{v:.1f}" for v in seen.get(name, (math.nan, math.nan))))
            for name in MILESTONES
        ]
        show(
            f"start with {arguments.objects:,} objects, {arguments.history_hours} h of history each",
            ("", "s after the start", "operator CPU s so far"),
            rows,
        )
        note(f"budget to the first decision with 100 objects: {BUDGET_SECONDS:g} s")
        note(f"operator {rss:.0f} MiB; cluster {cluster.cpu_seconds() - busy:.1f} s of CPU, on the same cores")


if __name__ == "__main__":
    main()

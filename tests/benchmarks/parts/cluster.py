"""The sandbox's API server and Prometheus in a process of their own, so that the operator's cost is seen apart.

Run as a script it serves, and takes commands as JSON lines on standard input, one answer line each:
`{"do": "create", "objects": 100}`, `{"do": "advance", "seconds": 15}`. `Cluster` starts it and speaks to it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from parts.load import MONDAY, STEP_SECONDS
from parts.process import cpu_seconds, rss_mib

SERIES = 32
CAPACITY = 50.0
_PATIENCE_SECONDS = 120.0


class Cluster:
    """`with Cluster(...) as cluster:` serves `cluster.kubeconfig` and `cluster.prometheus`.

    In simulated time (the default) it stands at `start` until `advance`; in real time it is now, `start` is the
    beginning of the load, and it cannot be advanced.
    """

    def __init__(self, *, history_seconds: float, real_time: bool = False, future_seconds: float = 7200.0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bayescaler-bench-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self._command = [
            sys.executable,
            __file__,
            f"--kubeconfig={self.kubeconfig}",
            f"--history-seconds={history_seconds}",
            f"--future-seconds={future_seconds}",
            *(["--real-time"] if real_time else []),
        ]
        self._process: subprocess.Popen[str]
        self.prometheus = ""
        self.now = 0.0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        hello = self._hear()
        self.prometheus, self.now = hello["prometheus"], hello["now"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._folder.cleanup()

    def create(self, objects: int, *, history: str) -> None:
        """Create so many autoscalers and their Deployments; returns when the server holds them."""
        self._say({"do": "create", "objects": objects, "history": history})

    def advance(self, seconds: float) -> float:
        """Let simulated time pass; returns the new now."""
        self.now = self._say({"do": "advance", "seconds": seconds})["now"]
        return self.now

    def cpu_seconds(self) -> float:
        """CPU time of the cluster's process so far."""
        return cpu_seconds(self._process.pid)

    def rss_mib(self) -> float:
        """Memory of the cluster's process."""
        return rss_mib(self._process.pid)

    def _say(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the cluster's process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    from bayescaler import api
    from bayescaler.sandbox.clock import RealClock, SimulatedClock
    from bayescaler.sandbox.prometheus import SandboxPrometheus
    from bayescaler.sandbox.server import SandboxServer
    from bayescaler.sandbox.traffic import traffic

    end = time.time() if arguments.real_time else MONDAY + 28 * 86_400.0 + 8 * 3600.0  # a morning: loads rise
    start = np.floor((end - arguments.history_seconds) / STEP_SECONDS) * STEP_SECONDS
    clock: Any = RealClock() if arguments.real_time else SimulatedClock(end)
    prometheus = SandboxPrometheus(clock)
    days = (arguments.history_seconds + arguments.future_seconds) / 86_400.0
    for number in range(SERIES):
        made = traffic(float(start), days=days, step_seconds=STEP_SECONDS, seed=number)
        labels = {"service": f"s{number}"}
        prometheus.store.add_counter("http_requests_total", labels, made.times, made.rates, step_seconds=STEP_SECONDS)
    server = SandboxServer(clock=clock, window=100_000)
    async with server, prometheus:
        server.create(api.crd())
        server.write_kubeconfig(arguments.kubeconfig)
        print(json.dumps({"prometheus": prometheus.url, "now": clock.now()}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            if command["do"] == "create":
                await _create(server, command["objects"], command["history"])
            else:
                clock.advance(command["seconds"])
            print(json.dumps({"now": clock.now()}), flush=True)


async def _create(server: Any, objects: int, history: str) -> None:
    for number in range(objects):
        name = f"web-{number}"
        server.create(_deployment(name))
        ready = {"status": {"replicas": 8, "readyReplicas": 8, "observedGeneration": 1}}
        server.patch("apps/v1", "Deployment", name, ready, subresource="status")
        server.create(_autoscaler(name, number, history))
        if number % 20 == 0:
            await asyncio.sleep(0)


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 8,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web", "resources": {"requests": {"cpu": "1"}}}]},
            },
        },
    }


def _autoscaler(name: str, number: int, history: str) -> dict[str, Any]:
    """Each object has a load of its own: one of the series, times its own factor."""
    query = f'sum(rate(http_requests_total{{service="s{number % SERIES}"}}[1m])) * {0.5 + (number % 997) / 997:.4f}'
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": 60,
            "load": {"prometheus": {"query": query}, "kind": "Rate", "step": "1m"},
            "capacity": {"perReplica": CAPACITY},
            "forecast": {"history": history},
            "objective": {"quantile": 0.95, "buffer": 0.1},
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--history-seconds", type=float, required=True)
    parser.add_argument("--future-seconds", type=float, required=True)
    parser.add_argument("--real-time", action="store_true")
    asyncio.run(serve(parser.parse_args()))

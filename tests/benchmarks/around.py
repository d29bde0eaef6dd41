"""Python around a decision: the production operator's tick, with both servers answered from memory in the same process.

collect -> estimate -> decide -> act -> report of objects that all have a new bucket; what HTTP, Prometheus and the API
server would add is left out (`tick.py` has it). Where replicas change they are patched and seen a tick later; statuses
are written as the budget of writes lets them.

python tests/benchmarks/around.py --objects 1000
"""

import argparse
import asyncio
import gc
import logging
import os
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from parts.load import MONDAY, STEP_SECONDS, history
from parts.table import note, show, spread

from bayescaler.cluster.errors import NotFound
from bayescaler.cluster.scale import Target
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.policy import warm_up
from bayescaler.sources.grid import closed_buckets, judged
from bayescaler.sources.port import LoadQuery, Series
from bayescaler.telemetry.catalogue import STAGES
from bayescaler.telemetry.logs import configure

BUDGET_US = 150.0
DAYS, LAG = 3.0, 15.0
CPU = "total, CPU"
SETTINGS = Settings(default_server_address="http://prometheus:9090", leader_election=False)
SCALE = [{"name": f"deployments{end}", "kind": kind, "namespaced": True} for end, kind in (("", "Deployment"), ("/scale", "Scale"))]  # fmt: skip  # noqa: E501


class Memory:
    """A LoadSource and a KubeClient in one: loads from an array, every write accepted and remembered."""

    def __init__(self) -> None:
        self.times, self.rates = history(DAYS)
        self.patched: dict[str, int] = {}
        self.statuses = 0

    async def read(self, query: LoadQuery, *, start: float, end: float, now: float) -> Series:
        times = closed_buckets(start, end, step_seconds=query.step_seconds, now=now)
        values = np.interp(times, self.times, self.rates) * (0.5 + len(query.key) % 7 / 7)
        return judged(times, values, np.isfinite(values))

    async def close(self) -> None:
        """Nothing is open."""

    def signed(self, _why: str) -> Self:
        return self

    def separate(self) -> "Memory":
        return Memory()

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        if path.endswith("/scale"):
            self.patched[path.split("/")[-2]] = body[2]["value"]
            return {"metadata": {"uid": body[0]["value"]}, "spec": {"replicas": body[2]["value"]}}
        self.statuses += path.endswith("/status")
        return {"resources": SCALE} if method == "GET" else {}

    async def stream(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()
        yield {}


def manifest(name: str, objective: dict[str, Any]) -> dict[str, Any]:
    """Return an autoscaler of a Deployment of the same name."""
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"namespace": "shop", "name": name, "uid": f"uid-of-{name}", "generation": 1},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "maxReplicas": 60,
            "load": {"prometheus": {"query": "sum(rate(requests_total[1m]))"}},
            "capacity": {"perReplica": 50},
            "forecast": {"history": "12h"},
            "objective": objective,
        },
    }


class Bench:
    """An operator with objects that are read, warmed up and ticked."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.now = memory, MONDAY + 2.0 * 86_400.0 + LAG
        self.operator = Operator(memory, memory, SETTINGS, clock=lambda: self.now)  # type: ignore[arg-type]
        operator = self.operator
        for watch in operator.targets.watches:
            watch.synced_at = 1.0
        for watch in (one for watches in operator.scalers.watches.values() for one in watches):
            watch.synced_at, watch.lists = 1.0, 1
            watch._tried.set()  # as after a first list
        operator.scalers._no_keda = NotFound(404, "NotFound", "no KEDA")
        operator.scalers._looked_for_keda.set()
        operator.registry.synced_at = 2.0
        operator.warmup.start()

    async def fill(self, objects: int, objective: dict[str, Any]) -> None:
        """Add the objects, and wait for their posteriors."""
        for number in range(objects):
            name = "w" * (1 + number % 7) + str(number)
            self.memory.patched[name] = 8
            self.operator.registry.observe("ADDED", manifest(name, objective))
        self.see()
        await self.operator.warmup.idle()

    def see(self) -> None:
        """Show the operator what its writes have come to, as a watch would."""
        shown = self.operator.targets._targets["Deployment"]
        for name, replicas in self.memory.patched.items():
            shown["shop", name] = Target(
                uid=f"of-{name}", replicas=replicas, selector="app=web", ready_replicas=replicas
            )

    async def tick(self) -> dict[str, float]:
        """Let a bucket close and tick; returns seconds by stage, and of CPU: nothing here waits but for a free core."""
        self.now += STEP_SECONDS
        before, cpu = self.stages(), time.process_time()
        await self.operator.loop.tick(now=self.now)
        after, cpu = self.stages(), time.process_time() - cpu
        self.see()
        return {stage: after[stage] - before[stage] for stage in STAGES} | {CPU: cpu}

    def stages(self) -> dict[str, float]:
        """Return the seconds spent so far by stage."""
        samples = (s for metric in self.operator.metrics.tick_seconds.collect() for s in metric.samples)
        return {s.labels["stage"]: s.value for s in samples if s.name.endswith("_sum")}


async def bench(arguments: argparse.Namespace) -> None:
    """Tick, and tell what an object costs."""
    warm_up()
    columns = dict[str, list[dict[str, float]]]()
    written = dict[str, str]()
    for name, objective in (("a quantile", {"quantile": 0.95}), ("a budget", {"risk": {"overloadBudget": 0.01}})):
        memory = Memory()
        one = Bench(memory)
        await one.fill(arguments.objects, objective)
        for _ in range(arguments.warm_ticks):
            await one.tick()
        memory.statuses = 0
        columns[name] = [await one.tick() for _ in range(arguments.ticks)]
        written[name] = f"{memory.statuses / arguments.ticks:.0f} statuses a tick"
        await one.operator.stop()
    rows = []
    for stage in (*STAGES, CPU):
        cells = [spread([1e6 * tick[stage] / arguments.objects for tick in ticks], ".1f") for ticks in columns.values()]
        rows.append((stage, *(cell for median, _, most in cells for cell in (median, most))))
    title = f"one object with a new bucket, of {arguments.objects:,}, us"
    show(title, ("", *(f"{name}: {what}" for name in columns for what in ("median", "max"))), rows)
    note("; ".join(f"{name}: {told}" for name, told in written.items()))
    note(f"budget of Python around a decision, per changed object: {BUDGET_US:g} us")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--warm-ticks", type=int, default=8, help="first ticks, not counted")
    configure(form="json", level="info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    gc.disable()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:  # logs are made as in production, and not shown
        handler.setStream(nowhere)
        asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()

"""The production operator's tick at N objects, against an API server and a Prometheus in another process.

Time is simulated, work is real: kopf watches over HTTP, every read goes to Prometheus, every write to the API server.
One tick in four finds a closed bucket, and then every object has one at once.  `--profile` shows where the time goes.

    python tests/benchmarks/tick.py --objects 10000 --ticks 24
"""

import argparse
import asyncio
import cProfile
import logging
import os
import pstats
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from parts import process
from parts.cluster import Cluster
from parts.table import note, show, spread

from bayescaler.cluster.client import KubeClient
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Workload
from bayescaler.handlers import watch
from bayescaler.policy import warm_up
from bayescaler.sources.prometheus import PrometheusSource
from bayescaler.telemetry.catalogue import STAGES
from bayescaler.telemetry.logs import configure

TICK_SECONDS = 15.0
BASE_MIB, OBJECT_KB = 150.0, 100.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick cost, by stage, in seconds."""

    closed: bool
    wall: dict[str, float]
    cpu: float
    server_cpu: float
    oldest_load_seconds: float


class Bench:
    """One operator on one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.operator: Operator

    async def start(self, exits: AsyncExitStack) -> None:
        """Start the operator as `bayescaler run` does, without its clock."""
        settings = Settings(default_server_address=self.cluster.prometheus, leader_election=False)
        client = await KubeClient.connect(self.cluster.kubeconfig)
        source = PrometheusSource(self.cluster.prometheus, max_in_flight=settings.max_queries_in_flight)
        self.operator = Operator(client, source, settings, clock=lambda: self.cluster.now)
        await self.operator.start(ticking=False)
        exits.push_async_callback(self.operator.stop)
        stop = asyncio.Event()
        watching = asyncio.create_task(
            watch(self.operator.registry.observe, client.connection, namespaces=(), identity="bench", stop=stop)
        )

        async def stop_watching() -> None:
            stop.set()
            await watching

        exits.push_async_callback(stop_watching)
        await self.operator.synced()

    async def fill(self, objects: int, history: str) -> None:
        """Create the objects, and wait until the operator knows them and their posteriors are built."""
        await asyncio.to_thread(self.cluster.create, objects, history=history)
        operator = self.operator
        await until(lambda: len(operator.registry) == objects)
        await operator.warmup.idle()
        await until(lambda: all(operator.targets.get("Deployment", *w.key) for w in operator.registry))

    async def tick(self) -> Tick:
        """Let 15 s pass and tick."""
        now = await asyncio.to_thread(self.cluster.advance, TICK_SECONDS)
        before, cpu, server = self._stages(), process.cpu_seconds(), self.cluster.cpu_seconds()
        await self.operator.loop.tick(now=now)
        after = self._stages()
        lag = self.operator.settings.metric_lag_seconds
        tick = Tick(
            closed=(now - lag) % 60.0 < TICK_SECONDS,
            wall={stage: after[stage] - before[stage] for stage in STAGES},
            cpu=process.cpu_seconds() - cpu,
            server_cpu=self.cluster.cpu_seconds() - server,
            oldest_load_seconds=max((now - w.load.at for w in self.operator.registry if w.load.at), default=0.0),
        )
        await self._rest(TICK_SECONDS - tick.wall["total"])
        return tick

    async def _rest(self, seconds: float) -> None:
        """What is left of the interval belongs to reads that came too late for the tick; over when they are done."""
        end = time.perf_counter() + seconds
        await until(lambda: time.perf_counter() > end or not self._late())

    def _late(self) -> list[Workload]:
        return [w for w in self.operator.registry if w.reading is not None and not w.reading.done()]

    def scrape(self) -> float:
        """CPU seconds of one scrape of /metrics."""
        began = time.thread_time()
        self.operator.metrics.exposition("")
        return time.thread_time() - began

    def counts(self) -> str:
        """What the operator counted: anything but ok and moved tells that the numbers are not of a healthy run."""
        metrics = self.operator.metrics
        told = [
            f"{sample.name.removeprefix('bayescaler_').removesuffix('_total')} "
            f"{'/'.join(sample.labels.values())} {sample.value:.0f}"
            for counter in (metrics.scale_writes, metrics.status_writes, metrics.source_errors, metrics.failures)
            for metric in counter.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.value
        ]
        return ", ".join(told) or "nothing was written"

    def _stages(self) -> dict[str, float]:
        samples = (s for metric in self.operator.metrics.tick_seconds.collect() for s in metric.samples)
        return {s.labels["stage"]: s.value for s in samples if s.name.endswith("_sum")}


async def until(true: Callable[[], bool]) -> None:
    """Give the other tasks their turns until `true()`."""
    while not true():  # noqa: ASYNC110 - what is waited for is the operator's own records, which tell nobody
        await asyncio.sleep(0.02)


async def bench(arguments: argparse.Namespace) -> None:
    """Fill, tick, tell."""
    await asyncio.to_thread(process.fill_kernel_cache)
    warm_up()
    history_seconds = 3600.0 * arguments.history_hours
    ticks = arguments.warm_ticks + arguments.ticks
    with Cluster(history_seconds=history_seconds, future_seconds=TICK_SECONDS * ticks + 600.0) as cluster:
        async with AsyncExitStack() as exits:
            one = Bench(cluster)
            await one.start(exits)
            empty = process.rss_mib()
            loop = asyncio.get_running_loop()
            began, cpu = loop.time(), process.cpu_seconds()
            await one.fill(arguments.objects, f"{arguments.history_hours}h")
            filled, fill_cpu = loop.time() - began, process.cpu_seconds() - cpu
            first = await one.tick()
            for _ in range(arguments.warm_ticks - 1):
                await one.tick()
            profile = cProfile.Profile() if arguments.profile else None
            if profile is not None:
                profile.enable()
            seen = [await one.tick() for _ in range(arguments.ticks)]
            if profile is not None:
                profile.disable()
            _tell(arguments, one, first, seen)
            _tell_memory(arguments.objects, empty, filled, fill_cpu)
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def _tell(arguments: argparse.Namespace, one: Bench, first: Tick, seen: list[Tick]) -> None:
    closed, quiet = [t for t in seen if t.closed], [t for t in seen if not t.closed]

    def row(name: str, seconds: Callable[[Tick], float]) -> list[str]:
        cells = [spread([1e3 * seconds(t) for t in group], ",.0f") for group in (closed, quiet)]
        return [name, cells[0][0], cells[0][2], cells[1][0], cells[1][2], f"{1e3 * seconds(first):,.0f}"]

    rows = [row(stage, lambda t, stage=stage: t.wall[stage]) for stage in STAGES]  # type: ignore[misc]
    rows += [row("operator CPU", lambda t: t.cpu), row("server CPU", lambda t: t.server_cpu)]
    show(
        f"tick at {arguments.objects:,} objects, ms",
        ("stage", "bucket closed: median", "max", "no bucket: median", "max", "first tick"),
        rows,
    )
    total = spread([t.wall["total"] for t in seen], ".2f")
    note(f"{len(closed)} ticks with a bucket, {len(quiet)} without; p99 of all: {total[1]} s (budget at 10,000: 15 s)")
    if quiet:
        still = min(t.cpu for t in quiet)
        note(
            f"stillest tick: {1e6 * still / arguments.objects:.0f} us of operator CPU an object, with its status writes"
        )
    note(f"oldest load decided on: {max(t.oldest_load_seconds for t in seen):.0f} s")
    note(f"one scrape of /metrics: {1e3 * one.scrape():.0f} ms of CPU")
    note(f"counted: {one.counts()}")


def _tell_memory(objects: int, empty: float, filled: float, fill_cpu: float) -> None:
    now, peak, budget = process.rss_mib(), process.peak_rss_mib(), BASE_MIB + OBJECT_KB * objects / 1024
    show(
        "memory of the operator's process",
        ("", "MiB", "budget"),
        (
            ("without objects", f"{empty:.0f}", f"{BASE_MIB:.0f}"),
            (f"with {objects:,} objects", f"{now:.0f}", f"{budget:.0f}"),
            ("highest", f"{peak:.0f}", "-"),
            ("KB per object", f"{(now - empty) * 1024 / objects:.0f}", f"{OBJECT_KB:.0f}"),
        ),
    )
    note(f"from creating the objects to all posteriors built: {filled:.1f} s, of it operator CPU {fill_cpu:.1f} s")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=16)
    parser.add_argument("--warm-ticks", type=int, default=8, help="first ticks, not counted")
    parser.add_argument("--history-hours", type=int, default=2, help="history replayed for each object")
    parser.add_argument("--profile", action="store_true", help="print where the measured ticks spend their time")
    configure(form="json", level="info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:  # logs are made as in production, and not shown
        handler.setStream(nowhere)
        asyncio.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()

"""One tick: collect -> observe -> estimate -> decide -> act -> report, for all objects together."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Protocol

from bayescaler.telemetry.metrics import Metrics

from .act import Actuator
from .collect import Collector
from .containment import each
from .deciding import decide_one
from .decision_log import id_of
from .estimate import BankPool, predict
from .observe import Observer
from .registry import Registry
from .report import Reporter
from .workload import Workload

log = logging.getLogger(__name__)


class Learner(Protocol):
    """What learns of workloads beside the tick."""

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Take in what is there and begin what is due, without waiting."""


class Successor(Protocol):
    """What has to be done before the first tick that writes."""

    async def take_over(self) -> None:
        """Go on from where whoever led before has ended; nothing where this replica led already or does not lead."""


class Companions(Protocol):
    """What forecasts beside the live posteriors and decides nothing."""

    async def compare(self, *, now: float) -> None:
        """Follow the buckets of this tick, and compare."""


class Loop:
    """Runs ticks. `may_write` is leadership that was taken over; `may_scale_in` is False while the view of the cluster
    may be old. What a tick decided that had begun before is not written.
    """

    def __init__(
        self,
        registry: Registry,
        collector: Collector,
        observer: Observer,
        banks: BankPool,
        actuator: Actuator,
        reporter: Reporter,
        metrics: Metrics,
        *,
        may_write: Callable[[], bool],
        may_scale_in: Callable[[], bool],
        learners: Sequence[Learner] = (),
        successor: Successor | None = None,
        canaries: Companions | None = None,
        lag_seconds: float = 15.0,
        pause_seconds: float = 60.0,
    ) -> None:
        self._registry, self._collector, self._observer, self._banks = registry, collector, observer, banks
        self._actuator, self._reporter, self._metrics = actuator, reporter, metrics
        self._may_write, self._may_scale_in = may_write, may_scale_in
        self._learners, self._successor, self._canaries = learners, successor, canaries
        self._lag_seconds, self._pause_seconds = lag_seconds, pause_seconds
        self.last_tick_at: float | None = None
        self.ticking = False
        """Whether a tick is under way: of some workloads what is there is then of this tick, of others of the last."""
        self.onlookers: list[Learner] = []
        """Who looks at the workloads after every tick."""

    async def tick(self, *, now: float) -> None:
        """Do everything once. A fault of one object is contained and counted; the others go on."""
        self.ticking = True
        try:
            await self._work_through(tuple(self._registry), now=now)
        finally:
            self.ticking = False

    async def _work_through(self, workloads: Sequence[Workload], *, now: float) -> None:
        self._metrics.objects.set(len(workloads))
        with self._stage("total"):
            with self._stage("collect"):
                if self._successor is not None:
                    await self._successor.take_over()
                await self._collector.collect(workloads, now=now)
                await self._observer.observe(workloads, now=now)
                for learner in self._learners:
                    learner.look(workloads, now=now)
            with self._stage("estimate"):
                updating = await self._banks.update(workloads)
                started = time.perf_counter()
                each(workloads, "estimate", self._metrics, lambda w: predict(w, now=now))
                if updating:  # a tick without a bucket infers nothing, and would only flatter the rest
                    self._metrics.inference_seconds.observe(updating + time.perf_counter() - started)
            with self._stage("decide"):
                self._decide(workloads, now=now)
            if self._may_write():
                with self._stage("act"):
                    await self._actuator.act(workloads, now=now)
            if self._canaries is not None:  # no write waits for them
                await self._canaries.compare(now=now)
            if self._may_write():
                with self._stage("report"):
                    await self._reporter.report(workloads, now=now)
        self.last_tick_at = now
        self._metrics.last_tick.set(now)
        for onlooker in self.onlookers:
            onlooker.look(workloads, now=now)

    def _decide(self, workloads: Sequence[Workload], *, now: float) -> None:
        allowed, lag, pause = self._may_scale_in(), self._lag_seconds, self._pause_seconds
        took = list[tuple[float, Workload]]()

        def decide(workload: Workload) -> None:
            started = time.perf_counter()
            decide_one(workload, now=now, scale_in_allowed=allowed, lag_seconds=lag, pause_seconds=pause)
            if workload.decision is not None:
                took.append((time.perf_counter() - started, workload))

        each(workloads, "decide", self._metrics, decide)
        took.sort(key=itemgetter(0))  # the slowest last: an exemplar is kept until the next one
        for seconds, _ in took[:-1]:
            self._metrics.decision_seconds.observe(seconds)
        for seconds, workload in took[-1:]:
            exemplar = None if workload.decision is None else {"decision": id_of(workload, workload.decision)}
            self._metrics.decision_seconds.observe(seconds, exemplar)
        self._metrics.decisions.inc(len(took))

    async def run(self, *, interval_seconds: float, clock: Callable[[], float]) -> None:
        """Tick for ever on a fixed schedule; a tick that overruns is followed by the next one at once."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                await self.tick(now=clock())
            except Exception:
                log.exception("tick failed")
                self._metrics.failures.labels("tick").inc()
            due = max(due + interval_seconds, loop.time())
            await asyncio.sleep(due - loop.time())

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.tick_seconds.labels(name).observe(time.perf_counter() - started)

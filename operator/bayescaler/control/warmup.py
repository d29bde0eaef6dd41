"""Build posteriors beside the loop: read the history, replay it, take the seat. Nothing here blocks a tick."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy.freshness import closed_until
from bayescaler.policy.kernels.books import DAY, WEIGHT
from bayescaler.policy.priming import primed
from bayescaler.sources.port import LoadSource, SourceError
from bayescaler.telemetry.metrics import Metrics

from .capacities import policy_in_force
from .checkpoints import Checkpoints
from .estimate import BankPool
from .settings import Settings
from .translate import Intent
from .workload import Seat, Workload

log = logging.getLogger(__name__)
LONGEST_RETRY_SECONDS = 600.0
Floats = NDArray[np.float64]


class WarmUp:
    """A queue of workloads whose posterior is to be built, and the few workers that build them."""

    def __init__(
        self,
        source: LoadSource,
        banks: BankPool,
        settings: Settings,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._checkpoints = checkpoints
        self._source, self._banks, self._settings, self._metrics, self._clock = (
            source,
            banks,
            settings,
            metrics,
            clock,
        )
        self._queue: asyncio.Queue[tuple[Workload, float]] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._retries: dict[str, asyncio.TimerHandle] = {}

    def enqueue(self, workload: Workload, *, wait_seconds: float = 0.0) -> None:
        """Ask for a posterior; an older one of the same load goes on serving until the new one is there."""
        seat, intent = workload.seat, workload.intent
        if seat is not None and intent is not None and not seat.intent.same_meaning(intent):
            self._banks.release(seat)
            workload.seat = None
        if (retry := self._retries.pop(workload.uid, None)) is not None:
            retry.cancel()
        if workload.seat is None and workload.awaits_history_since is None:
            workload.awaits_history_since = self._clock()
        self._queue.put_nowait((workload, wait_seconds or self._settings.warmup_retry_seconds))
        self._metrics.warming.inc()

    def start(self) -> None:
        """Start the workers."""
        self._workers = [
            asyncio.create_task(self._work(), name=f"warm-up {i}") for i in range(self._settings.max_warmups_in_flight)
        ]

    async def stop(self) -> None:
        """Stop the workers and forget the retries."""
        for retry in self._retries.values():
            retry.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is queued or under way; retries that wait for their time do not count."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            workload, retry_seconds = await self._queue.get()
            try:
                await self._warm(workload)
            except SourceError as error:
                log.info(
                    "history could not be read",
                    extra={"object": workload.label, "reason": error.reason, "why": str(error)},
                )
                self._metrics.source_errors.labels(error.reason).inc()
                self._retry(workload, retry_seconds)
            except Exception:
                log.exception("warm-up failed", extra={"object": workload.label})
                self._metrics.failures.labels("warm-up").inc()
                self._retry(workload, retry_seconds)
            finally:
                self._metrics.warming.dec()
                self._queue.task_done()

    async def _warm(self, workload: Workload) -> None:
        intent = workload.intent
        if intent is None or workload.gone or (workload.seat is not None and workload.seat.intent.same_load(intent)):
            return
        step = intent.forecast.step_seconds
        now = self._clock()
        end = closed_until(now, step, self._settings.metric_lag_seconds)
        seat = await self._recalled(workload, intent, end)
        start = end - intent.history_seconds if seat is None else seat.consumed_until
        try:
            times, values = await history(self._source, intent, start=start, end=end, now=now)
            if seat is None:
                until = float(times[-1]) + step if len(times) else end
                if is_to_be_primed(workload, intent):
                    seat, issued = await self._banks.replay(intent, times, values, until=until)
                    await _prime(workload, intent, times + step, values, issued)
                else:
                    seat = await self._banks.fit(intent, times, values, until=until)
            else:
                await self._banks.catch_up(seat, times, values)
        except BaseException:
            if seat is not None and not seat.left:
                self._banks.release(seat)
            raise
        if not _wants(workload, intent):
            self._banks.release(seat)  # the object changed meanwhile: its new intent is queued too
            return
        before, workload.seat = workload.seat, seat
        workload.awaits_history_since = None
        workload.fresh.clear()
        if before is not None:
            self._banks.release(before)
        log.info("posterior built", extra={"object": workload.label, "buckets": int(np.isfinite(values).sum())})

    async def _recalled(self, workload: Workload, intent: Intent, end: float) -> Seat | None:
        """Return the posterior that was saved on a volume, if there is one, not older than the history."""
        seat = None if self._checkpoints is None else await self._checkpoints.recall(workload, intent)
        if seat is not None and not end - intent.history_seconds < seat.consumed_until <= end:
            self._banks.release(seat)
            return None
        return seat

    def _retry(self, workload: Workload, after_seconds: float) -> None:
        """Try again later, ever more rarely, unless the object is gone or asks for something else by then."""
        intent = workload.intent

        def again() -> None:
            self._retries.pop(workload.uid, None)
            if intent is not None and _wants(workload, intent):
                self.enqueue(workload, wait_seconds=min(2 * after_seconds, LONGEST_RETRY_SECONDS))

        if (older := self._retries.pop(workload.uid, None)) is not None:
            older.cancel()
        self._retries[workload.uid] = asyncio.get_running_loop().call_later(after_seconds, again)


async def history(source: LoadSource, intent: Intent, *, start: float, end: float, now: float) -> tuple[Floats, Floats]:
    """Return the buckets from `start` to the newest one with data; the rest may still come."""
    if start >= end:
        return np.empty(0), np.empty(0)
    series = await source.read(intent.query, start=start, end=end, now=now)
    filled = np.flatnonzero(np.isfinite(series.values))
    known = int(filled[-1]) + 1 if filled.size else 0
    return series.times[:known], series.values[:known]


def is_to_be_primed(workload: Workload, intent: Intent) -> bool:
    """Whether steering has a budget to hold and less than a day of its own to go by."""
    budget = intent.policy.budget
    if budget is None or math.isnan(policy_in_force(workload, intent).capacity):
        return False
    figures = workload.state.steering.figures
    return not len(figures) or figures[WEIGHT] * budget.step_seconds < DAY


async def _prime(workload: Workload, intent: Intent, ends: Floats, values: Floats, issued: Floats) -> None:
    policy = policy_in_force(workload, intent)
    ledger = await asyncio.to_thread(primed, policy, ends, values * intent.scale, issued)
    if is_to_be_primed(workload, intent):  # still: a state may have been taken up meanwhile
        workload.state = replace(workload.state, ledger=ledger)


def _wants(workload: Workload, intent: Intent) -> bool:
    """Whether the object still asks for the posterior of `intent`."""
    return not workload.gone and workload.intent is not None and workload.intent.same_load(intent)

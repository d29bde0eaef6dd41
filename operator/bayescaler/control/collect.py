"""Read what is new of every object's load, within a deadline; slow answers serve the next tick.

A bucket is read once it has been closed for the metric lag.  The posterior consumes buckets only up to the newest one
with data: a missing bucket counts as missing once something later has come, so late data is never lost.
"""

import asyncio
import math
from collections.abc import Iterable

import numpy as np

from bayescaler.policy.reasons import Health
from bayescaler.sources.port import LoadSource, Series, SourceError
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .settings import Settings
from .translate import Intent
from .workload import Seat, Workload

RECENT_BUCKETS = 5
"""How many buckets are read for the live load while no posterior is there."""


class Collector:
    """Starts one read an object that may have a new bucket, and waits for all of them up to the deadline."""

    def __init__(self, source: LoadSource, settings: Settings, metrics: Metrics) -> None:
        self._source, self._settings, self._metrics = source, settings, metrics

    async def collect(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Bring `load` and `fresh` of every workload up to date, as far as answers came in time."""
        for workload in workloads:
            if workload.reading is None and self._due(workload, now):
                workload.reading = asyncio.create_task(self._read(workload, now), name=f"read {workload.label}")
        reading = [w.reading for w in workloads if w.reading is not None]
        if reading:
            await asyncio.wait(reading, timeout=self._settings.collect_deadline_seconds)
        for workload in workloads:
            if workload.reading is not None and workload.reading.done():
                workload.reading = None
            judge(workload, now=now, lag_seconds=self._settings.metric_lag_seconds)

    def _due(self, workload: Workload, now: float) -> bool:
        if workload.intent is None:
            return False
        end = closed_until(now, workload.intent.forecast.step_seconds, self._settings.metric_lag_seconds)
        return workload.load.at is None or workload.load.at < end or workload.seat is None

    async def _read(self, workload: Workload, now: float) -> None:
        intent, seat = workload.intent, workload.seat
        assert intent is not None  # noqa: S101 - only due workloads get here, and they have one
        load = workload.load
        end = closed_until(now, intent.forecast.step_seconds, self._settings.metric_lag_seconds)
        with contained(workload, "collect", self._metrics):
            try:
                series = await self._source.read(intent.query, start=_start(intent, seat, end), end=end, now=now)
            except SourceError as error:
                self._metrics.source_errors.labels(error.reason).inc()
                load.health, load.reason, load.message = Health.FAILED, error.reason, str(error)
                return
            if workload.intent is not None and workload.intent.same_load(intent) and workload.seat is seat:
                take(workload, series)


def closed_until(now: float, step_seconds: float, lag_seconds: float) -> float:
    """End of the newest bucket that has been closed for `lag_seconds`."""
    return math.floor((now - lag_seconds) / step_seconds) * step_seconds


def _start(intent: Intent, seat: Seat | None, end: float) -> float:
    """Where to read from: the last bucket consumed, so that what stopped can be told from what never was."""
    step = intent.forecast.step_seconds
    recent = end - RECENT_BUCKETS * step
    return recent if seat is None else min(recent, max(seat.consumed_until - step, end - intent.history_seconds))


def take(workload: Workload, series: Series) -> None:
    """Take over an answer: newest load, its health, and the buckets that the posterior has yet to consume."""
    intent, load = workload.intent, workload.load
    assert intent is not None  # noqa: S101 - a series was asked for
    load.health, load.message, load.warnings = series.health, series.message, tuple(series.warnings)
    load.reason = f"Load{series.health.value}"
    filled = np.flatnonzero(np.isfinite(series.values))
    if not filled.size:
        return
    newest = int(filled[-1])
    step = intent.forecast.step_seconds
    load.value = float(series.values[newest])
    load.at = float(series.times[newest]) + step
    if workload.seat is not None:
        begin = workload.seat.consumed_until
        workload.fresh = [
            (float(t), float(v))
            for t, v in zip(series.times[: newest + 1], series.values[: newest + 1], strict=True)
            if t >= begin
        ]


def judge(workload: Workload, *, now: float, lag_seconds: float) -> None:
    """Call the load live while its newest bucket is young enough, whatever the last read said."""
    load, intent = workload.load, workload.intent
    if intent is None:
        return
    limit = 2 * intent.forecast.step_seconds + 2 * lag_seconds
    if load.at is not None and now - load.at <= limit:
        load.health = Health.LIVE
    elif load.health is Health.LIVE:
        load.health, load.reason = Health.STALE, "LoadStale"
        load.message = "no newer bucket has arrived"
    elif load.health is Health.ABSENT and load.at is not None:
        load.health, load.reason = Health.STALE, "LoadStale"

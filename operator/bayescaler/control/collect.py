"""Read what is new of every object's load, within a deadline; slow answers serve the next tick.

A bucket is read once it has been closed for the metric lag.  The posterior consumes buckets only up to the newest one
with data: a missing bucket counts as missing once something later has come, so late data is never lost.
"""

import asyncio
from collections.abc import Iterable, Sequence
from math import isfinite

from bayescaler.policy.freshness import closed_until, is_live
from bayescaler.policy.reasons import Health
from bayescaler.sources.port import LoadSource, Series, SourceError
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .settings import Settings
from .translate import Intent
from .workload import Workload

RECENT_BUCKETS = 5
"""How many buckets are read for the live load while no posterior is there."""


class Collector:
    """Starts one read an object that may have a new bucket, and waits for all of them up to the deadline."""

    def __init__(self, source: LoadSource, settings: Settings, metrics: Metrics) -> None:
        self._source, self._settings, self._metrics = source, settings, metrics

    async def collect(self, workloads: Iterable[Workload], *, now: float) -> None:
        """Bring `load` and `fresh` of every workload up to date, as far as answers came in time."""
        for workload in workloads:
            if workload.reading is None and (intent := workload.intent) is not None:
                end = closed_until(now, intent.forecast.step_seconds, self._settings.metric_lag_seconds)
                if _due(workload, end):
                    read = self._read(workload, intent, end, now)
                    workload.reading = asyncio.create_task(read, name=f"read {workload.label}")
        reading = [w.reading for w in workloads if w.reading is not None]
        if reading:
            await self._answers(reading)
        for workload in workloads:
            if workload.reading is not None and workload.reading.done():
                workload.reading = None
            judge(workload, now=now, lag_seconds=self._settings.metric_lag_seconds)

    async def _answers(self, reading: Sequence["asyncio.Task[None]"]) -> None:
        await asyncio.wait(reading, timeout=self._settings.collect_deadline_seconds)

    async def _read(self, workload: Workload, intent: Intent, end: float, now: float) -> None:
        load, seat = workload.load, workload.seat
        with contained(workload, "collect", self._metrics):
            for _ in range(2):  # after a silence the newest buckets tell that there is more to catch up with
                try:
                    series = await self._source.read(
                        intent.query, start=_start(workload, intent, end), end=end, now=now
                    )
                except SourceError as error:
                    self._metrics.source_errors.labels(error.reason).inc()
                    load.health, load.reason, load.message = Health.FAILED, error.reason, str(error)
                    load.trouble_since = now if load.trouble_since is None else load.trouble_since
                    return
                if workload.intent is None or not workload.intent.same_load(intent) or workload.seat is not seat:
                    return
                take(workload, series, now=now)
                if not load.behind:
                    return


def _due(workload: Workload, end: float) -> bool:
    """Whether there may be a bucket up to `end` that was not read yet."""
    return workload.load.at != end or workload.load.behind or workload.seat is None


def _start(workload: Workload, intent: Intent, end: float) -> float:
    """Where to read from: the last bucket consumed, so that what stopped can be told from what never was.

    While nothing comes only the newest buckets are asked for; the rest is caught up when something came.
    """
    seat, load = workload.seat, workload.load
    recent = end - RECENT_BUCKETS * intent.forecast.step_seconds
    silent = load.health in (Health.STALE, Health.ABSENT) and load.at is not None and not load.behind
    if seat is None or silent:
        return recent
    return min(recent, max(seat.consumed_until - intent.forecast.step_seconds, end - intent.history_seconds))


def take(workload: Workload, series: Series, *, now: float) -> None:
    """Take over an answer: newest load, its health, and the buckets that the posterior has yet to consume."""
    intent, load, seat = workload.intent, workload.load, workload.seat
    assert intent is not None  # noqa: S101 - a series was asked for
    load.health, load.message, load.warnings = series.health, series.message, tuple(series.warnings)
    load.reason = f"Load{series.health}"
    if series.health is not Health.IMPLAUSIBLE:
        load.trouble_since = None
    elif load.trouble_since is None:
        load.trouble_since = now
    buckets = list(zip(series.times.tolist(), series.values.tolist(), strict=True))
    while buckets and not isfinite(buckets[-1][1]):
        buckets.pop()
    if not buckets:
        return
    at, newest = buckets[-1]
    load.value, load.at = newest * intent.scale, at + intent.forecast.step_seconds
    if intent.learn is not None:
        for start, value in buckets:
            if isfinite(value):
                workload.serving.heard(start, value * intent.scale)
    if seat is None:
        return
    reached = max(seat.consumed_until, closed_until(now, 1.0, intent.history_seconds))
    load.behind = buckets[0][0] > reached
    if not load.behind:
        workload.fresh = [bucket for bucket in buckets if bucket[0] >= seat.consumed_until]


def judge(workload: Workload, *, now: float, lag_seconds: float) -> None:
    """Call the load live while its newest bucket is young enough and reads have not failed for `fallback.after`."""
    load, intent = workload.load, workload.intent
    if intent is None:
        return
    step = intent.forecast.step_seconds
    load.complete = load.at == closed_until(now, step, lag_seconds)
    young = load.at is not None and is_live(now - load.at, step, lag_seconds)
    in_time = load.trouble_since is None or now - load.trouble_since < intent.policy.fallback.after_seconds
    if young and in_time:
        load.health = Health.LIVE
    elif load.health is Health.LIVE or (load.health is Health.ABSENT and load.at is not None):
        load.health, load.reason = Health.STALE, "LoadStale"
        load.message = "no newer bucket has arrived"

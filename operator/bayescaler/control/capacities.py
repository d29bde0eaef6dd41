"""Learn what one replica serves: utilisation read beside the tick, on the grid of the load, and what follows from it.

A bucket is learned from when load and utilisation of it are there and, from well before its start to its end, hardly a
pod was starting nor the number of ready ones changed. Ready replicas of the past are not known, so nothing is learned
from history. A workload whose replicas nobody can count ready (kinds known by /scale alone) teaches nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from bayescaler.policy import Outlook, Policy
from bayescaler.policy.capacity import Capacity, CapacityTerms, learned_capacity, refused
from bayescaler.policy.explain import amount, percent, span
from bayescaler.policy.freshness import closed_until, is_live
from bayescaler.policy.lead_time import LONGEST_SECONDS
from bayescaler.policy.reasons import CapacitySource, Health
from bayescaler.sources.port import LoadSource, Series, SourceError
from bayescaler.sources.rate_window import rate_window_seconds
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .jobs import Jobs
from .learned import Serving
from .settings import Settings
from .translate import Intent, Learn
from .workload import Workload

SHORTEST_SETTLING_SECONDS = 60.0
"""How long replicas must have been the same before a bucket: starting pods warm up, and rates look back."""
RELAXED_SECONDS = 60.0
"""Time between two reads of a utilisation that nothing is sized by."""
RECENT_BUCKETS = 5
MOVED = 0.01
"""Relative change of the capacity that is taken over."""


class Capacities:
    """Reads utilisations and keeps each workload's capacity; `source` should share no queue with that of the loads."""

    def __init__(self, source: LoadSource, settings: Settings, metrics: Metrics) -> None:
        self._source, self._settings, self._metrics = source, settings, metrics
        self._jobs = Jobs(max(1, settings.max_queries_in_flight // 4))
        self.stop, self.idle = self._jobs.stop, self._jobs.idle

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Take in what is ready, and begin what is due, without waiting."""
        for workload in workloads:
            if workload.intent is None or workload.intent.learn is None:
                continue
            with contained(workload, "capacity", self._metrics):
                self._look_at(workload, workload.intent, workload.intent.learn, now)

    def _look_at(self, workload: Workload, intent: Intent, learn: Learn, now: float) -> None:
        serving, target = workload.serving, workload.target
        if target is None or target.ready_replicas is None:
            serving.looks = []
        else:
            ready = target.ready_replicas
            serving.looked(ready, max(target.replicas, target.pods or 0) - ready, now=now)
        if serving.rollouts != workload.starts.rollouts:
            serving.rollouts, serving.looks = workload.starts.rollouts, []
            serving.evidence = serving.evidence.rolled_out(learn.terms)
            serving.capacity = None
        step = intent.forecast.step_seconds
        end = closed_until(now, step, self._settings.metric_lag_seconds)
        relaxed = 0.0 if math.isnan(policy_in_force(workload, intent).capacity) else RELAXED_SECONDS
        if serving.reading is None and end >= serving.read_until + max(step, relaxed):
            work = self._read(workload, intent, learn, end, now)
            serving.reading = self._jobs.begin(work, f"use {workload.label}")

    async def _read(self, workload: Workload, intent: Intent, learn: Learn, end: float, now: float) -> None:
        serving, step = workload.serving, intent.forecast.step_seconds
        start = max(end - max(RECENT_BUCKETS * step, 2 * RELAXED_SECONDS), min(serving.fed_until, end - step))
        try:
            with contained(workload, "capacity", self._metrics):
                try:
                    async with self._jobs.seats:
                        series = await self._source.read(learn.utilization, start=start, end=end, now=now)
                except SourceError as error:
                    self._metrics.source_errors.labels(error.reason).inc()
                    serving.problem = str(error)
                    return
                if workload.serving is serving:
                    take(serving, series, intent, learn)
        finally:
            serving.reading, serving.read_until = None, end


def take(serving: Serving, series: Series, intent: Intent, learn: Learn) -> None:
    """Learn from the buckets whose load, utilisation and replicas are known, each once."""
    step, terms = intent.forecast.step_seconds, learn.terms
    serving.problem = "" if series.health is Health.LIVE else f"{series.health.lower()}: {series.message}"
    settling = max(SHORTEST_SETTLING_SECONDS, rate_window_seconds(learn.utilization.query) or 0.0)
    before = serving.evidence
    for at, used in zip(series.times.tolist(), series.values.tolist(), strict=True):
        if math.isnan(used):
            continue
        load, ready = serving.loads.get(at), serving.ready_during(at, at + step, settling_seconds=settling)
        if used == 0.0 and load:
            serving.refused = refused(load, used, target=terms.target) or ""
            continue
        if serving.utilization_at is None or at + step >= serving.utilization_at:
            serving.utilization, serving.utilization_at = used, at + step
        if at < serving.fed_until or load is None or not ready:
            continue
        serving.fed_until = at + step
        serving.refused = refused(load / ready, used, target=terms.target) or ""
        if not serving.refused:
            serving.evidence = serving.evidence.seen(load / ready, used, terms, step_seconds=step)
    if serving.evidence is not before:
        serving.capacity = None


def capacity_of(workload: Workload, intent: Intent) -> Capacity:
    """Return what one replica is taken to serve, and where that is from."""
    serving, learn = workload.serving, intent.learn
    if learn is None:
        return Capacity(intent.policy.capacity, intent.policy.capacity, CapacitySource.FIXED)
    if serving.capacity is None:
        serving.capacity = learned_capacity(serving.evidence, learn.terms)
    return serving.capacity


def policy_in_force(workload: Workload, intent: Intent) -> Policy:
    """Return the policy with the capacity in force; made anew only when that has moved, as a policy precomputes."""
    said, serving, learn = intent.policy, workload.serving, intent.learn
    if learn is None:
        return said
    known = capacity_of(workload, intent)
    low = math.nan if known.low is None else known.low
    if serving.in_force is None or _moved(serving.in_force, low):
        serving.in_force, serving.policy = low, None
    if serving.policy is None or serving.policy[0] is not said:
        told = _told(known, learn.terms, said.unit)
        serving.policy = (said, replace(said, capacity=serving.in_force, capacity_told=told))
    return serving.policy[1]


class Assumed(NamedTuple):
    """What a decision goes by where the capacity is learned."""

    policy: Policy
    outlook: Outlook | None
    utilization: float | None
    utilization_message: str


def assumed(workload: Workload, intent: Intent, *, now: float, lag_seconds: float) -> Assumed:
    """Return what to decide by: without a known capacity no forecast, but the utilisation that it is learned from."""
    policy, learn, serving = policy_in_force(workload, intent), intent.learn, workload.serving
    if learn is None or not math.isnan(policy.capacity):
        return Assumed(policy, workload.outlook, workload.utilization, workload.utilization_message)
    at, used = serving.utilization_at, serving.utilization
    young = at is not None and is_live(now - at, intent.forecast.step_seconds, lag_seconds)
    ready = workload.target is not None and workload.target.ready_replicas != 0
    if used is not None and young and ready:
        steered = replace(policy, fallback=replace(policy.fallback, target_utilization=learn.terms.target))
        return Assumed(steered, None, used, "")
    if workload.utilization is not None:
        return Assumed(policy, None, workload.utilization, "")
    why = serving.problem or ("it is old" if used is not None else "not read yet") if ready else "no replica is ready"
    return Assumed(policy, None, None, why)


def learning_problems(workload: Workload) -> list[str]:
    """Say what keeps lead time or capacity from being learned."""
    starts, told = workload.starts, []
    if starts.problem:
        told.append(f"lead time is not learned: {starts.problem}")
    if starts.beyond:
        told.append(f"lead time is cut short: {starts.beyond}")
    elif starts.p90_seconds is not None and starts.p90_seconds >= LONGEST_SECONDS:
        told.append(f"lead time is cut short: pods that take longer than {span(LONGEST_SECONDS)} count as that")
    if workload.serving.problem:
        told.append(f"capacity is not learned: utilizationQuery: {workload.serving.problem}")
    elif workload.serving.refused:
        told.append(f"capacity is not learned at the moment: {workload.serving.refused}")
    return told


def _moved(before: float, after: float) -> bool:
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) is not math.isnan(after)
    return abs(after - before) > MOVED * before


def _told(known: Capacity, terms: CapacityTerms, unit: str) -> str:
    """Say where the number comes from that stands before it."""
    if known.per_replica is None:
        return known.why
    guess = f"{amount(known.per_replica, unit)} at {percent(terms.target)} utilisation at best guess"
    return (
        f"{guess}, {known.source.lower()}: {known.why}"
        if known.source is CapacitySource.PRIOR
        else f"{guess}, {known.why}"
    )

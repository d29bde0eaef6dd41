"""What has been of late: the last hour of every object in numbers, and its last decisions that differ."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

import numpy as np

from bayescaler.control.containment import contained
from bayescaler.control.translate import Intent
from bayescaler.control.workload import Workload
from bayescaler.policy import Decision
from bayescaler.policy.reasons import Health
from bayescaler.telemetry.metrics import Metrics

MOST_POINTS = 240
"""Ticks and loads kept of an object: an hour of ticks."""
MOST_DECISIONS = 20
FIRST_PLACES = 16


class Ring:
    """The last rows of numbers by time, oldest first."""

    def __init__(self, columns: int, most: int = MOST_POINTS) -> None:
        self._rows, self._count, self._most = np.empty((FIRST_PLACES, 1 + columns)), 0, most

    def __len__(self) -> int:
        return min(self._count, self._most)

    def add(self, at: float, *values: float) -> None:
        """Put in a row; the oldest falls out where there are too many."""
        if self._count == len(self._rows) < self._most:
            self._rows = np.resize(self._rows, (min(4 * self._count, self._most), self._rows.shape[1]))
        self._rows[self._count % self._most] = at, *values
        self._count += 1

    @property
    def last_at(self) -> float | None:
        """The time of the newest row."""
        return float(self._rows[(self._count - 1) % self._most, 0]) if self._count else None

    def rows(self) -> list[list[float | None]]:
        """Return all rows, oldest first, as [time, value, ...]; what is no number is None."""
        order = [(self._count - len(self) + i) % self._most for i in range(len(self))]
        return [[at, *map(told, values)] for at, *values in self._rows[order].tolist()]


@dataclass(frozen=True, slots=True)
class Past:
    """One decision as it was told."""

    at: float
    current: int
    final: int
    limiter: str
    rung: str
    phase: str
    load: float | None
    message: str


@dataclass(slots=True)
class Trace:
    """What is remembered of one object: loads (at the end of their bucket) and ticks.

    A tick is: load that the ready replicas serve, load expected at the promised quantile within the lead, replicas,
    ready replicas, replicas wanted.
    """

    intent: Intent | None = None
    loads: Ring = field(default_factory=lambda: Ring(1))
    ticks: Ring = field(default_factory=lambda: Ring(5))
    decisions: deque[Past] = field(default_factory=lambda: deque(maxlen=MOST_DECISIONS))
    said: tuple[Any, ...] = ()


class Memory:
    """Looks on after every tick; objects that are gone are forgotten."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._traces: dict[str, Trace] = {}

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Take in what the tick has left on the workloads."""
        self._traces = {w.uid: self._traces.get(w.uid) or Trace() for w in workloads}
        for workload in workloads:
            with contained(workload, "console", self._metrics):
                _take(self._traces[workload.uid], workload, now)

    def of(self, workload: Workload) -> Trace:
        """Return what is remembered of an object."""
        return self._traces.get(workload.uid) or Trace()


def _take(trace: Trace, workload: Workload, now: float) -> None:
    load, target, decision, intent = workload.load, workload.target, workload.decision, workload.intent
    if intent is not None and trace.intent is not intent:
        if trace.intent is not None and not trace.intent.same_meaning(intent):
            trace.loads, trace.ticks = Ring(1), Ring(5)
        trace.intent = intent
    if load.health is Health.LIVE and load.value is not None and load.at is not None and load.at != trace.loads.last_at:
        trace.loads.add(load.at, load.value)
    if target is None or intent is None or decision is None:
        return
    ready = target.replicas if target.ready_replicas is None else target.ready_replicas
    lead = None if workload.outlook is None else workload.outlook.lead
    expected = nan if lead is None else lead.quantile(intent.policy.promised)
    trace.ticks.add(now, ready * decision.case.policy.capacity, expected, target.replicas, ready, decision.final)
    _note(trace, decision)


def _note(trace: Trace, decision: Decision) -> None:
    said = (decision.final, decision.limiter, decision.rung, decision.phase, decision.current)
    if said == trace.said:
        return
    trace.said = said
    trace.decisions.append(
        Past(
            decision.at,
            decision.current,
            decision.final,
            str(decision.limiter),
            str(decision.rung),
            str(decision.phase),
            decision.load,
            decision.message,
        )
    )


def told(value: float | None) -> float | None:
    """Return a number in five digits, as JSON has it; None for none."""
    return float(f"{value:.5g}") if value is not None and isfinite(value) else None

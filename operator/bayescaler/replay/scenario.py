"""What is replayed: a load, the pods that serve it, and who knows what when.

Information is honest and the same for every policy: a bucket of load is known `lag_seconds` after its end, one's own
replicas at once. A bucket that was not measured is absent to the policies (NaN), while the load goes on as it was.
"""

from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, gcd
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import service
from .startup import StartUp, constant

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_TICKS = 1000  # of a second: the finest grid
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Scenario:
    """One workload to be replayed.

    loads: (m,) rate in each bucket of `step_seconds`, NaN = not measured; the first begins at `start` (epoch seconds).
    capacity: the rate one ready pod serves. Decisions are taken every `interval_seconds`, the first at `start`.
    start_replicas: what runs then, by default enough for the first load. The first `learned_buckets` (default half)
    are only learned from; what comes after is judged. seed: of the start-up times.
    """

    loads: Floats
    step_seconds: float
    capacity: float
    start: float = 0.0
    lag_seconds: float = 15.0
    interval_seconds: float = 15.0
    min_replicas: int = 1
    max_replicas: int = 1000
    start_up: StartUp = field(default_factory=lambda: constant(60.0))
    start_replicas: int | None = None
    learned_buckets: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        loads = np.asarray(self.loads, dtype=np.float64)
        object.__setattr__(self, "loads", loads)
        if loads.ndim != 1 or not np.isfinite(loads).any():
            raise ValueError(f"scenario: loads of shape {loads.shape} hold no load; give one measured bucket or more")
        if np.nanmin(loads) < 0 or np.isinf(loads).any():
            raise ValueError(
                "scenario: loads hold negative or infinite values; give rates >= 0, NaN where none is known"
            )
        if not (self.step_seconds > 0 and self.interval_seconds > 0 and self.lag_seconds >= 0 and self.capacity > 0):
            raise ValueError(
                f"scenario: step {self.step_seconds}, interval {self.interval_seconds} and capacity {self.capacity} "
                f"must be above 0, lag {self.lag_seconds} not below"
            )
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise ValueError(
                f"scenario: replicas {self.min_replicas}..{self.max_replicas} are no range; "
                "give 0 <= min_replicas <= max_replicas and max_replicas >= 1"
            )
        if not 0 <= self.learned < len(loads):
            raise ValueError(f"scenario: of {len(loads)} buckets {self.learned} are learned from; leave one to judge")

    @property
    def learned(self) -> int:
        """Buckets that are only learned from."""
        return len(self.loads) // 2 if self.learned_buckets is None else self.learned_buckets

    @cached_property
    def instants(self) -> Floats:
        """Seconds from the start to each decision, shape (n,)."""
        seconds = len(self.loads) * self.step_seconds
        return np.asarray(np.arange(ceil(seconds / self.interval_seconds - _ROUNDING)) * self.interval_seconds)

    @cached_property
    def known(self) -> Integers:
        """How many buckets are known at each decision, shape (n,)."""
        closed = np.floor((self.instants - self.lag_seconds) / self.step_seconds + _ROUNDING)
        return np.clip(closed, 0, len(self.loads)).astype(np.int64)

    @cached_property
    def seen(self) -> Floats:
        """The newest known bucket's load at each decision, NaN if it was not measured or none is known; shape (n,)."""
        return np.where(self.known > 0, self.loads[self.known - 1], np.nan)

    @cached_property
    def first_replicas(self) -> int:
        """What runs at the first decision."""
        if self.start_replicas is not None:
            return self.start_replicas
        return min(max(ceil(float(self.arrivals[0]) / self.capacity), self.min_replicas), self.max_replicas)

    @cached_property
    def grid_seconds(self) -> float:
        """The step of the service: the longest of which buckets and decisions are whole multiples."""
        return gcd(round(self.step_seconds * _TICKS), round(self.interval_seconds * _TICKS)) / _TICKS

    @cached_property
    def arrivals(self) -> Floats:
        """Load (rate) at each step of the service, shape (g,); unmeasured load is as the one before."""
        loads = self.loads
        measured = np.flatnonzero(~np.isnan(loads))
        places = np.searchsorted(measured, np.arange(len(loads)), side="right") - 1
        held = loads[measured[np.maximum(places, 0)]]
        return np.repeat(held, round(self.step_seconds / self.grid_seconds))

    @property
    def first_judged(self) -> int:
        """The first step of the service that is judged."""
        return self.learned * round(self.step_seconds / self.grid_seconds)

    @property
    def judged_times(self) -> Floats:
        """Epoch seconds of each judged step of the service."""
        return np.asarray(self.start + np.arange(self.first_judged, len(self.arrivals)) * self.grid_seconds)

    def fleet(self) -> tuple[Integers, Integers, Integers]:
        """Return what a compiled loop needs to keep pods at the decisions: start-up steps, counts, places."""
        startups = self.start_up.steps(self.interval_seconds, seed=self.seed)
        most = max(self.max_replicas, self.first_replicas)
        return startups, np.zeros(4, dtype=np.int64), np.empty(most + 1, dtype=np.int64)

    def play(self, desired: Integers) -> service.Played:
        """Play one policy's replicas, (n,) one a decision, over the judged part.

        The pods wanted when it begins are ready then.
        """
        if np.shape(desired) != self.instants.shape:
            raise ValueError(
                f"scenario: replicas of shape {np.shape(desired)} for {len(self.instants)} decisions; give one each"
            )
        held = np.repeat(desired, round(self.interval_seconds / self.grid_seconds))
        judged = slice(self.first_judged, len(self.arrivals))
        return service.play(
            self.arrivals[judged],
            held[judged],
            capacity=self.capacity,
            startup_steps=self.start_up.steps(self.grid_seconds, seed=self.seed),
            step_seconds=self.grid_seconds,
        )


class Baseline(Protocol):
    """A policy to compare with: what it would have wanted at each decision, from what was known by then."""

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the desired replicas at each decision, shape (n,)."""

"""A service under a load: what a timeline of desired replicas would have cost and missed.

Pods are paid for from the moment they are asked for and serve once their start-up is over. Scale-in takes the pods
that are not ready first, newest first, and then ready ones, at once. Load above what the ready pods serve is lost;
`queueing` keeps it waiting instead.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .kernels.fleet import ready_pods

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a played timeline came to. Shares are of the time and of the load; a reversal is a change of
    replicas in the other direction than the change before.
    """

    seconds: float
    violating_seconds: float
    unserved_share: float
    pod_hours: float
    scale_events: int
    reversals: int
    at_max_seconds: float = 0.0

    @property
    def violating_share(self) -> float:
        """Share of the time in which load exceeded what the ready pods serve."""
        return self.violating_seconds / self.seconds


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A timeline as it was played: load (rate), pods paid for and pods serving at each step, shapes (n,)."""

    load: Floats
    replicas: Integers
    ready: Integers
    capacity: float
    step_seconds: float

    @property
    def short(self) -> Floats:
        """Load (rate) above what the ready pods serve, 0 where they serve all."""
        served = self.ready * self.capacity
        return np.where(self.load > served, self.load - served, 0.0)

    def outcome(self, *, max_replicas: int | None = None) -> Outcome:
        """Return what it came to; time at `max_replicas` counts if it is given."""
        return outcome(
            self.load,
            self.replicas,
            self.ready,
            capacity=self.capacity,
            step_seconds=self.step_seconds,
            max_replicas=max_replicas,
        )


def ready(desired: ArrayLike, startup_steps: ArrayLike) -> Integers:
    """Return the ready pods at each step; the pods of the first step are ready from the start.

    `startup_steps` is one number for every pod, or what the k-th pod born takes, over and over, shape (k,).
    """
    wanted = _timeline(desired)
    startups = np.atleast_1d(np.asarray(startup_steps, dtype=np.int64))
    if startups.ndim != 1 or not startups.size or startups.min() < 0:
        raise ValueError(f"play: start-up of {startups} steps; give one number of steps >= 0, or one a pod")
    out, due = np.empty_like(wanted), np.empty(int(wanted.max()) + 1, dtype=np.int64)
    ready_pods(wanted, startups, np.zeros(4, dtype=np.int64), due, out)
    return out


def play(
    load: ArrayLike, desired: ArrayLike, *, capacity: float, startup_steps: ArrayLike, step_seconds: float
) -> Played:
    """Play `desired` replicas (whole pods) against `load` (rate), one value a step of `step_seconds`.

    `capacity` is the rate one ready pod serves, `startup_steps` as in `ready`. Raises ValueError on arrays of
    different length, empty ones, gaps in the load, or counts that are no whole pods.
    """
    demand = np.asarray(load, dtype=np.float64)
    wanted = _timeline(desired)
    if demand.shape != wanted.shape:
        raise ValueError(f"play: load has shape {demand.shape}, desired {wanted.shape}; give one of each a step")
    if not np.all(np.isfinite(demand)) or np.any(demand < 0):
        raise ValueError("play: load holds gaps or negative values; fill or cut them before")
    if not (capacity > 0 and step_seconds > 0):
        raise ValueError(f"play: capacity {capacity} and step {step_seconds} s must be above 0")
    return Played(demand, wanted, ready(wanted, startup_steps), capacity, step_seconds)


def outcome(
    load: ArrayLike,
    replicas: ArrayLike,
    ready_pods: ArrayLike,
    *,
    capacity: float,
    step_seconds: float,
    max_replicas: int | None = None,
) -> Outcome:
    """Judge a fleet as it was seen at each step: `replicas` paid for, `ready_pods` serving, against `load` (rate)."""
    demand, paid, serving = np.asarray(load, dtype=np.float64), _timeline(replicas), _timeline(ready_pods)
    served = serving * capacity
    violating = demand > served
    total = float(demand.sum())
    moves = np.diff(paid)
    directions = np.sign(moves[moves != 0])
    return Outcome(
        seconds=len(demand) * step_seconds,
        violating_seconds=int(violating.sum()) * step_seconds,
        unserved_share=float((demand - served)[violating].sum()) / total if total > 0 else 0.0,
        pod_hours=float(paid.sum()) * step_seconds / HOUR_SECONDS,
        scale_events=len(directions),
        reversals=int(np.count_nonzero(directions[1:] != directions[:-1])),
        at_max_seconds=0.0 if max_replicas is None else int((paid >= max_replicas).sum()) * step_seconds,
    )


def _timeline(desired: ArrayLike) -> Integers:
    counts = np.asarray(desired)
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(f"play: desired has shape {counts.shape}; give one count a step, at least one")
    whole = counts.dtype.kind in "iu" or bool(np.all(np.isfinite(counts) & (counts == np.floor(counts))))
    if not whole or np.any(counts < 0):
        raise ValueError("play: desired holds values that are no whole pods >= 0")
    return counts.astype(np.int64, copy=False)

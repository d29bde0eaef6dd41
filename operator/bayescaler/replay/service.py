"""A service under a load: what a timeline of desired replicas would have cost and missed.

Pods are paid for from the moment they are asked for and serve after `startup`. Scale-in takes the pods that
are not ready first, newest first, and then ready ones, at once. So the ready pods are those that were wanted
all through the last start-up: the minimum of desired over it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray


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

    @property
    def violating_share(self) -> float:
        """Share of the time in which load exceeded what the ready pods serve."""
        return self.violating_seconds / self.seconds


def ready(desired: ArrayLike, startup_steps: int) -> NDArray[np.int64]:
    """Return the ready pods at each step; the pods of the first step are ready from the start."""
    wanted = _timeline(desired)
    if startup_steps < 0:
        raise ValueError(f"play: start-up of {startup_steps} steps ends before it begins; give 0 or more")
    if startup_steps == 0:
        return wanted
    warm = np.concatenate([np.full(startup_steps, wanted[0]), wanted])
    held: NDArray[np.int64] = sliding_window_view(warm, startup_steps + 1).min(axis=1)
    return held


def play(load: ArrayLike, desired: ArrayLike, *, capacity: float, startup_steps: int, step_seconds: float) -> Outcome:
    """Play `desired` replicas (whole pods) against `load` (rate), one value a step of `step_seconds`.

    `capacity` is the rate one ready pod serves. Raises ValueError on arrays of different length, empty ones,
    gaps in the load, or counts that are no whole pods.
    """
    demand = np.asarray(load, dtype=np.float64)
    wanted = _timeline(desired)
    if demand.shape != wanted.shape:
        raise ValueError(f"play: load has shape {demand.shape}, desired {wanted.shape}; give one of each a step")
    if not np.all(np.isfinite(demand)) or np.any(demand < 0):
        raise ValueError("play: load holds gaps or negative values; fill or cut them before")
    if not (capacity > 0 and step_seconds > 0):
        raise ValueError(f"play: capacity {capacity} and step {step_seconds} s must be above 0")
    return outcome(demand, wanted, ready(wanted, startup_steps), capacity=capacity, step_seconds=step_seconds)


def outcome(
    load: ArrayLike, replicas: ArrayLike, ready_pods: ArrayLike, *, capacity: float, step_seconds: float
) -> Outcome:
    """Judge a fleet as it was seen at each step: `replicas` paid for, `ready_pods` serving, against `load` (rate)."""
    demand, paid, serving = np.asarray(load, dtype=np.float64), _timeline(replicas), _timeline(ready_pods)
    short = demand - serving * capacity
    violating = short > 0
    total = float(demand.sum())
    moves = np.diff(paid)
    directions = np.sign(moves[moves != 0])
    return Outcome(
        seconds=len(demand) * step_seconds,
        violating_seconds=int(violating.sum()) * step_seconds,
        unserved_share=float(short[violating].sum()) / total if total > 0 else 0.0,
        pod_hours=float(paid.sum()) * step_seconds / 3600.0,
        scale_events=len(directions),
        reversals=int(np.count_nonzero(directions[1:] != directions[:-1])),
    )


def _timeline(desired: ArrayLike) -> NDArray[np.int64]:
    counts = np.asarray(desired, dtype=np.float64)
    if counts.ndim != 1 or counts.size == 0:
        raise ValueError(f"play: desired has shape {counts.shape}; give one count a step, at least one")
    if not np.all(np.isfinite(counts)) or np.any(counts < 0) or np.any(counts != np.floor(counts)):
        raise ValueError("play: desired holds values that are no whole pods >= 0")
    return counts.astype(np.int64)

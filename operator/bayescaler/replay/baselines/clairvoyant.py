"""The cheapest plan of one who knows the future: what no policy can beat.

Without a lead, pods are ready as they are asked for: a lower bound for every policy (play it with a start-up of 0).
With a lead, they take their start-up like everyone's, and must be asked for before: the least that never being short
can cost. Start-up times that are drawn are taken at their median, which makes it a yardstick and no bound.

With a budget, that share of the judged time may be short. Without a lead the plan is then exactly the cheapest: the
dearest moments are left out. With one it leaves out whole peaks, the start-up before them included, by the gain per
time short; close to the cheapest, not proven to be.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bayescaler.replay.kernels.plan import grow, prune
from bayescaler.replay.scenario import Floats, Integers, Scenario
from bayescaler.replay.startup import whole_steps

_NEVER = 1e12  # steps of the budget: what is only learned from may not be short
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Clairvoyant:
    """Knows every load; `budget` is the share of the judged time that may be short."""

    lead: bool = True
    budget: float = 0.0

    def replicas(self, scenario: Scenario) -> Integers:
        """Return the replicas at each decision, shape (n,)."""
        need = pods_needed(scenario)
        steps = int(whole_steps(scenario.start_up.quantile(0.5), scenario.grid_seconds)) if self.lead else 0
        weights = np.ones(len(need))
        weights[: scenario.first_judged] = _NEVER
        allowed = int(self.budget * (len(need) - scenario.first_judged) + 1e-9)
        if allowed > 0:
            if steps > 0:
                need = spare_peaks(need, weights, allowed, steps, scenario.min_replicas)
            else:
                need = spare_moments(need, weights, allowed, scenario.min_replicas)
        wanted = _ahead(need, steps)
        held = round(scenario.interval_seconds / scenario.grid_seconds)
        padded = np.full(len(scenario.instants) * held, scenario.min_replicas, dtype=np.int64)
        padded[: len(wanted)] = wanted
        return np.asarray(padded.reshape(-1, held).max(axis=1))


def pods_needed(scenario: Scenario) -> Integers:
    """Return the fewest pods, within the limits, that serve each step of the service; shape (g,)."""
    need = np.ceil(scenario.arrivals / scenario.capacity - 1e-9)
    # Rounding may leave a load a hair above what the pods serve.
    need += scenario.arrivals > need * scenario.capacity
    return np.clip(need, scenario.min_replicas, scenario.max_replicas).astype(np.int64)


def spare_moments(need: Integers, weights: Floats, allowed: int, floor: int) -> Integers:
    """Return `need` with the `allowed` dearest steps at the floor."""
    judged = np.where(weights < _NEVER, need, -1)
    dearest = np.argsort(-judged, kind="stable")[:allowed]
    spared = need.copy()
    spared[dearest] = floor
    return spared


def spare_peaks(need: Integers, weights: Floats, allowed: int, lead: int, floor: int) -> Integers:
    """Return `need` without the peaks that cost most per step short, at most `allowed` steps."""
    count = len(need)
    closed = _behind(_ahead(need, lead), lead)
    stack, levels, begins, ends, parents, bases, order = (np.empty(count + 1, dtype=np.int64) for _ in range(7))
    savings, times, saved, short, best = (np.empty(count + 1) for _ in range(5))
    nodes = grow(need, closed, weights, floor, lead, stack, levels, begins, ends, parents, bases, savings, times, order)
    dropped = np.empty(count + 1, dtype=np.bool_)

    def left_out(price: float) -> tuple[float, Integers]:
        spent = prune(price, nodes, parents, savings, times, order, saved, short, best, dropped)
        return spent, np.flatnonzero(dropped[:nodes])

    low, high = 0.0, float(savings[:nodes].sum()) + 1.0
    for _ in range(_HALVINGS):
        price = 0.5 * (low + high)
        low, high = (price, high) if left_out(price)[0] > allowed else (low, price)
    spent, peaks = left_out(high)
    spared = need.copy()
    for node in peaks:
        _lower(spared, slice(begins[node], ends[node]), bases[node])
    # What is left of the budget goes to the peaks next in worth, the last of them begun late.
    left = int(allowed - spent)
    for node in reversed(left_out(low)[1]):
        stretch = slice(begins[node], ends[node])
        missed = (need[stretch] > bases[node]) & (spared[stretch] > bases[node])
        if left <= 0 or not missed.any() or (weights[stretch][missed] >= _NEVER).any():
            continue
        newly = np.cumsum(missed & (spared[stretch] == need[stretch]))
        until = int(np.searchsorted(newly, left, side="right"))
        _lower(spared, slice(begins[node], begins[node] + until), bases[node])
        left -= int(newly[until - 1]) if until else 0
    return spared


def _lower(counts: Integers, stretch: slice, level: int) -> None:
    counts[stretch] = np.minimum(counts[stretch], level)


def _ahead(counts: Integers, steps: int) -> Integers:
    """Return the largest of each count and the `steps` that follow it."""
    padded = np.concatenate([counts, np.full(steps, counts[-1])])
    return np.asarray(sliding_window_view(padded, steps + 1).max(axis=1))


def _behind(counts: Integers, steps: int) -> Integers:
    """Return the smallest of each count and the `steps` before it."""
    padded = np.concatenate([np.full(steps, counts[0]), counts])
    return np.asarray(sliding_window_view(padded, steps + 1).min(axis=1))

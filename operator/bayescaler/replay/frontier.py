"""What a policy can be tuned to: its knob swept, cost against time short, and two of them compared where it is fair.

One operating point each says nothing: less time short for more pods is a move along the same curve. So policies are
compared at equal time short, or at equal cost, each at the best of its knob in hindsight.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .baselines.clairvoyant import Clairvoyant
from .judgement import Interval, by_day, draws, spread
from .scenario import Integers, Scenario
from .service import Outcome

Floats = NDArray[np.float64]

LEVELS = (0.05, 0.02, 0.01, 0.005)  # shares of time short at which costs are compared
_SMALLEST = 1e-6  # of the time: where the logarithm of a share begins


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """One policy at each setting of its knob. Shapes (k,); by local day (days, k), `seconds` (days,)."""

    name: str
    knobs: tuple[float, ...]
    outcomes: tuple[Outcome, ...]
    seconds: Floats
    violating_seconds: Floats
    pod_hours: Floats

    @property
    def violating(self) -> Floats:
        """Share of the time short."""
        return np.asarray(self.violating_seconds.sum(axis=0) / self.seconds.sum())

    @property
    def cost(self) -> Floats:
        """Pod-hours."""
        return np.asarray(self.pod_hours.sum(axis=0))

    def cheapest(self, level: float) -> int | None:
        """Return the place of the cheapest knob that is short at most this share of the time, None if none is."""
        held = np.flatnonzero(self.violating <= level)
        return int(held[np.argmin(self.cost[held])]) if len(held) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies at the same share of time short, in pod-hours; NaN where one cannot be brought there.

    ratio: ours over theirs. waste: what ours costs above the clairvoyant over what theirs does.
    """

    level: float
    ours: float
    theirs: float
    ratio: float
    waste: float
    ratio_interval: Interval
    waste_interval: Interval


def frontier(
    scenario: Scenario,
    name: str,
    knobs: Sequence[float],
    timelines: Iterable[Integers],
    *,
    time_zone: str = "UTC",
) -> Frontier:
    """Play the replicas wanted at each knob, one timeline each."""
    outcomes, days = [], []
    for replicas in timelines:
        played = scenario.play(replicas)
        outcomes.append(played.outcome(max_replicas=scenario.max_replicas))
        days.append(by_day(scenario, played, time_zone))
    if len(days) != len(knobs) or not days:
        raise ValueError(
            f"frontier: {len(knobs)} knobs and {len(days)} timelines of {name}; give one each, at least one"
        )
    return Frontier(
        name,
        tuple(knobs),
        tuple(outcomes),
        days[0].seconds,
        np.stack([day.violating_seconds for day in days], axis=1),
        np.stack([day.pod_hours for day in days], axis=1),
    )


def cost_at(violating: Floats, cost: Floats, level: float | Floats) -> Floats:
    """Return the least cost at which a policy is short `level` of the time; (..., k) -> (...), NaN where none is.

    level: one for all, or one each, shape (...).

    Between two neighbouring knobs cost is linear in the logarithm of the share.
    """
    order = np.lexsort((cost, violating), axis=-1)
    v, c = np.take_along_axis(violating, order, -1), np.take_along_axis(cost, order, -1)
    level = np.asarray(level)[..., None]
    logs = np.log(v + _SMALLEST)
    width = logs[..., 1:] - logs[..., :-1]
    share = (np.log(level + _SMALLEST) - logs[..., :-1]) / np.where(width > 0.0, width, 1.0)
    between = (v[..., :-1] <= level) & (level < v[..., 1:])
    crossing = np.where(between, c[..., :-1] + share * (c[..., 1:] - c[..., :-1]), np.inf)
    return _lowest(crossing, np.where(v <= level, c, np.inf))


def violating_at(violating: Floats, cost: Floats, budget: float) -> Floats:
    """Return the least share of time short for this cost; (..., k) -> (...), NaN where every knob costs more.

    Between two neighbouring knobs the logarithm of the share is linear in cost.
    """
    order = np.lexsort((violating, cost), axis=-1)
    v, c = np.take_along_axis(violating, order, -1), np.take_along_axis(cost, order, -1)
    logs = np.log(v + _SMALLEST)
    width = c[..., 1:] - c[..., :-1]
    share = (budget - c[..., :-1]) / np.where(width > 0.0, width, 1.0)
    between = (c[..., :-1] <= budget) & (budget < c[..., 1:])
    crossing = np.exp(logs[..., :-1] + share * (logs[..., 1:] - logs[..., :-1])) - _SMALLEST
    return _lowest(np.where(between, np.maximum(crossing, 0.0), np.inf), np.where(c <= budget, v, np.inf))


def compare(
    ours: Frontier, theirs: Frontier, clairvoyant: Frontier, *, levels: Sequence[float] = LEVELS, seed: int = 0
) -> list[Comparison]:
    """Compare two frontiers of one scenario at equal time short, with intervals over days drawn alike.

    clairvoyant: the frontier of the one plan that is never short.
    """
    drawn = draws(len(ours.seconds), seed)
    return [_compared(ours, theirs, clairvoyant.pod_hours[:, 0], drawn, level) for level in levels]


def beside(mine: Frontier, theirs: Frontier, clairvoyant: Frontier, *, seed: int = 0) -> Comparison:
    """Compare the one setting of `mine` with theirs at the time short that it had, in each draw of days anew."""
    return _compared(mine, theirs, clairvoyant.pod_hours[:, 0], draws(len(mine.seconds), seed), None)


def least(scenario: Scenario, *, time_zone: str = "UTC") -> Frontier:
    """Return the clairvoyant's plan with lead as a frontier of one point."""
    return frontier(scenario, "clairvoyant", (0.0,), [Clairvoyant().replicas(scenario)], time_zone=time_zone)


def _compared(ours: Frontier, theirs: Frontier, knowing: Floats, drawn: Integers, level: float | None) -> Comparison:
    """Compare at a share of time short, at that of the first of ours without one."""
    whole = np.ones((1, len(ours.seconds)), dtype=np.int64)

    def shares(frontier: Frontier, weights: Integers) -> Floats:
        return np.asarray((weights @ frontier.violating_seconds) / (weights @ frontier.seconds)[:, None])

    def ratios(weights: Integers) -> tuple[Floats, Floats, Floats, Floats]:
        at = shares(ours, weights)[:, 0] if level is None else level
        mine, other = (cost_at(shares(each, weights), weights @ each.pod_hours, at) for each in (ours, theirs))
        least = weights @ knowing
        above = np.where(other > least, other - least, np.nan)
        return mine, other, mine / np.where(other > 0.0, other, np.nan), (mine - least) / above

    mine, other, ratio, waste = (float(found[0]) for found in ratios(whole))
    _, _, ratio_draws, waste_draws = ratios(drawn)
    level = float(shares(ours, whole)[0, 0]) if level is None else level
    return Comparison(level, mine, other, ratio, waste, spread(ratio_draws), spread(waste_draws))


def _lowest(crossing: Floats, direct: Floats) -> Floats:
    best = np.min(direct, axis=-1)
    if crossing.shape[-1]:
        best = np.minimum(best, np.min(crossing, axis=-1))
    return np.where(np.isfinite(np.min(direct, axis=-1)), best, np.nan)

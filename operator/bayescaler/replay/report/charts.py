"""Where the marks of the still pictures stand: the frontier, the coverage by level and by hour, in percent of a plot.

A page places them by style and svg without a script, so that they print, shrink and can be read aloud.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite, log10

import numpy as np

from bayescaler.policy.explain import percent
from bayescaler.policy.trust import nearest_level
from bayescaler.replay.backtest import OURS, Backtest
from bayescaler.replay.frontier import Frontier
from bayescast import LEVELS
from bayescast.scorecard import Share

from .figures import named, number, share

NEVER = 6.0  # percent of the width: the lane of those that were never short
LEAST_MISS = 3e-4  # where a coverage of 100 % is drawn
LABEL_HEIGHT = 4.6  # percent of the plot
TICKS_OF_SHARE = tuple(lead * 10.0**power for power in range(-6, 1) for lead in (1, 2, 5) if lead * 10.0**power <= 1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in percent, and what is written there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in percent from the left and the top. low, high: ends of its interval; told: in words, label: beside it.

    label_y: where the label stands so that none covers another.
    """

    x: float
    y: float
    kind: str
    told: str
    low: float | None = None
    high: float | None = None
    label: str = ""
    label_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """Points "x,y x,y" in percent."""

    kind: str
    points: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: ticks, lines behind, marks before."""

    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to percent, linear or logarithmic."""

    low: float
    high: float
    logarithmic: bool = False
    first: float = 0.0

    def at(self, value: float) -> float:
        """Return the percent of a value; beyond the ends it is cut off at twice the width."""
        low, high, found = self.low, self.high, value
        if self.logarithmic:
            low, high, found = log10(low), log10(high), log10(max(value, 1e-12))
        part = (found - low) / (high - low)
        return round(self.first + (100.0 - self.first) * min(max(part, -1.0), 2.0), 2)


def frontier_chart(found: Backtest) -> Chart:
    """Return cost against time short: ours over the quantile, the HPA over its target, every policy as it ran."""
    x, y = _frontier_axes(found)

    def place(violating: float, cost: float) -> tuple[float, float]:
        return (x.at(violating) if violating > 0 else NEVER / 2), round(100.0 - y.at(cost), 2)

    marks, lines = list[Mark](), list[Line]()
    for kind, swept in (("hpa", found.hpa), ("ours", found.ours)):
        places = [place(v, c) for v, c in zip(swept.violating.tolist(), swept.cost.tolist(), strict=True)]
        lines.append(Line(kind, _points(places)))
        marks += [
            Mark(*at, f"{kind} knob", _swept(kind, swept, i))
            for i, at in enumerate(places)
            if max(at) <= 100 and at[1] >= 0
        ]
    floor_at = round(100.0 - y.at(float(found.clairvoyant.cost[0])), 2)
    lines.append(Line("floor", f"0,{floor_at} 100,{floor_at}"))
    for judged in found.judgements:
        if judged.name == "clairvoyant":
            continue
        name, outcome = named(judged.name, found.case.policy), judged.outcome
        at = place(outcome.violating_share, outcome.pod_hours)
        if max(at) <= 100 and at[1] >= 0:
            told = (
                f"{name}: {number(outcome.pod_hours)} replica-hours, short {share(outcome.violating_share)} of the time"
            )
            marks.append(Mark(*at, "ours as-is" if judged.name == OURS else "peer", told, label=name))
    ticks = [Tick(x.at(v), percent(v)) for v in _spaced([v for v in TICKS_OF_SHARE if x.low <= v <= x.high], 6)]
    return Chart(
        [Tick(NEVER / 2, "never"), *ticks],
        [Tick(round(100.0 - y.at(v), 2), f"{v:,.6g}") for v in round_values(y.low, y.high)],
        lines,
        _apart(marks),
    )


def level_chart(found: Backtest) -> Chart:
    """Return promised against kept: for each quantile the share of windows that stayed within, both as misses."""
    axis = Axis(-log10(0.7), -log10(LEAST_MISS))

    def at(miss: float) -> float:
        return axis.at(-log10(max(miss, LEAST_MISS)))

    marks = [
        _interval_mark(at(1.0 - level), held, lambda kept: round(100.0 - at(1.0 - kept), 2), f"quantile {level:g}")
        for level, held in found.calibration.coverage.items()
        if isfinite(held.share)
    ]
    levels = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    return Chart(
        [Tick(at(1.0 - level), f"{level:g}") for level in levels],
        [Tick(round(100.0 - at(1.0 - level), 2), f"{level:g}") for level in levels],
        [Line("promise", "0,100 100,0")],
        marks,
    )


def hour_chart(found: Backtest) -> Chart:
    """Return the coverage of the manifest's quantile by the local hour at which the window begins."""
    level = nearest_level(LEVELS, found.case.policy.promised)
    hours = {hour: shares[level] for hour, shares in found.calibration.coverage_by_hour.items()}
    lows = [min(held.share, held.low) if isfinite(held.low) else held.share for held in hours.values()]
    lowest = min([low for low in lows if isfinite(low)], default=level)
    bottom = max(0.0, floor(20.0 * min(lowest, 2.0 * level - 1.0)) / 20.0)
    axis = Axis(bottom, 1.0 + 0.02 * (1.0 - bottom))
    marks = [
        _interval_mark((hour + 0.5) / 0.24, held, lambda kept: round(100.0 - axis.at(kept), 2), f"{hour:02d}:00")
        for hour, held in hours.items()
        if isfinite(held.share)
    ]
    promised = round(100.0 - axis.at(level), 2)
    return Chart(
        [Tick((hour + 0.5) / 0.24, f"{hour:02d}") for hour in range(0, 24, 3)],
        [Tick(round(100.0 - axis.at(v), 2), f"{100 * v:g} %") for v in round_values(bottom, 1.0)],
        [Line("promise", f"0,{promised} 100,{promised}")],
        marks,
    )


def round_values(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values between two ends, `most` at most, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    power = 10.0 ** floor(log10((high - low) / most))
    step = next(lead * power for lead in (1, 2, 5, 10) if (high - low) / (lead * power) <= most)
    return [round(i * step, 10) for i in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _frontier_axes(found: Backtest) -> tuple[Axis, Axis]:
    """Return axes that hold every policy as it ran and what is near; a target of 30 % would squeeze the rest."""
    outcomes = [judged.outcome for judged in found.judgements]
    shares = np.concatenate([found.ours.violating, [o.violating_share for o in outcomes], found.hpa.violating])
    shares = shares[(shares > 0) & (shares <= max(0.2, outcomes[0].violating_share))]
    near = [c for c in (o.pod_hours for o in outcomes) if c <= 3.0 * outcomes[0].pod_hours]
    most = max([*near, float(found.ours.cost.max()), *([found.own.theirs] if isfinite(found.own.theirs) else [])])
    least = float(min(found.clairvoyant.cost[0], found.ours.cost.min(), *near))
    high, low = (float(shares.max()), float(shares.min())) if len(shares) else (0.1, 0.001)
    margin = 0.08 * (most - least) or 0.1 * most or 1.0
    return Axis(low / 1.5, max(high * 1.5, low * 4.0), True, NEVER), Axis(max(0.0, least - margin), most + margin)


def _swept(kind: str, swept: Frontier, i: int) -> str:
    name = f"Bayescaler at quantile {swept.knobs[i]:g}" if kind == "ours" else f"HPA at target {share(swept.knobs[i])}"
    return f"{name}: {number(float(swept.cost[i]))} replica-hours, short {share(float(swept.violating[i]))} of the time"


def _interval_mark(x: float, held: Share, y_of: Callable[[float], float], name: str) -> Mark:
    sure = f", 95 %: {share(held.low)} to {share(held.high)}" if isfinite(held.low) else ""
    low, high = (y_of(held.low), y_of(held.high)) if isfinite(held.low) else (None, None)
    return Mark(
        round(x, 2), y_of(held.share), "found", f"{name}: {share(held.share)} of windows within{sure}", low, high
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _spaced(values: Sequence[float], most: int) -> Sequence[float]:
    return values[:: ceil(len(values) / most)] if values else values


def _apart(marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks with their labels far enough from one another, moved up or down as little as they can."""
    labelled = sorted((mark for mark in marks if mark.label), key=lambda mark: mark.y)
    moved, last = dict[int, float](), -LABEL_HEIGHT
    for i, mark in enumerate(labelled):
        last = max(mark.y, last + LABEL_HEIGHT)
        moved[i] = last
    limit = 100.0
    for i in reversed(range(len(labelled))):
        limit = min(moved[i], limit)
        moved[i] = limit
        limit -= LABEL_HEIGHT
    told = [_labelled(mark, moved[i]) for i, mark in enumerate(labelled)]
    return [mark for mark in marks if not mark.label] + told


def _labelled(mark: Mark, at: float) -> Mark:
    return replace(mark, label_y=round(at, 2))

"""What the rows say together: geometric means of ratios, who is better where, and how honest the quantiles are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bayescast.scorecard import plain

from .conformal import JUDGED
from .rows import Duel, Row
from .series import Floats

FLOOR = 0.05  # of a ratio in a floored mean, and 1 / FLOOR its ceiling: a deterministic series must not decide the mean
LEAST = 1e-6  # of a ratio in an unfloored mean
DISJOINT = 500  # windows that do not overlap: fewer cannot tell half a point at .99
TOLERANCE = {0.95: 0.01, 0.99: 0.005}
TESTED = [JUDGED.index(level) for level in TOLERANCE]
UPPER = [JUDGED.index(level) for level in (0.9, 0.95, 0.99)]

Group = Callable[[Row], bool]
SETS: dict[str, Group] = {
    "tuning series": lambda row: row.tuning,
    "other series": lambda row: not row.tuning,
    "all": lambda _: True,
}
LEADS: dict[str, Group] = {
    "up to 2 buckets": lambda row: row.lead <= 2,
    "3 to 12 buckets": lambda row: 2 < row.lead <= 12,
    "over 12 buckets": lambda row: row.lead > 12,
}


def ratio(duel: Duel) -> Floats:
    """Return our loss over theirs at JUDGED, (4,); 1 where both are nothing."""
    nothing = 1e-12
    return np.where(
        (duel.ours <= nothing) & (duel.theirs <= nothing), 1.0, duel.ours / np.maximum(duel.theirs, nothing)
    )


def ratios(rows: Iterable[Row], peer: str) -> Floats:
    """Return the ratios of the rows that the peer has, (rows, 4)."""
    found = [ratio(row.duels[peer]) for row in rows if peer in row.duels]
    return np.array(found).reshape(-1, len(JUDGED))


def geometric(values: Floats, floor: float = LEAST) -> Floats:
    """Return the geometric mean over the first axis, of ratios from `floor` to 1 / `floor`; NaN over nothing."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    return np.asarray(np.exp(np.log(np.clip(values, floor, 1.0 / floor)).mean(axis=0)))


def by_series(rows: Iterable[Row], peer: str) -> dict[str, Floats]:
    """Return for every series the geometric mean of its leads' ratios to the peer."""
    found = defaultdict[str, list[Floats]](list)
    for row in rows:
        if peer in row.duels:
            found[row.series].append(ratio(row.duels[peer]))
    return {name: geometric(np.array(held)) for name, held in found.items()}


def better(values: Iterable[Floats]) -> Floats:
    """Return the share on which ours is better, by level."""
    return np.asarray(np.mean([held < 1.0 for held in values], axis=0))


def coverage_error(rows: Sequence[Row]) -> Floats:
    """Return coverage less level at .95 and .99, (rows, 2)."""
    errors = [row.coverage[TESTED] - list(TOLERANCE) for row in rows]
    return np.array(errors).reshape(-1, len(TESTED))


def within(errors: Floats) -> Floats:
    """Return how many rows are within the tolerances, (2,)."""
    return np.asarray((np.abs(errors) <= np.array(list(TOLERANCE.values())) + 1e-9).sum(axis=0))


def rivals(row: Row, peers: Sequence[str]) -> list[tuple[str, float] | None]:
    """Return for .9, .95 and .99 the peer with the least loss and our ratio to it where that is above one."""
    found: list[tuple[str, float] | None] = []
    for level in UPPER:
        best = max(((float(ratio(row.duels[peer])[level]), peer) for peer in peers if peer in row.duels), default=None)
        found.append((best[1], best[0]) if best is not None and best[0] > 1.0 else None)
    return found


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as JSON can hold them; arrays are by level .5, .9, .95 and .99."""
    return [plain(_lists(asdict(row))) for row in rows]


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(held) for key, held in value.items()}
    if isinstance(value, np.ndarray):
        return _lists(tuple(value.tolist()))
    return tuple(_lists(held) for held in value) if isinstance(value, (list, tuple)) else value

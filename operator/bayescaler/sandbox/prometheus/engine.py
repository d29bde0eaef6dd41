"""Evaluation of a parsed query over a grid of instants, all at once in numpy.

A vector is a matrix: one row a series, one column an instant, beside a mask of presence, because absent and
NaN are different. What each function computes follows promql/functions.go and promql/engine.go of
Prometheus; where major versions differ, the Dialect says which is meant.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bayescaler.sandbox.prometheus import promql
from bayescaler.sandbox.prometheus.functions import FUNCTIONS, Dialect, Mask, windows_of
from bayescaler.sandbox.prometheus.store import NAME, Labels, Samples, Times, Values, is_stale

Select = Callable[[promql.Selector], Sequence[Samples]]

LOOKBACK_MS = 300_000


class ExecutionError(Exception):
    """The query could be read but has no answer on this data; worded as Prometheus does."""


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """Series by instants: `values` and `present` are [series, instants], `labels` name the rows."""

    labels: tuple[Labels, ...]
    values: Values
    present: Mask


def evaluate(expression: promql.Expression, grid: Times, select: Select, dialect: Dialect) -> Values | Vector:
    """Evaluate at each instant of `grid` (ms): an array for a scalar, else a Vector.

    `select` gives the samples a selector may see. A range vector has no value at an instant: TypeError.
    Raises ExecutionError where label sets clash.
    """
    return _Evaluation(grid, select, dialect).of(expression)


def range_samples(selector: promql.Selector, at_ms: int, select: Select, dialect: Dialect) -> list[Samples]:
    """What a range selector gives at one instant: the raw samples of each series that has any."""
    if selector.range_ms is None:
        raise TypeError(f"{selector} is not a range selector")
    end = np.array([at_ms - selector.offset_ms], dtype=np.int64)
    found = []
    for samples in select(selector):
        windows = windows_of(samples, end, selector.range_ms, dialect)
        inside = slice(int(windows.low[0]), int(windows.high[0]))
        if windows.count[0]:
            found.append(Samples(samples.labels, windows.samples.times[inside], windows.samples.values[inside]))
    return sorted(found, key=lambda samples: samples.labels)


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluation:
    grid: Times
    select: Select
    dialect: Dialect

    def of(self, expression: promql.Expression) -> Values | Vector:
        with np.errstate(all="ignore"):  # division by zero and NaN are answers here, as in Prometheus
            match expression:
                case promql.Number():
                    return np.full(self.grid.size, expression.value)
                case promql.Selector():
                    return self._instant(expression)
                case promql.Call():
                    return self._call(expression)
                case promql.Aggregate():
                    return _aggregate(expression, self._vector(expression.argument))
                case promql.Binary():
                    return _arithmetic(expression.operator, self.of(expression.left), self.of(expression.right))

    def _vector(self, expression: promql.Expression) -> Vector:
        answer = self.of(expression)
        if not isinstance(answer, Vector):
            raise TypeError(f"{expression} is not an instant vector")
        return answer

    def _instant(self, selector: promql.Selector) -> Vector:
        """The newest sample of each series within the look-back of each instant."""
        if selector.range_ms is not None:
            raise TypeError("a range vector has no value at an instant")
        at = self.grid - selector.offset_ms
        rows = []
        for samples in self.select(selector):
            newest = np.searchsorted(samples.times, at, side="right") - 1
            held = np.clip(newest, 0, None)
            if not samples.times.size:
                continue
            age = at - samples.times[held]
            fresh = age < LOOKBACK_MS if self.dialect.left_open else age <= LOOKBACK_MS
            values = samples.values[held]
            rows.append((samples.labels, values, (newest >= 0) & fresh & ~is_stale(values)))
        return _stacked(rows, self.grid.size)

    def _call(self, call: promql.Call) -> Vector:
        range_ms = call.argument.range_ms
        if range_ms is None:
            raise TypeError(f"{call.argument} is not a range selector")
        ends = self.grid - call.argument.offset_ms
        rows = []
        for samples in self.select(call.argument):
            windows = windows_of(samples, ends, range_ms, self.dialect)
            rows.append((samples.labels, *FUNCTIONS[call.function](windows, self.dialect)))
        found = _stacked(rows, self.grid.size)
        return _nameless(found.labels, found.values, found.present)


def _stacked(rows: Sequence[tuple[Labels, Values, Mask]], instants: int) -> Vector:
    """Rows as one vector, those left out that are never present."""
    kept = sorted((row for row in rows if row[2].any()), key=lambda row: row[0])
    if not kept:
        return Vector((), np.empty((0, instants)), np.empty((0, instants), dtype=bool))
    return Vector(tuple(row[0] for row in kept), np.stack([row[1] for row in kept]), np.stack([row[2] for row in kept]))


def _nameless(labels: Iterable[Labels], values: Values, present: Mask) -> Vector:
    """A vector without the metric's name, which a function of it no longer is."""
    bare = [_without(row, (NAME,)) for row in labels]
    if len(set(bare)) == len(bare):
        return Vector(tuple(bare), values, present)
    merged = []
    for key, rows in _grouped(bare).items():
        if _overlap(Vector((), values, present), rows):
            raise ExecutionError("vector cannot contain metrics with the same labelset")
        merged.append((key, *_merged(values[rows], present[rows])))
    return _stacked(merged, values.shape[1])


def _without(labels: Labels, names: Sequence[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in names)


def _grouped(keys: Sequence[Labels]) -> dict[Labels, list[int]]:
    groups: dict[Labels, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return groups


def _at_all(present: Mask) -> Mask:
    """At which instants any of the rows is present."""
    return np.asarray(present.any(axis=0))


def _merged(values: Values, present: Mask) -> tuple[Values, Mask]:
    """Rows of which at most one is present at each instant, as one row."""
    return np.take_along_axis(values, present.argmax(axis=0)[None], axis=0)[0], _at_all(present)


def _aggregate(aggregate: promql.Aggregate, vector: Vector) -> Vector:
    if aggregate.without:
        keys = [_without(labels, (*aggregate.labels, NAME)) for labels in vector.labels]
    else:
        keys = [tuple(pair for pair in labels if pair[0] in aggregate.labels) for labels in vector.labels]
    rows = [
        (
            key,
            _AGGREGATIONS[aggregate.operation](vector.values[members], vector.present[members]),
            _at_all(vector.present[members]),
        )
        for key, members in _grouped(keys).items()
    ]
    return _stacked(rows, vector.values.shape[1])


def _summed(values: Values, present: Mask) -> Values:
    return np.asarray(np.where(present, values, 0.0).sum(axis=0))


def _extreme(ufunc: np.ufunc) -> Callable[[Values, Mask], Values]:
    """Greatest or least of those present; NaN only if all of them are."""
    return lambda values, present: np.asarray(ufunc.reduce(np.where(present, values, np.nan), axis=0))


_AGGREGATIONS: dict[str, Callable[[Values, Mask], Values]] = {
    "sum": _summed,
    "avg": lambda values, present: _summed(values, present) / present.sum(axis=0),
    "max": _extreme(np.fmax),
    "min": _extreme(np.fmin),
    "count": lambda _values, present: present.sum(axis=0).astype(np.float64),
}

_OPERATORS: dict[str, np.ufunc] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


def _arithmetic(operator: str, left: Values | Vector, right: Values | Vector) -> Values | Vector:
    apply = _OPERATORS[operator]
    if isinstance(left, Vector) and isinstance(right, Vector):
        return _one_to_one(apply, left, right)
    if isinstance(left, Vector):
        return _nameless(left.labels, apply(left.values, right), left.present)
    if isinstance(right, Vector):
        return _nameless(right.labels, apply(left, right.values), right.present)
    return np.asarray(apply(left, right))


def _one_to_one(apply: np.ufunc, left: Vector, right: Vector) -> Vector:
    """Pair series whose labels are equal but for the name; those without a partner fall out."""
    lefts, rights = (_grouped([_without(labels, (NAME,)) for labels in side.labels]) for side in (left, right))
    for key, members in rights.items():
        if lefts and _overlap(right, members):
            raise ExecutionError(
                f"found duplicate series for the match group {_shown(key)} on the right hand-side of the "
                "operation;many-to-many matching not allowed: matching labels must be unique on one side"
            )
    rows = []
    for key in lefts.keys() & rights.keys():
        if _overlap(left, lefts[key]):
            raise ExecutionError(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )
        left_values, left_present = _merged(left.values[lefts[key]], left.present[lefts[key]])
        right_values, right_present = _merged(right.values[rights[key]], right.present[rights[key]])
        rows.append((key, apply(left_values, right_values), left_present & right_present))
    return _stacked(rows, left.values.shape[1])


def _overlap(vector: Vector, rows: Sequence[int]) -> bool:
    """Whether two of the rows are present at one instant."""
    return bool((vector.present[rows].sum(axis=0) > 1).any())


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"

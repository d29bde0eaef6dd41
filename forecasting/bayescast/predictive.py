"""The predictive distribution of the largest load in a window, carried by its quantiles at nine levels."""

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .spec import Family

LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
GRID = np.array(LEVELS)
"""LEVELS as an array that all forecasts share."""
GRID.setflags(write=False)
_SURVIVAL_LOGS = tuple(math.log1p(-level) for level in LEVELS)
_HAZARDS = tuple(-log for log in _SURVIVAL_LOGS)
_LARGEST_LOG = 700.0  # beyond it exp leaves the floats
_STEEPEST = 1e6  # exponent of the tail where the last quantiles are equal
_MEAN_POINTS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Predictive:
    """Distribution of the largest load in the `lead` buckets that follow `issued_at`, in the unit of the values given.

    levels, values: the issued quantiles (non-decreasing, >= 0). Between them log(1 - level) is linear in load; beyond
    the last 1 - cdf is a power of load through the last two; below the median the law mirrors the one above it on the
    log scale. issued_at: end of the newest bucket seen (epoch seconds).
    """

    levels: NDArray[np.float64]
    values: NDArray[np.float64]
    lead: int
    step_seconds: float
    issued_at: float
    family: Family

    def quantile(self, q: ArrayLike) -> Any:
        """Return the load that is not exceeded with probability q in (0, 1): a float, or an array of q's shape."""
        return _each(self._quantile, q)

    def cdf(self, x: ArrayLike) -> Any:
        """Return the probability that the largest load is at most x: a float, or an array of x's shape."""
        return _each(self._cdf, x)

    def exceedance(self, x: ArrayLike) -> Any:
        """Return the probability that the largest load is above x."""
        return _each(lambda load: 1.0 - self._cdf(load), x)

    def interval(self, mass: float) -> tuple[float, float]:
        """Return the central interval that holds the largest load with probability `mass` in (0, 1)."""
        return self.quantile((1.0 - mass) / 2.0), self.quantile((1.0 + mass) / 2.0)

    def mean(self) -> float:
        """Return the mean of the distribution, cut where it is exceeded once in 4000 (its tail may have no mean)."""
        return float(np.mean(self.quantile((np.arange(_MEAN_POINTS) + 0.5) / _MEAN_POINTS)))

    def scaled(self, factor: float) -> "Predictive":
        """Return the same distribution in another unit: one of the old is `factor` (> 0) of the new."""
        if not factor > 0.0:
            raise ValueError(f"factor = {factor!r}: give a number above 0")
        return self if factor == 1.0 else replace(self, values=self.values * factor)

    def aged(self, buckets: int) -> "Predictive":
        """Return the distribution for the same window `buckets` later, with nothing seen meanwhile: wider.

        Uncertainty grows as that of a random walk on the log scale: the distance of a quantile from the median grows by
        the root of (lead + buckets) / lead, up and down. What is certain (a gauge that stands still) stays so.
        """
        if buckets < 0:
            raise ValueError(f"buckets = {buckets!r}: give zero or more")
        if buckets == 0:
            return self
        widening, median = float(np.sqrt((self.lead + buckets) / self.lead)), float(self.values[0])
        if median <= 0.0:
            return replace(self, values=self.values * widening)
        with np.errstate(over="ignore"):
            wider = median * np.power(self.values / median, widening)
        return replace(self, values=np.minimum(wider, np.finfo(np.float64).max))

    def _quantile(self, q: float) -> float:
        if not 0.0 < q < 1.0:
            raise ValueError(f"q = {q!r}: give probabilities between 0 and 1, both excluded")
        if q >= LEVELS[0]:
            return self._above(math.log1p(-q))
        median, mirrored = self.values.item(0), self._above(math.log(q))
        return min(median * (median / mirrored), median) if mirrored > 0.0 else 0.0

    def _cdf(self, x: float) -> float:
        median = self.values.item(0)
        if x >= median:
            return -math.expm1(self._log_survival(x, bisect_right))
        if x > 0.0:
            return math.exp(self._log_survival(median * (median / x), bisect_left))  # P(max >= mirrored)
        return math.nan if math.isnan(x) else 0.0

    def _above(self, log_survival: float) -> float:
        """Return the load at log(1 - level), for levels from the median up."""
        values: list[float] = self.values.tolist()
        last = len(values) - 1
        if log_survival <= _SURVIVAL_LOGS[last]:
            stretch = (_SURVIVAL_LOGS[last] - log_survival) / self._exponent()
            return min(values[last] * math.exp(min(stretch, _LARGEST_LOG)), sys.float_info.max)
        i, share = _place(log_survival)
        return values[i] + (values[i + 1] - values[i]) * share

    def _log_survival(self, x: float, search: Callable[[list[float], float], int]) -> float:
        """Return log P(max > x) with bisect_right, log P(max >= x) with bisect_left, for loads from the median up."""
        values: list[float] = self.values.tolist()
        last = len(values) - 1
        if x > values[last]:
            top = max(values[last], sys.float_info.min)
            return _SURVIVAL_LOGS[last] - self._exponent() * max(math.log(x) - math.log(top), 0.0)
        i = min(max(search(values, x) - 1, 0), last)
        j = min(i + 1, last)
        width = values[j] - values[i]
        share = min(max((x - values[i]) / width, 0.0), 1.0) if width > 0.0 else 0.0
        return _SURVIVAL_LOGS[i] + (_SURVIVAL_LOGS[j] - _SURVIVAL_LOGS[i]) * share

    def _exponent(self) -> float:
        """Return the exponent of the power tail through the last two quantiles."""
        low, high = self.values.item(-2), self.values.item(-1)
        if low <= 0.0 or high <= low:
            return _STEEPEST
        return min((_SURVIVAL_LOGS[-2] - _SURVIVAL_LOGS[-1]) / math.log(high / low), _STEEPEST)


def _place(log_survival: float) -> tuple[int, float]:
    """Return the level below log(1 - level), between the first and the last, and the share of the way to the next."""
    i = bisect_right(_HAZARDS, -log_survival) - 1
    return i, (log_survival - _SURVIVAL_LOGS[i]) / (_SURVIVAL_LOGS[i + 1] - _SURVIVAL_LOGS[i])


def _each(function: Callable[[float], float], given: ArrayLike) -> Any:
    """Return a float for a scalar, else an array; scalars are what a decision asks for, so they are the quick way."""
    if isinstance(given, float) or np.ndim(given) == 0:
        return function(float(given))  # type: ignore[arg-type]  # of no dimension
    asked = np.asarray(given, dtype=np.float64)
    return np.array([function(x) for x in asked.ravel().tolist()]).reshape(asked.shape)

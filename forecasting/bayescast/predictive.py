"""The predictive distribution of the largest load in a window, carried by its quantiles at nine levels."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .spec import Family

LEVELS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
_SURVIVAL_LOGS = np.log1p(-np.array(LEVELS))
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
        levels = np.asarray(q, dtype=np.float64)
        if not np.all((levels > 0.0) & (levels < 1.0)):
            raise ValueError(f"q = {q!r}: give probabilities between 0 and 1, both excluded")
        above = self._above(np.log1p(-np.maximum(levels, 0.5)))
        mirrored = self._above(np.log(np.minimum(levels, 0.5)))
        median = self.values[0]
        low = np.where(mirrored > 0.0, median * (median / np.where(mirrored > 0.0, mirrored, 1.0)), 0.0)
        return _like(q, np.where(levels >= self.levels[0], above, np.minimum(low, median)))

    def cdf(self, x: ArrayLike) -> Any:
        """Return the probability that the largest load is at most x: a float, or an array of x's shape."""
        loads = np.asarray(x, dtype=np.float64)
        median = self.values[0]
        mirrored = np.where(loads > 0.0, median * (median / np.where(loads > 0.0, loads, 1.0)), np.inf)
        above = -np.expm1(self._log_survival(np.maximum(loads, median)))
        below = np.exp(self._log_survival(np.maximum(mirrored, median), strict=True))
        return _like(
            x, np.where(np.isnan(loads), np.nan, np.where(loads >= median, above, np.where(loads > 0.0, below, 0.0)))
        )

    def exceedance(self, x: ArrayLike) -> Any:
        """Return the probability that the largest load is above x."""
        return _like(x, 1.0 - np.asarray(self.cdf(x)))

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
        the root of (lead + buckets) / lead, up and down.
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

    def _above(self, log_survival: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the load at log(1 - level), for levels from the median up."""
        inside = np.interp(-log_survival, -_SURVIVAL_LOGS, self.values)
        beyond = np.maximum(_SURVIVAL_LOGS[-1] - log_survival, 0.0)
        with np.errstate(over="ignore"):
            return np.asarray(np.minimum(inside * np.exp(beyond / self._exponent()), np.finfo(np.float64).max))

    def _log_survival(self, loads: NDArray[np.float64], *, strict: bool = False) -> NDArray[np.float64]:
        """Return log P(max > x), or log P(max >= x) if `strict`, for loads from the median up."""
        loads = np.minimum(loads, np.finfo(np.float64).max)
        last = len(self.values) - 1
        found = (
            np.searchsorted(self.values, loads, side="left") if strict else np.searchsorted(self.values, loads, "right")
        )
        i = np.clip(found - 1, 0, last)
        j = np.minimum(i + 1, last)
        width = np.where(self.values[j] > self.values[i], self.values[j] - self.values[i], np.inf)
        share = np.clip((loads - self.values[i]) / width, 0.0, 1.0)
        inside = _SURVIVAL_LOGS[i] + (_SURVIVAL_LOGS[j] - _SURVIVAL_LOGS[i]) * share
        top = max(float(self.values[-1]), np.finfo(np.float64).tiny)
        beyond = _SURVIVAL_LOGS[-1] - self._exponent() * (np.log(np.maximum(loads, top)) - np.log(top))
        return np.asarray(np.where(loads > self.values[-1], beyond, inside))

    def _exponent(self) -> float:
        """Return the exponent of the power tail through the last two quantiles."""
        low, high = self.values[-2], self.values[-1]
        if low <= 0.0 or high <= low:
            return _STEEPEST
        return float(min((_SURVIVAL_LOGS[-2] - _SURVIVAL_LOGS[-1]) / np.log(high / low), _STEEPEST))


def _like(given: ArrayLike, result: NDArray[np.float64]) -> Any:
    """Return a float for a scalar argument, else the array."""
    return float(result) if np.ndim(given) == 0 else result

"""What an issued forecast says of loads, and the number of pods that is the best bet on it.

values: (9,) the quantiles of the largest load of a window at bayescast's LEVELS; the law between and beyond them is
`bayescast.Predictive`'s. Needs and pods are in units of what one pod serves.
"""

import math

import numpy as np

from bayescast.kernels.jit import kernel
from bayescast.predictive import LEVELS

from .columns import Expected, Floats

LOG_SURVIVAL = np.log1p(-np.array(LEVELS))
_LAST = len(LEVELS) - 1
_STEEPEST = 1e6  # exponent of the tail where the last quantiles are equal, as in Predictive
_LARGEST_LOG = 700.0
_TINY = 1e-300
_FINEST = 256  # of so many pods on, not every number is tried


@kernel
def sound(outlook: Expected) -> bool:
    """Return whether there is a forecast, and every quantile of it is a load."""
    for window in outlook:
        for value in window:
            if not 0.0 <= value < math.inf:
                return False
    return True


@kernel
def exponent(values: Floats) -> float:
    """Return the exponent of the power tail through the last two quantiles."""
    low, high = float(values[_LAST - 1]), float(values[_LAST])
    if low <= 0.0 or high <= low:
        return _STEEPEST
    return float(min((LOG_SURVIVAL[_LAST - 1] - LOG_SURVIVAL[_LAST]) / math.log(high / low), _STEEPEST))


@kernel
def survival(values: Floats, load: float) -> float:
    """Return P(max > load)."""
    if load < values[0]:
        if load <= 0.0:
            return 1.0 if load < 0.0 or values[0] > 0.0 else survival_above(values, load)
        return 1.0 - survival_above(values, values[0] * (values[0] / load))
    return survival_above(values, load)


@kernel
def survival_above(values: Floats, load: float) -> float:
    """Return P(max > load) for loads from the median up."""
    if load > values[_LAST]:
        top = max(float(values[_LAST]), _TINY)
        return math.exp(LOG_SURVIVAL[_LAST] - exponent(values) * max(math.log(load / top), 0.0))
    i = 0
    while i < _LAST and values[i + 1] <= load:
        i += 1
    if i == _LAST:
        return math.exp(LOG_SURVIVAL[_LAST])
    width = values[i + 1] - values[i]
    share = min(max((load - values[i]) / width, 0.0), 1.0) if width > 0.0 else 0.0
    return math.exp(LOG_SURVIVAL[i] + (LOG_SURVIVAL[i + 1] - LOG_SURVIVAL[i]) * share)


@kernel
def load_at(values: Floats, level: float) -> float:
    """Return the load that is not exceeded with probability `level`, in (0, 1)."""
    if level >= LEVELS[0]:
        return _load_above(values, math.log1p(-level))
    median, mirrored = float(values[0]), _load_above(values, math.log(level))
    return min(median * (median / mirrored), median) if mirrored > 0.0 else 0.0


@kernel
def _load_above(values: Floats, log_survival: float) -> float:
    if log_survival <= LOG_SURVIVAL[_LAST]:
        stretch = (LOG_SURVIVAL[_LAST] - log_survival) / exponent(values)
        return float(values[_LAST]) * math.exp(min(stretch, _LARGEST_LOG))
    i = 0
    while i < _LAST - 1 and LOG_SURVIVAL[i + 1] >= log_survival:
        i += 1
    share = (log_survival - LOG_SURVIVAL[i]) / (LOG_SURVIVAL[i + 1] - LOG_SURVIVAL[i])
    return float(values[i] + (values[i + 1] - values[i]) * share)


@kernel
def cheapest(values: Floats, served: float, price: float, least: float, most: float) -> float:
    """Return the pods n in least..most that make n + price * P(max > n * served) least, the fewest of equal ones.

    price: of certainly running short, in pods. Past some hundred pods not every number is tried: they differ by less
    than half a percent.
    """
    best, cost = least, least + price * survival(values, least * served)
    n = least + stride(least)
    while n < cost and n <= most:
        tried = n + price * survival(values, n * served)
        if tried < cost:
            best, cost = n, tried
        n += stride(n)
    return best


@kernel
def stride(pods: float) -> float:
    """Return the distance to the next number of pods that is tried."""
    return max(1.0, math.floor(pods / _FINEST))

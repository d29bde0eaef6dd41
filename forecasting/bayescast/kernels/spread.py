"""The learned scale: how large residuals are now, from the slot, the predicted level and the recent past."""

import math

from .jit import kernel
from .state import MEAN_RESIDUAL, N_LEVEL_BINS, R_SPREAD_FEATURE, RECENT_RESIDUAL, Floats

_PRIOR_WEIGHT = 10.0


@kernel
def level_place(location: float, low: float, high: float) -> float:
    """Return where a location lies between the slow extremes, in bins (10 of them, and room above)."""
    return min(max((location - low) / (high - low + 1e-9) * 10.0, 0.0), N_LEVEL_BINS - 1.01)


@kernel
def at_level(level_spread: Floats, place: float, prior: float) -> float:
    """Return the mean |residual| at a level: linear between bins, each shrunk to `prior`."""
    b = int(place)
    f = place - b
    n0 = level_spread[b, 1]
    n1 = level_spread[b + 1, 1]
    low = (level_spread[b, 0] * n0 + prior * _PRIOR_WEIGHT) / (n0 + _PRIOR_WEIGHT)
    high = (level_spread[b + 1, 0] * n1 + prior * _PRIOR_WEIGHT) / (n1 + _PRIOR_WEIGHT)
    return float((1.0 - f) * low + f * high)


@kernel
def learn_level(level_spread: Floats, place: float, size: float, memory: float) -> None:
    """Share one |residual| between the two bins next to its level."""
    b = int(place)
    for side in range(2):
        share = place - b if side == 1 else 1.0 - (place - b)
        n = min(level_spread[b + side, 1] + share, memory)
        level_spread[b + side, 1] = n
        level_spread[b + side, 0] += share * (size - level_spread[b + side, 0]) / (n + 1.0)


@kernel
def describe(
    ring: Floats, place: int, lead_scalars: Floats, by_slot: float, by_level: float, last_error: float
) -> None:
    """Write the features of the scale: 1, logs of three mean residuals over the overall one, newest error."""
    mean = lead_scalars[MEAN_RESIDUAL]
    floor = 0.05 * mean + 1e-9
    inverse = 1.0 / (mean + floor)
    recent = lead_scalars[RECENT_RESIDUAL]
    ring[place, R_SPREAD_FEATURE] = 1.0
    ring[place, R_SPREAD_FEATURE + 1] = math.log(min(max((by_slot + floor) * inverse, 0.1), 8.0))
    ring[place, R_SPREAD_FEATURE + 2] = math.log(min(max((by_level + floor) * inverse, 0.1), 8.0))
    ring[place, R_SPREAD_FEATURE + 3] = math.log(min(max((recent + floor) * inverse, 0.1), 8.0))
    ring[place, R_SPREAD_FEATURE + 4] = last_error


@kernel
def target(size: float, mean: float) -> float:
    """Return the log of a |residual| over the overall mean, bounded below."""
    return math.log((size + 0.05 * mean + 1e-9) / (mean + 1e-9))


@kernel
def learn_means(lead_scalars: Floats, size: float) -> None:
    """Update the overall mean |residual| (memory 500) and the recent one (memory 10, winsorised)."""
    mean = lead_scalars[MEAN_RESIDUAL]
    recent = lead_scalars[RECENT_RESIDUAL]
    lead_scalars[MEAN_RESIDUAL] = mean + 0.002 * (size - mean)
    lead_scalars[RECENT_RESIDUAL] = recent + 0.1 * (min(size, 10.0 * recent + 1e-6) - recent)

"""Slow extremes of the log load: the range locations are clipped to, and the top that caps every quantile."""

import math

from .jit import kernel
from .state import BOUND, BOUND_SEEN, BOUNDABLE, FRACTIONS, Z_HIGH, Z_LOW, Z_TOP, Floats, Integers


@kernel
def start(scalars: Floats, z: float) -> None:
    """Open the range around the first load."""
    scalars[Z_LOW] = z - 1.0
    scalars[Z_HIGH] = z + 1.0
    scalars[Z_TOP] = z


@kernel
def learn(scalars: Floats, z: float, decay: float) -> None:
    """Widen the range to `z`; both ends close slowly, the top at `decay` of its distance a bucket."""
    top = scalars[Z_TOP]
    scalars[Z_TOP] = z if z > top else top - decay * (top - z)
    low = scalars[Z_LOW]
    high = scalars[Z_HIGH]
    scalars[Z_LOW] = min(z, low + 0.0005 * (high - low))
    scalars[Z_HIGH] = max(z, high - 0.0005 * (high - low))


@kernel
def learn_bound(marks: Integers, scalars: Floats, load: float) -> None:
    """Count how often the largest load of a gauge came up exactly: what nature bounds stays at its bound."""
    if load != math.floor(load):
        marks[BOUNDABLE] = FRACTIONS
    if load > scalars[BOUND] or scalars[BOUND_SEEN] == 0.0:
        scalars[BOUND] = load
        scalars[BOUND_SEEN] = 1.0
    elif load == scalars[BOUND]:
        scalars[BOUND_SEEN] += 1.0


@kernel
def is_bounded(marks: Integers, scalars: Floats, repeats: float) -> bool:
    """Whether a gauge has a bound. Small whole numbers repeat their largest one without being bounded by it."""
    return bool(marks[BOUNDABLE] == FRACTIONS and scalars[BOUND_SEEN] >= repeats)


@kernel
def log_bound(scalars: Floats, offset: float) -> float:
    """Return the bound on the log scale, rounded up: a load at the bound is not above it."""
    return math.log(scalars[BOUND] + offset) + 1e-12

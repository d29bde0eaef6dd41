"""Slow extremes of the log load: the range locations are clipped to, and the top that caps every quantile."""

import math

from .jit import kernel
from .state import BOUND, BOUND_SEEN, BOUNDABLE, FRACTIONS, Z_HIGH, Z_LOW, Z_TOP, Floats, Integers


@kernel
def start(scalars: Floats, row: int, z: float) -> None:
    """Open the range around the first load."""
    scalars[row, Z_LOW] = z - 1.0
    scalars[row, Z_HIGH] = z + 1.0
    scalars[row, Z_TOP] = z


@kernel
def learn(scalars: Floats, row: int, z: float, decay: float) -> None:
    """Widen the range to `z`; both ends close slowly, the top at `decay` of its distance a bucket."""
    top = scalars[row, Z_TOP]
    scalars[row, Z_TOP] = z if z > top else top - decay * (top - z)
    low = scalars[row, Z_LOW]
    high = scalars[row, Z_HIGH]
    scalars[row, Z_LOW] = min(z, low + 0.0005 * (high - low))
    scalars[row, Z_HIGH] = max(z, high - 0.0005 * (high - low))


@kernel
def learn_bound(marks: Integers, scalars: Floats, row: int, load: float) -> None:
    """Count how often the largest load of a gauge came up exactly: what nature bounds stays at its bound."""
    if load != math.floor(load):
        marks[row, BOUNDABLE] = FRACTIONS
    if load > scalars[row, BOUND] or scalars[row, BOUND_SEEN] == 0.0:
        scalars[row, BOUND] = load
        scalars[row, BOUND_SEEN] = 1.0
    elif load == scalars[row, BOUND]:
        scalars[row, BOUND_SEEN] += 1.0


@kernel
def is_bounded(marks: Integers, scalars: Floats, row: int, repeats: float) -> bool:
    """Whether a gauge has a bound. Small whole numbers repeat their largest one without being bounded by it."""
    return bool(marks[row, BOUNDABLE] == FRACTIONS and scalars[row, BOUND_SEEN] >= repeats)


@kernel
def log_bound(scalars: Floats, row: int, offset: float) -> float:
    """Return the bound on the log scale, rounded up: a load at the bound is not above it."""
    return math.log(scalars[row, BOUND] + offset) + 1e-12

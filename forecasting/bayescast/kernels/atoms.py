"""Loads that are whole multiples of one quantum: events in a bucket, runs of a timer, a gauge that never moves.

Such loads sit exactly on few values, and a quantile a hair beside one of them is no load there can be.
"""

import math

import numpy as np

from .jit import kernel
from .state import QUANTUM, Floats

ROUNDING = 1e-6  # of the quantum: what a division leaves
FINEST = 1e-3  # of the loads it comes of: a finer quantum tells nothing
LEAST = 1e-9  # of a load: what is a multiple of less is not told from its neighbours


@kernel
def learn(scalars: Floats, load: float) -> None:
    """Keep the largest number that all loads are multiples of (Euclid); 0 before the first, NaN where there is none."""
    quantum = scalars[QUANTUM]
    if load == 0.0 or math.isnan(quantum):
        return
    if quantum == 0.0:
        scalars[QUANTUM] = load
        return
    larger, smaller = max(load, quantum), min(load, quantum)
    if smaller < LEAST * larger:
        scalars[QUANTUM] = math.nan
        return
    least = smaller
    rest = abs(larger - np.rint(larger / smaller) * smaller)
    while rest > ROUNDING * smaller and smaller >= FINEST * least:
        larger, smaller = smaller, rest
        rest = abs(larger - np.rint(larger / smaller) * smaller)
    scalars[QUANTUM] = smaller if smaller >= FINEST * least else math.nan


@kernel
def nearest(quantum: float, hair: float, value: float) -> float:
    """Return the multiple of the quantum that is within a hair (a share of the quantum) of a value, else the value."""
    if not quantum > 0.0 or quantum < LEAST * value:
        return value
    whole = np.rint(value / quantum) * quantum
    return float(whole if abs(value - whole) <= hair * quantum else value)

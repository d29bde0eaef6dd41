"""Discounted Dirichlet histogram of normalised residuals: the predictive shape; moving pointers keep its quantiles."""

import math

from .jit import kernel
from .state import (
    BIN_EDGES,
    BIN_SHARPNESS,
    BINS_PER_UNIT,
    LEVEL_GRID,
    N_BINS,
    N_HISTOGRAMS,
    N_LEVELS,
    TOTAL,
    Floats,
    Pointers,
    Singles,
)


@kernel
def bin_of(residual: float) -> int:
    """Return the bin of a normalised residual; the outermost bins hold everything beyond."""
    place = math.asinh(BIN_SHARPNESS * residual) * BINS_PER_UNIT + 0.5 * N_BINS
    return int(min(max(place, 0.0), N_BINS - 1.0))


@kernel
def add(bins: Singles, pointer_bin: Pointers, pointer_mass: Floats, unit: int, h: int, place: int, mass: float) -> None:
    """Add mass to one bin, to the mass below every pointer beyond it, and to the total."""
    bins[unit, h, place] += mass
    for j in range(N_LEVELS):
        if place < pointer_bin[unit, h, j]:
            pointer_mass[unit, h, j] += mass
    pointer_mass[unit, h, TOTAL] += mass


@kernel
def quantile(bins: Singles, pointer_bin: Pointers, pointer_mass: Floats, unit: int, h: int, level: int) -> float:
    """Move one level's pointer to where its mass is and return the quantile, linear inside the bin. Amortised O(1)."""
    wanted = LEVEL_GRID[level] * pointer_mass[unit, h, TOTAL]
    place = int(pointer_bin[unit, h, level])
    below = pointer_mass[unit, h, level]
    inside = float(bins[unit, h, place])
    if below > wanted or below + inside < wanted:
        while place < N_BINS - 1 and below + inside < wanted:
            below += inside
            place += 1
            inside = float(bins[unit, h, place])
        while place > 0 and below > wanted:
            place -= 1
            inside = float(bins[unit, h, place])
            below -= inside
        pointer_bin[unit, h, level] = place
        pointer_mass[unit, h, level] = below
    share = min(max((wanted - below) / max(inside, 1e-30), 0.0), 1.0)
    return float(BIN_EDGES[place] + (BIN_EDGES[place + 1] - BIN_EDGES[place]) * share)


@kernel
def rescale(bins: Singles, pointer_mass: Floats, unit: int, mass_unit: float) -> None:
    """Divide all masses of a unit: new mass grows by the forgetting factor instead of old mass shrinking."""
    for h in range(N_HISTOGRAMS):
        for b in range(N_BINS):
            bins[unit, h, b] /= mass_unit
        for j in range(N_LEVELS + 1):
            pointer_mass[unit, h, j] /= mass_unit

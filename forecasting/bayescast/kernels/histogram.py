"""Discounted Dirichlet histogram of normalised residuals: the predictive shape; moving pointers keep its quantiles."""

import math

from .jit import kernel
from .state import (
    BIN_EDGES,
    BIN_SHARPNESS,
    BINS_PER_UNIT,
    INSIDE,
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
    size = BIN_SHARPNESS * abs(residual)
    place = math.copysign(math.log(size + math.sqrt(size * size + 1.0)) * BINS_PER_UNIT, residual) + 0.5 * N_BINS
    return int(min(max(place, 0.0), N_BINS - 1.0))


@kernel
def add(bins: Singles, pointer_bin: Pointers, pointer_mass: Floats, unit: int, h: int, place: int, mass: float) -> None:
    """Add mass to one bin and to what the pointers know: the mass below them, in their bin, and the total."""
    bins[unit, h, place] += mass
    for j in range(N_LEVELS):
        if place < pointer_bin[unit, h, j]:
            pointer_mass[unit, h, j] += mass
        elif place == pointer_bin[unit, h, j]:
            pointer_mass[unit, h, INSIDE + j] = bins[unit, h, place]
    pointer_mass[unit, h, TOTAL] += mass


@kernel
def quantiles(
    bins: Singles, pointer_bin: Pointers, pointer_mass: Floats, unit: int, h: int, found: Floats, e: int
) -> None:
    """Write the quantile at every level to found[e], linear inside its bin; pointers make it O(1)."""
    total = pointer_mass[unit, h, TOTAL]
    for j in range(N_LEVELS):
        wanted = LEVEL_GRID[j] * total
        below = pointer_mass[unit, h, j]
        inside = pointer_mass[unit, h, INSIDE + j]
        place = int(pointer_bin[unit, h, j])
        if below > wanted or below + inside < wanted:
            inside = float(bins[unit, h, place])
            while place < N_BINS - 1 and below + inside < wanted:
                below += inside
                place += 1
                inside = float(bins[unit, h, place])
            while place > 0 and below > wanted:
                place -= 1
                inside = float(bins[unit, h, place])
                below -= inside
            pointer_bin[unit, h, j] = place
            pointer_mass[unit, h, j] = below
            pointer_mass[unit, h, INSIDE + j] = inside
        share = min(max((wanted - below) / max(inside, 1e-30), 0.0), 1.0)
        found[e, j] = BIN_EDGES[place] + (BIN_EDGES[place + 1] - BIN_EDGES[place]) * share


@kernel
def rescale(bins: Singles, pointer_mass: Floats, unit: int, mass_unit: float) -> None:
    """Divide all masses of a unit: new mass grows by the forgetting factor instead of old mass shrinking."""
    for h in range(N_HISTOGRAMS):
        for b in range(N_BINS):
            bins[unit, h, b] /= mass_unit
        for j in range(TOTAL + 1):
            pointer_mass[unit, h, j] /= mass_unit

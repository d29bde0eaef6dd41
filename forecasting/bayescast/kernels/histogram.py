"""Discounted Dirichlet histogram of normalised residuals: the predictive shape; moving pointers keep its quantiles."""

import math

from .exponential import log_all
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
def bins_of(residuals: Floats, places: Floats, n: int) -> None:
    """Write the bin of each normalised residual, a whole number; the outermost bins hold everything beyond."""
    for i in range(n):
        size = min(BIN_SHARPNESS * abs(residuals[i]), 1e100)
        places[i] = size + math.sqrt(size * size + 1.0)
    log_all(places, n)
    for i in range(n):
        place = math.copysign(places[i] * BINS_PER_UNIT, residuals[i]) + 0.5 * N_BINS
        places[i] = math.floor(min(max(place, 0.0), N_BINS - 1.0))


@kernel
def point(pointer_bin: Pointers, pointer_mass: Floats, h: int, place: int, mass: float) -> None:
    """Tell the pointers of mass that was added to one bin: the mass below them, in their bin, and the total."""
    for j in range(N_LEVELS):
        at = pointer_bin[h, j]
        pointer_mass[h, j] += mass if place < at else 0.0
        pointer_mass[h, INSIDE + j] += mass if place == at else 0.0
    pointer_mass[h, TOTAL] += mass


@kernel
def quantiles(bins: Singles, pointer_bin: Pointers, pointer_mass: Floats, h: int, found: Floats, at: int) -> None:
    """Write the quantile at every level from found[at] on, linear inside its bin; pointers make it O(1)."""
    total = pointer_mass[h, TOTAL]
    for j in range(N_LEVELS):
        wanted = LEVEL_GRID[j] * total
        below = pointer_mass[h, j]
        inside = pointer_mass[h, INSIDE + j]
        place = int(pointer_bin[h, j])
        if below > wanted or below + inside < wanted:
            inside = float(bins[place, h])
            while place < N_BINS - 1 and below + inside < wanted:
                below += inside
                place += 1
                inside = float(bins[place, h])
            while place > 0 and below > wanted:
                place -= 1
                inside = float(bins[place, h])
                below -= inside
            pointer_bin[h, j] = place
            pointer_mass[h, j] = below
            pointer_mass[h, INSIDE + j] = inside
        share = min(max((wanted - below) / max(inside, 1e-30), 0.0), 1.0)
        found[at + j] = BIN_EDGES[place] + (BIN_EDGES[place + 1] - BIN_EDGES[place]) * share


@kernel
def rescale(bins: Singles, pointer_mass: Floats, mass_unit: float) -> None:
    """Divide all masses of a unit: new mass grows by the forgetting factor instead of old mass shrinking."""
    for h in range(N_HISTOGRAMS):
        for b in range(N_BINS):
            bins[b, h] /= mass_unit
        for j in range(TOTAL + 1):
            pointer_mass[h, j] /= mass_unit

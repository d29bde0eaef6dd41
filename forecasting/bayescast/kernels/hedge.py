"""Hedge: per issued level, experts weighted by their discounted pinball loss on the realised window maximum."""

from .jit import kernel
from .state import LEVEL_GRID, LOSS_SCALE, N_EXPERTS, N_LEVELS, R_ISSUED, Floats, Singles


@kernel
def pinball(level: float, outcome: float, quantile: float) -> float:
    """Return the pinball (quantile) loss."""
    miss = outcome - quantile
    return max(level * miss, (level - 1.0) * miss)


@kernel
def learn(
    losses: Floats,
    by_level: Floats,
    unit: int,
    ring_quantile: Singles,
    ring: Floats,
    place: int,
    outcome: float,
    discount: float,
    clip: float,
    windows: int,
) -> None:
    """Add each expert's loss in excess of the issued forecast's, in units of the latter's mean, clipped."""
    share = 1.0 / min(float(windows), 1000.0)
    for j in range(N_LEVELS):
        level = LEVEL_GRID[j]
        own = pinball(level, outcome, ring[place, R_ISSUED + j])
        scale = by_level[unit, LOSS_SCALE, j] + (own - by_level[unit, LOSS_SCALE, j]) * share
        by_level[unit, LOSS_SCALE, j] = scale
        inverse = 1.0 / (scale + 1e-12)
        for e in range(N_EXPERTS):
            miss = outcome - ring_quantile[place, j, e]
            excess = (max(level * miss, (level - 1.0) * miss) - own) * inverse
            losses[unit, j, e] = discount * losses[unit, j, e] + min(max(excess, -clip), clip)


@kernel
def combine(losses: Floats, unit: int, quantiles: Floats, rate: float, share: float, combined: Floats) -> None:
    """Average the experts' quantiles (values, not densities) by their weights; non-decreasing in the level.

    The weight (1 + x/32)^-32 stands for exp(-x) without a call to the mathematics library.
    """
    for j in range(N_LEVELS):
        least = losses[unit, j, 0]
        for e in range(1, N_EXPERTS):
            least = min(least, losses[unit, j, e])
        total = 0.0
        mean = 0.0
        for e in range(N_EXPERTS):
            u = 1.0 / (1.0 + rate / 32.0 * (losses[unit, j, e] - least))
            u *= u
            u *= u
            u *= u
            u *= u
            u *= u
            weight = u + share / N_EXPERTS
            total += weight
            mean += weight * quantiles[j, e]
        combined[j] = mean / total
        if j > 0:
            combined[j] = max(combined[j], combined[j - 1])

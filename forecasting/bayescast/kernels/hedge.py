"""Hedge: per issued level, experts weighted by their discounted pinball loss on the realised window maximum."""

from .jit import kernel
from .state import LEVEL_GRID, LOSS_SCALE, N_EXPERTS, N_LEVELS, R_ISSUED, Floats, Singles


@kernel
def pinball(level: float, outcome: float, quantile: float) -> float:
    """Return the pinball (quantile) loss."""
    miss = outcome - quantile
    return max(level * miss, (level - 1.0) * miss)


@kernel
def skill(own: float, rival: float) -> float:
    """Return 1 minus a mean loss over that of a rival."""
    return 1.0 - own / rival if rival > 0.0 else 0.0


@kernel
def headroom(level: float, own: float, rival: float, load: float) -> float:
    """Return the headroom, as a share of the mean load, that would cost as much as was lost beyond a rival's loss."""
    return (own - rival) / ((1.0 - level) * load) if load > 0.0 else 0.0


@kernel
def learn(
    losses: Floats,
    by_level: Floats,
    ring_quantile: Singles,
    ring: Floats,
    place: int,
    outcome: float,
    discount: float,
    idle: float,
    idle_forgetting: float,
    clip: float,
    windows: int,
    own: Floats,
    inverse: Floats,
    kept: Floats,
) -> None:
    """Add each expert's loss in excess of the issued forecast's, in units of the latter's mean, clipped.

    Losses are forgotten by `discount` a window, more slowly after one that cost next to nothing (`idle` mean losses):
    what one morning taught is still there on the next. own, inverse, kept (levels,) are scratch.
    """
    share = 1.0 / min(float(windows), 1000.0)
    for j in range(N_LEVELS):
        own[j] = pinball(LEVEL_GRID[j], outcome, ring[place, R_ISSUED + j])
        scale = by_level[LOSS_SCALE, j] + (own[j] - by_level[LOSS_SCALE, j]) * share
        by_level[LOSS_SCALE, j] = scale
        inverse[j] = 1.0 / (scale + 1e-12)
        kept[j] = discount if own[j] * inverse[j] > idle else 1.0 - (1.0 - discount) * idle_forgetting
    for e in range(N_EXPERTS):
        for j in range(N_LEVELS):
            excess = (pinball(LEVEL_GRID[j], outcome, ring_quantile[place, e, j]) - own[j]) * inverse[j]
            losses[e, j] = kept[j] * losses[e, j] + min(max(excess, -clip), clip)


@kernel
def combine(
    losses: Floats,
    quantiles: Floats,
    rates: Floats,
    share: float,
    combined: Floats,
    total: Floats,
    weight: Floats,
) -> None:
    """Average the experts' quantiles (values, not densities) by their weights; non-decreasing in the level.

    The weight (1 + x/32)^-32 stands for exp(-x) without a call to the mathematics library. total (levels,) and weight
    (experts * levels,) are scratch.
    """
    for j in range(N_LEVELS):
        least = losses[0, j]
        for e in range(1, N_EXPERTS):
            least = min(least, losses[e, j])
        for e in range(N_EXPERTS):
            weight[e * N_LEVELS + j] = 1.0 + rates[j] / 32.0 * (losses[e, j] - least)
        total[j] = 0.0
        combined[j] = 0.0
    for k in range(len(weight)):
        u = 1.0 / weight[k]
        u *= u
        u *= u
        u *= u
        u *= u
        u *= u
        weight[k] = u + share / N_EXPERTS
    for e in range(N_EXPERTS):
        for j in range(N_LEVELS):
            total[j] += weight[e * N_LEVELS + j]
            combined[j] += weight[e * N_LEVELS + j] * quantiles[e * N_LEVELS + j]
    reached = 0.0
    for j in range(N_LEVELS):
        reached = max(combined[j] / total[j], reached)
        combined[j] = reached

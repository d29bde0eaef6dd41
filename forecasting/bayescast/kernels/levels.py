"""The bank of levels: discounted Gamma posteriors of a Poisson rate, or discounted Normal means of the log load."""

import math

from .jit import kernel
from .state import LEVEL_RATE, LEVEL_SHAPE, LEVEL_Z, Floats


@kernel
def start(levels: Floats, load: float, z: float) -> None:
    """Set all levels to the first load: (shape, rate) = (load, 1), level = z."""
    for g in range(levels.shape[1]):
        levels[LEVEL_SHAPE, g] = load
        levels[LEVEL_RATE, g] = 1.0
        levels[LEVEL_Z, g] = z


@kernel
def learn_gamma(levels: Floats, discounts: tuple[float, ...], load: float, weight: float, offset: float) -> None:
    """Discounted conjugate step, exposure w: shape <- g shape + w y, rate <- g rate + w; level = log(shape / rate + c).

    With rate g the posterior mean is an exponentially weighted one. `weight` < 1 makes the Poisson information equal
    to that of an overdispersed count (Smith 1979; Harvey and Fernandes 1989 for the discounted Gamma).
    """
    for g in range(levels.shape[1]):
        shape = discounts[g] * levels[LEVEL_SHAPE, g] + weight * load
        rate = discounts[g] * levels[LEVEL_RATE, g] + weight
        levels[LEVEL_SHAPE, g] = shape
        levels[LEVEL_RATE, g] = rate
        levels[LEVEL_Z, g] = math.log(shape / rate + offset)


@kernel
def learn_normal(levels: Floats, discounts: tuple[float, ...], z: float) -> None:
    """Steady-state Normal step on the log scale: level <- level + (1 - g)(z - level)."""
    for g in range(levels.shape[1]):
        levels[LEVEL_Z, g] += (1.0 - discounts[g]) * (z - levels[LEVEL_Z, g])


@kernel
def learn_dispersion(scalars: Floats, at: int, load: float, mean: float, long_mean: float, discount: float) -> float:
    """Update and return the overdispersion rho of counts (variance = mean + rho mean^2), kept from column `at` on.

    Method of moments with the squared surprise clipped at 25 predictive variances, so that one spike does not echo.
    """
    rho = scalars[at + 2]
    error = load - mean
    surplus = min(error * error - mean, 25.0 * (mean + rho * mean * mean + 1e-9))
    total = discount * scalars[at] + surplus / (mean * mean + 0.01 * long_mean * long_mean + 1e-9)
    weight = discount * scalars[at + 1] + 1.0
    rho = min(max(0.0, total / weight), 20.0)
    scalars[at] = total
    scalars[at + 1] = weight
    scalars[at + 2] = rho
    return float(rho)

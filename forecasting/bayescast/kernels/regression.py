"""Robust discounted Bayesian regression: the Kalman filter of a slowly moving weight vector, with Student t errors.

A fit is (d + 1, d): the covariance of the weights, then the weights. Features are ring[place, at : at + d]. Rows of a
fit may be longer than d, by zeros, which stay: a multiple of four numbers leaves nothing over where four go at once.
"""

from .jit import kernel
from .state import Floats


@kernel
def predict(fit: Floats, ring: Floats, place: int, at: int) -> float:
    """Return weights . features."""
    d = fit.shape[0] - 1
    total = 0.0
    for a in range(d):
        total += fit[d, a] * ring[place, at + a]
    return total


@kernel
def learn(
    fit: Floats,
    ring: Floats,
    place: int,
    at: int,
    error: float,
    noise: float,
    discount: float,
    prior: float,
    coordinate: int,
    gain: Floats,
    column: Floats,
) -> None:
    """One step in place: weigh the error, learn, forget, and put the prior back into one coordinate.

    The noise grows with the squared error as under a t likelihood with 4 degrees of freedom, so an outlier is
    winsorised. Forgetting divides the covariance by `discount`; observing the prior (variance `prior`) once a round
    in every coordinate keeps directions that are never excited from winding up. The mean is not shrunk by it.
    """
    d, width = fit.shape[0] - 1, fit.shape[1]
    for b in range(width):
        gain[b] = 0.0
    whole = d - d % 4
    for a in range(0, whole, 4):  # four rows at a time: what is added up in between is not stored
        x, y, z, w = ring[place, at + a], ring[place, at + a + 1], ring[place, at + a + 2], ring[place, at + a + 3]
        for b in range(width):
            gain[b] = gain[b] + fit[a, b] * x + fit[a + 1, b] * y + fit[a + 2, b] * z + fit[a + 3, b] * w
    for a in range(whole, d):
        x = ring[place, at + a]
        for b in range(width):
            gain[b] += fit[a, b] * x
    total = noise * max(1.0, (4.0 + error * error / noise) / 5.0)
    for a in range(d):
        total += gain[a] * ring[place, at + a]
    step = error / total
    shrink = 1.0 / total
    grow = 1.0 / discount
    pivot = gain[coordinate] * shrink
    for b in range(width):
        fit[d, b] += gain[b] * step
        column[b] = (fit[coordinate, b] - pivot * gain[b]) * grow
    pull = 1.0 / (prior / ((1.0 - discount) * d) + column[coordinate])
    learned = shrink * grow
    for a in range(d):
        for b in range(width):
            # The product of the pair first: rounding then keeps the matrix symmetric; a skew part would grow for ever.
            fit[a, b] = fit[a, b] * grow - (gain[a] * gain[b]) * learned - (column[a] * column[b]) * pull

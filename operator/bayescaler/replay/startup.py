"""How long a pod takes from being asked for to being ready: one time, or a distribution drawn from with a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

DRAWS = 4096  # pods born before start-up times repeat
_ROUNDING = 1e-9  # of a step: float noise, not a step more


@dataclass(frozen=True, slots=True, eq=False)
class StartUp:
    """A distribution of start-up times, by its inverse: level in [0, 1] to seconds. Can be sent to other processes."""

    name: str
    inverse: Callable[[Floats], Floats]

    def quantile(self, level: float) -> float:
        """Return the seconds within which this share of the pods is ready."""
        return float(self.inverse(np.array([level]))[0])

    def steps(self, step_seconds: float, *, seed: int = 0) -> NDArray[np.int64]:
        """Return whole steps for the k-th pod born, k < DRAWS; a pod ready within a step serves from the next."""
        seconds = self.inverse(np.random.default_rng(seed).random(DRAWS))
        return whole_steps(seconds, step_seconds)


def whole_steps(seconds: ArrayLike, step_seconds: float) -> NDArray[np.int64]:
    """Return how many steps it takes until so many seconds have passed."""
    return np.ceil(np.asarray(seconds, dtype=np.float64) / step_seconds - _ROUNDING).astype(np.int64)


def constant(seconds: float) -> StartUp:
    """Every pod takes `seconds`."""
    _check(seconds >= 0, f"{seconds:g} s ends before it begins; give 0 or more")
    return StartUp(f"{seconds:g} s", partial(_same, float(seconds)))


def uniform(low_seconds: float, high_seconds: float) -> StartUp:
    """Pods take any time between the two."""
    _check(
        0 <= low_seconds <= high_seconds, f"{low_seconds:g} to {high_seconds:g} s is no range; give 0 <= low <= high"
    )
    return StartUp(
        f"uniform {low_seconds:g} to {high_seconds:g} s",
        partial(_between, low_seconds, high_seconds),
    )


def lognormal(median_seconds: float, p90_seconds: float) -> StartUp:
    """Pods take times with this median and 90th percentile, and the long tail that image pulls give."""
    _check(
        0 < median_seconds <= p90_seconds,
        f"lognormal with median {median_seconds:g} and p90 {p90_seconds:g} s; give 0 < median <= p90",
    )
    sigma = np.log(p90_seconds / median_seconds) / ndtri(0.9)
    return StartUp(
        f"lognormal, median {median_seconds:g} s, p90 {p90_seconds:g} s",
        partial(_logarithmic, median_seconds, float(sigma)),
    )


def _same(seconds: float, levels: Floats) -> Floats:
    return np.full(levels.shape, seconds)


def _between(low: float, high: float, levels: Floats) -> Floats:
    return low + (high - low) * levels


def _logarithmic(median: float, sigma: float, levels: Floats) -> Floats:
    return np.asarray(median * np.exp(sigma * ndtri(levels)))


def _check(valid: bool, told: str) -> None:
    if not valid:
        raise ValueError(f"start-up: {told}")

"""Worlds whose law is known: loads to forecast, and the true law of their window maximum to judge the forecast by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescast import LEVELS, Forecaster, ForecastSpec, Kind

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MONDAY = 1_709_510_400.0  # 4 March 2024, 00:00 UTC
PATHS = 400


@dataclass(frozen=True, eq=False)
class World:
    """Buckets that are drawn one by one around a mean that is known at every time.

    mean: times -> means. draw: (generator, means of any shape) -> loads. memory: of the log deviation from the mean,
    from bucket to bucket: 0 is none, 1 a random walk; with it `draw` gives the innovations of the logarithm.
    """

    mean: Callable[[Floats], Floats]
    draw: Callable[[np.random.Generator, Floats], Floats]
    kind: Kind = Kind.COUNT
    step: float = 300.0
    memory: float | None = None

    def times(self, days: float, start: float = MONDAY) -> Floats:
        """Bucket starts."""
        return start + self.step * np.arange(round(days * DAY / self.step))

    def load(self, times: Floats, seed: int = 1) -> Floats:
        """One life of this world."""
        mean = self.mean(times)
        drawn = self.draw(np.random.default_rng(seed), mean)
        if self.memory is None:
            return drawn
        deviation = np.zeros(len(times))
        for i in range(1, len(times)):
            deviation[i] = self.memory * deviation[i - 1] + drawn[i]
        return mean * np.exp(deviation)

    def maxima(self, times: Floats, values: Floats, lead: int, origins: Places) -> Floats:
        """(k, PATHS) draws of the largest load in the `lead` buckets after each of k origins, given what was seen."""
        rng = np.random.default_rng(0)
        if self.memory is None:
            paths = self.draw(rng, np.broadcast_to(self.mean(times), (PATHS, len(times))))
            following = np.lib.stride_tricks.sliding_window_view(paths, lead, axis=1)
            return following[:, origins + 1].max(axis=2).T
        innovations = self.draw(rng, np.ones((PATHS, lead)))
        walks = np.zeros((PATHS, lead))
        for h in range(lead):
            walks[:, h] = (self.memory * walks[:, h - 1] if h else 0.0) + innovations[:, h]
        ahead = times[origins, None] + self.step * np.arange(1, lead + 1)
        deviation = np.log(values[origins] / self.mean(times[origins]))
        drift = np.log(self.mean(ahead)) + self.memory ** np.arange(1, lead + 1) * deviation[:, None]
        return np.exp((drift[:, None, :] + walks[None]).max(axis=2))

    def spec(self, lead: int, **changes: object) -> ForecastSpec:
        """What a user would ask for."""
        return ForecastSpec(**({"step_seconds": self.step, "leads": (lead,), "kind": self.kind} | changes))


def within(maxima: Floats, issued: Floats) -> Floats:
    """The probability, under the true law, that the window stays within each issued quantile: (n, 9)."""
    return np.stack([(maxima <= issued[:, [j]]).mean(axis=1) for j in range(len(LEVELS))], axis=1)


def oracle(maxima: Floats) -> Floats:
    """The true quantiles of the window maximum: (n, 9)."""
    return np.quantile(maxima, LEVELS, axis=1, method="inverted_cdf").T


def cost(maxima: Floats, issued: Floats) -> Floats:
    """The pinball loss that is to be expected under the true law: (n, 9)."""
    columns = []
    for j, level in enumerate(LEVELS):
        miss = maxima - issued[:, [j]]
        columns.append(np.maximum(level * miss, (level - 1.0) * miss).mean(axis=1))
    return np.stack(columns, axis=1)


def daily(peak: float = 100.0, swing: float = 0.6) -> Callable[[Floats], Floats]:
    """A smooth day, lowest at 4 in the morning."""
    return lambda times: peak * (1.0 - swing * np.cos(2 * np.pi * (times / DAY - 4.0 / 24.0)))


def flat(mean: float) -> Callable[[Floats], Floats]:
    """Always the same."""
    return lambda times: np.full(times.shape, mean)


def changed(mean: Callable[[Floats], Floats], factor: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """A mean times what befalls it."""
    return lambda times: mean(times) * factor(times)


def crowd(at: float) -> Callable[[Floats], Floats]:
    """Eight times the load within five minutes, gone with a half-life of twenty."""
    return lambda t: (
        1.0
        + 7.0 * np.where(t < at, 0.0, np.where(t < at + 300.0, (t - at) / 300.0, np.exp(-(t - at - 300.0) / 1800.0)))
    )


def poisson(rng: np.random.Generator, mean: Floats) -> Floats:
    """Independent arrivals."""
    return rng.poisson(mean).astype(np.float64)


def negative_binomial(rho: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Bursty arrivals: variance = mean + rho mean^2."""
    return lambda rng, mean: rng.poisson(mean * rng.gamma(1.0 / rho, rho, np.shape(mean))).astype(np.float64)


def log_normal(sigma: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Noise in proportion to the level."""
    return lambda rng, mean: mean * np.exp(sigma * rng.standard_normal(np.shape(mean)))


def shocks(sigma: float) -> Callable[[np.random.Generator, Floats], Floats]:
    """Innovations of a log deviation that is remembered."""
    return lambda rng, mean: sigma * rng.standard_normal(np.shape(mean))


MEDIAN, NINE, NINE_FIVE, NINE_NINE = (LEVELS.index(level) for level in (0.5, 0.9, 0.95, 0.99))
NOISES = {
    "arrivals": (poisson, Kind.COUNT),
    "bursty arrivals": (negative_binomial(0.02), Kind.COUNT),
    "rate": (log_normal(0.1), Kind.RATE),
    "gauge": (log_normal(0.1), Kind.GAUGE),
}


class Life:
    """One life of a world, what was issued along it, and the truth wherever it is asked for."""

    def __init__(self, world, days, lead, *, values=None, seed=1, start=MONDAY, **spec):
        self.world, self.lead = world, lead
        self.times = world.times(days, start)
        self.lived = world.load(self.times, seed)
        values = self.lived if values is None else values(self.times, self.lived)
        self.issued = Forecaster(world.spec(lead, **spec)).replay(self.times, values)[lead]

    def after(self, first, last):
        """(truth, issued) of the windows that begin in a stretch of time; both ends in epoch seconds."""
        inside = (self.times + self.world.step >= first) & (self.times + self.world.step < last)
        origins = np.flatnonzero(inside)
        truth = self.world.maxima(self.times, self.lived, self.lead, origins)
        return truth, self.issued[origins]

    def ratio(self, first, last):
        """Issued over true quantiles in a stretch: (k, 9)."""
        truth, issued = self.after(first, last)
        return issued / oracle(truth)


def mean_ratio(ratios):
    return np.exp(np.log(ratios).mean(axis=0))

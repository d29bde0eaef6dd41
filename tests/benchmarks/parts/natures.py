"""Loads of two dozen natures, made from a seed: two weeks at one minute, some to be foreseen and some not.

Each is a rate per second about LEVEL. `structured` says that there is something to foresee: what is known of the past
tells more of the next minutes than the newest minute alone does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .load import MONDAY, STEP_SECONDS

Floats = NDArray[np.float64]
Random = np.random.Generator

DAYS, MINUTES, HOUR = 14, 1440, 60
LEVEL = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Nature:
    """One load: `times` are bucket starts (epoch seconds), `rates` per second."""

    name: str
    structured: bool
    times: Floats
    rates: Floats


def natures(seed: int, days: int = DAYS) -> list[Nature]:
    """Make every load; the same seed gives the same numbers, and no load depends on which others there are."""
    minutes = np.arange(days * MINUTES)
    times = MONDAY + STEP_SECONDS * minutes
    return [
        Nature(name, structured, times, np.maximum(make(minutes, np.random.default_rng([seed, *name.encode()])), 0.0))
        for structured, makers in ((True, STRUCTURED), (False, UNFORESEEABLE))
        for name, make in makers.items()
    ]


def day(minutes: NDArray[np.int64], depth: float = 0.8) -> Floats:
    """A smooth day about 1: a low night, a peak in the afternoon."""
    return np.asarray(1.0 - depth * np.cos(2.0 * np.pi * (minutes - 2.0 * HOUR) / MINUTES))


def reverting(count: int, random: Random, *, memory: float, sigma: float) -> Floats:
    """A walk that comes back to 0: `memory` minutes until it has forgotten, `sigma` about 0 in the long run."""
    kept = np.exp(-1.0 / memory)
    shocks, walk, held = random.normal(0.0, sigma * np.sqrt(1.0 - kept * kept), count), np.empty(count), 0.0
    for place in range(count):
        walk[place] = held = kept * held + shocks[place]
    return walk


def counted(rates: Floats, random: Random) -> Floats:
    """Events as they come: Poisson within each minute."""
    return np.asarray(random.poisson(rates * STEP_SECONDS) / STEP_SECONDS)


def pulses(count: int, random: Random, *, a_day: float, heights: Callable[[int], Floats], decay: float) -> Floats:
    """Sudden rises at random that fade over `decay` minutes, added up."""
    came = np.flatnonzero(random.random(count) < a_day / MINUTES)
    out, held, jumps = np.empty(count), 0.0, np.zeros(count)
    jumps[came] = heights(len(came))
    for place in range(count):
        out[place] = held = held * np.exp(-1.0 / decay) + jumps[place]
    return out


def _diurnal(noise: float) -> Callable[[NDArray[np.int64], Random], Floats]:
    def make(minutes: NDArray[np.int64], random: Random) -> Floats:
        return LEVEL * day(minutes) * np.exp(reverting(len(minutes), random, memory=3.0, sigma=noise))

    return make


def _poisson_day(minutes: NDArray[np.int64], random: Random) -> Floats:
    return counted(LEVEL * day(minutes), random)


def _weekly(minutes: NDArray[np.int64], random: Random) -> Floats:
    weekend = (minutes // MINUTES) % 7 >= 5
    return counted(LEVEL * np.where(weekend, 0.3 * day(minutes, 0.3), day(minutes)), random)


def _two_peaks(minutes: NDArray[np.int64], random: Random) -> Floats:
    hours = (minutes % MINUTES) / HOUR
    peaks = sum(np.exp(-(((hours - at) / width) ** 2)) for at, width in ((9.0, 1.0), (19.0, 2.0)))
    return counted(LEVEL * (0.15 + np.asarray(peaks)), random)


def _drifting_day(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Days whose height wanders: yesterday tells the shape, the last hour the level."""
    return counted(LEVEL * day(minutes) * np.exp(reverting(len(minutes), random, memory=720.0, sigma=0.3)), random)


def _growing(minutes: NDArray[np.int64], random: Random) -> Floats:
    return counted(LEVEL * day(minutes) * 1.08 ** (minutes / MINUTES), random)


def _cron(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A batch of three minutes each full hour over a steady load."""
    return counted(LEVEL * np.where(minutes % HOUR < 3, 4.0, 1.0), random)


def _cron_daily(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A day with a batch of a quarter of an hour each night and a smaller one each six hours."""
    batch = np.where((minutes % MINUTES >= 180) & (minutes % MINUTES < 195), 3.0, 0.0)
    return counted(LEVEL * (day(minutes, 0.5) + batch + np.where(minutes % 360 < 5, 1.0, 0.0)), random)


def _office(minutes: NDArray[np.int64], random: Random) -> Floats:
    """On from eight to six on working days, next to nothing else."""
    hours, weekday = (minutes % MINUTES) / HOUR, (minutes // MINUTES) % 7 < 5
    return counted(LEVEL * np.where(weekday & (hours >= 8.0) & (hours < 18.0), 1.0, 0.03), random)


def _sawtooth(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Ramps of six hours that end at once."""
    return counted(LEVEL * (0.2 + (minutes % 360) / 360.0), random)


def _few(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A handful of requests a minute, by the hour of the day."""
    return counted(0.08 * day(minutes), random)


def _flash_days(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Ordinary days with a crowd now and then that triples the load within minutes."""
    crowd = pulses(len(minutes), random, a_day=0.7, heights=lambda k: random.uniform(1.0, 3.0, k), decay=30.0)
    rising = np.convolve(crowd, np.full(4, 0.25))[: len(minutes)]
    return counted(LEVEL * (day(minutes) + rising), random)


def _saturating(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A daily wave that a limit upstream cuts off."""
    noisy = day(minutes, 0.9) * np.exp(reverting(len(minutes), random, memory=10.0, sigma=0.1))
    return LEVEL * np.minimum(noisy, 1.4)


def _steps(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A level that changes by a factor about twice a day and stays."""
    changes = random.random(len(minutes)) < 2.0 / MINUTES
    factors = np.where(changes, random.choice([0.4, 0.6, 1.6, 2.5], len(minutes)), 1.0)
    level = np.empty(len(minutes))
    held = 1.0
    for place, factor in enumerate(factors):
        level[place] = held = min(max(held * factor, 0.2), 3.0)
    return counted(LEVEL * level, random)


def _bursts(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A steady load and bursts with a heavy tail that fade within minutes."""
    burst = pulses(
        len(minutes), random, a_day=8.0, heights=lambda k: np.minimum(random.pareto(1.5, k), 20.0), decay=8.0
    )
    return counted(LEVEL * (1.0 + burst), random)


def _on_off(minutes: NDArray[np.int64], random: Random) -> Floats:
    """On and off by chance, an hour on the average."""
    return counted(LEVEL * np.where(np.cumsum(random.random(len(minutes)) < 1.0 / HOUR) % 2, 1.0, 0.1), random)


def _ramps(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Straight lines between levels drawn anew every two hours."""
    corners = random.uniform(0.2, 2.0, len(minutes) // 120 + 2)
    return counted(LEVEL * np.interp(minutes, 120 * np.arange(len(corners)), corners), random)


def _flash_flat(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Nothing happens, but for a crowd every other day that is ten times the load for a while."""
    crowd = pulses(len(minutes), random, a_day=0.5, heights=lambda k: random.uniform(3.0, 9.0, k), decay=20.0)
    return counted(LEVEL * (1.0 + crowd), random)


def _days_shuffled(minutes: NDArray[np.int64], random: Random) -> Floats:
    """Days of many shapes in no order: each peaks at an hour, and as high, as no other day tells."""
    count = len(minutes) // MINUTES + 1
    at, width, height = (
        random.uniform(0.0, 24.0, count),
        random.uniform(1.0, 6.0, count),
        random.uniform(0.5, 3.0, count),
    )
    today = minutes // MINUTES
    hours = (minutes % MINUTES) / HOUR
    return counted(LEVEL * (0.3 + height[today] * np.exp(-(((hours - at[today]) / width[today]) ** 2))), random)


def _minutes_shuffled(minutes: NDArray[np.int64], random: Random) -> Floats:
    return np.asarray(random.permutation(LEVEL * day(minutes)))


def _noise(sigma: float) -> Callable[[NDArray[np.int64], Random], Floats]:
    def make(minutes: NDArray[np.int64], random: Random) -> Floats:
        return LEVEL * (1.0 + random.normal(0.0, sigma, len(minutes)))

    return make


def _heavy_noise(minutes: NDArray[np.int64], random: Random) -> Floats:
    return LEVEL * np.exp(random.standard_t(3.0, len(minutes)) * 0.2)


def _walk(minutes: NDArray[np.int64], random: Random) -> Floats:
    """A walk of logarithms that a minute moves by 2 %, and that takes two days to come back."""
    return LEVEL * np.exp(reverting(len(minutes), random, memory=2.0 * MINUTES, sigma=0.02 * np.sqrt(MINUTES)))


def _reverting(memory: float, sigma: float) -> Callable[[NDArray[np.int64], Random], Floats]:
    def make(minutes: NDArray[np.int64], random: Random) -> Floats:
        return LEVEL * np.exp(reverting(len(minutes), random, memory=memory, sigma=sigma))

    return make


STRUCTURED: dict[str, Callable[[NDArray[np.int64], Random], Floats]] = {
    "days": _poisson_day,
    "days, noise of 5 %": _diurnal(0.05),
    "days, noise of 20 %": _diurnal(0.2),
    "days, noise of 50 %": _diurnal(0.5),
    "weeks": _weekly,
    "two peaks a day": _two_peaks,
    "days of wandering height": _drifting_day,
    "days that grow": _growing,
    "days cut off by a limit": _saturating,
    "days with crowds": _flash_days,
    "cron each hour": _cron,
    "cron over days": _cron_daily,
    "office hours": _office,
    "sawtooth of six hours": _sawtooth,
    "few requests": _few,
    "ramps": _ramps,
}
UNFORESEEABLE: dict[str, Callable[[NDArray[np.int64], Random], Floats]] = {
    "days shuffled": _days_shuffled,
    "minutes shuffled": _minutes_shuffled,
    "white noise of 10 %": _noise(0.1),
    "white noise of 30 %": _noise(0.3),
    "noise of heavy tails": _heavy_noise,
    "random walk": _walk,
    "walk that reverts in an hour": _reverting(60.0, 0.3),
    "walk that reverts in 10 minutes": _reverting(10.0, 0.3),
    "steps of level": _steps,
    "on and off": _on_off,
    "bursts of heavy tails": _bursts,
    "crowds out of nothing": _flash_flat,
}

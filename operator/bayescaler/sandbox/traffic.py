"""Plausible traffic, made from a seed: what a web service of one region sees over days, per second.

The mean of a bucket is `peak_per_second` times the shape of its local day (a climb to a late-morning peak,
a dip, a higher evening peak, a quiet night), times the weekend's share on Saturday and Sunday, times the
lunch spike on working days, times the flash crowd on the last day, times a slow drift that no calendar
explains. The count of a bucket is negative binomial about that mean: variance mean + mean^2 / `dispersion`,
as bursty arrivals have it and Poisson has not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3600.0
# Hour of the day, share of the peak; between them a straight line on the log scale: loads move by factors.
DAILY_SHAPE = (
    (0.0, 0.42), (2.0, 0.20), (4.0, 0.13), (5.5, 0.15), (7.0, 0.34), (9.0, 0.72), (11.0, 0.86),
    (13.0, 0.76), (15.0, 0.70), (17.0, 0.78), (19.5, 1.0), (21.0, 0.93), (22.5, 0.68), (24.0, 0.42),
)  # fmt: skip
MONDAY_OFFSET_DAYS = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True)
class Shape:
    """What the traffic is like. Hours are of the local day, `utc_offset_hours` ahead of UTC.

    A spike or crowd multiplies the load by its `_factor` at its height; `None` for the flash hour leaves it
    out.
    """

    peak_per_second: float = 600.0
    utc_offset_hours: float = 0.0
    weekend_share: float = 0.62
    lunch_hour: float = 12.25
    lunch_minutes: float = 30.0
    lunch_factor: float = 1.45
    flash_hour: float | None = 15.5
    flash_factor: float = 2.2
    flash_rise_minutes: float = 4.0
    flash_decay_minutes: float = 25.0
    drift: float = 0.06  # standard deviation of the slow drift, on the log scale
    drift_hours: float = 6.0  # how long it takes to forget
    dispersion: float = 250.0  # of the negative binomial; greater is smoother


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """`times` are bucket starts (epoch seconds); `rates` per second, each over its bucket; `means` without
    the noise.
    """

    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    means: NDArray[np.float64]
    step_seconds: float


def traffic(
    start: float, *, days: float = 15.0, step_seconds: float = 60.0, seed: int = 0, shape: Shape | None = None
) -> Traffic:
    """Make traffic of `days` from `start` (epoch seconds) on; the same arguments give the same numbers.

    The last 24 hours hold the flash crowd, at the local `flash_hour`. Raises ValueError on fewer than one
    bucket.
    """
    kind = shape if shape is not None else Shape()
    buckets = round(days * DAY_SECONDS / step_seconds)
    if buckets < 1:
        raise ValueError(f"{days} days hold no bucket of {step_seconds} s; give more days")
    random = np.random.default_rng(seed)
    times = start + step_seconds * np.arange(buckets, dtype=np.float64)
    # A bucket's mean is taken at its middle, in local time.
    local = times + step_seconds / 2 + kind.utc_offset_hours * HOUR_SECONDS
    means = kind.peak_per_second * _daily(local) * _weekly(local, kind) * _lunch(local, kind)
    means = means * _flash(local, local[-1] - DAY_SECONDS, kind) * _drift(buckets, step_seconds, kind, random)
    counts = random.poisson(random.gamma(kind.dispersion, means * step_seconds / kind.dispersion))
    return Traffic(times, counts / step_seconds, means, step_seconds)


def _hour(local: NDArray[np.float64]) -> NDArray[np.float64]:
    return local % DAY_SECONDS / HOUR_SECONDS


def _working_day(local: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (local // DAY_SECONDS + MONDAY_OFFSET_DAYS) % 7 < 5


def _daily(local: NDArray[np.float64]) -> NDArray[np.float64]:
    hours, shares = np.array(DAILY_SHAPE).T
    return np.asarray(np.exp(np.interp(_hour(local), hours, np.log(shares))))


def _weekly(local: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    """One on working days, the weekend's share on the others; from one to the other in the hours about
    midnight.
    """
    hours = (local / HOUR_SECONDS + MONDAY_OFFSET_DAYS * 24) % 168  # since Monday, 0:00
    share, half = shape.weekend_share, (1 + shape.weekend_share) / 2
    return np.interp(hours, (0, 2, 118, 122, 166, 168), (half, 1, 1, share, share, half))


def _lunch(local: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    """A hump that begins on the minute each working day: regular, so a forecast can learn it."""
    minutes = (_hour(local) - shape.lunch_hour) * 60
    inside = _working_day(local) & (minutes >= 0) & (minutes < shape.lunch_minutes)
    # Up within a sixth of its length, then down along a cosine.
    rise = np.clip(minutes / (shape.lunch_minutes / 6), 0, 1)
    fall = np.cos(np.pi / 2 * np.clip(minutes / shape.lunch_minutes, 0, 1))
    return np.where(inside, 1 + (shape.lunch_factor - 1) * rise * fall, 1.0)


def _flash(local: NDArray[np.float64], after: float, shape: Shape) -> NDArray[np.float64]:
    """One crowd nobody could know of: a steep rise to the factor, then an exponential decay."""
    if shape.flash_hour is None:
        return np.ones(local.size)
    begin = after + (shape.flash_hour * HOUR_SECONDS - after) % DAY_SECONDS
    minutes = (local - begin) / 60
    rise = np.clip(minutes / shape.flash_rise_minutes, 0, 1)
    decay = np.exp(-np.clip(minutes - shape.flash_rise_minutes, 0, None) / shape.flash_decay_minutes)
    return 1 + (shape.flash_factor - 1) * rise * decay


def _drift(buckets: int, step_seconds: float, shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    """A stationary first-order autoregression of mean one, on the log scale."""
    memory = np.exp(-step_seconds / (shape.drift_hours * HOUR_SECONDS))
    shocks = random.normal(0.0, shape.drift * np.sqrt(1 - memory**2), buckets)
    level = random.normal(0.0, shape.drift)
    drift = np.empty(buckets)
    for bucket, shock in enumerate(shocks):
        level = memory * level + shock
        drift[bucket] = level
    return np.exp(drift - shape.drift**2 / 2)

"""The grid of buckets that every source answers on, and what the newest bucket says of the source's health.

A bucket is named by its start and is closed when its end has passed. Absent, stale, implausible and zero are four
different things: nothing was ever there; it was, and stopped; something is there that cannot be load; nobody came.
"""

from datetime import UTC, datetime
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy.reasons import Health
from bayescast.inputs import MOST_LOAD

from .port import Series

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def closed_buckets(start: float, end: float, *, step_seconds: float, now: float) -> Floats:
    """Return the starts, aligned to the epoch, of the buckets that start in [start, end) and have ended by `now`."""
    first = ceil(start / step_seconds)
    last = min(ceil(end / step_seconds), floor(now / step_seconds)) - 1
    return np.arange(first, last + 1, dtype=np.float64) * step_seconds


def judged(times: Floats, values: Floats, seen: Flags, *, warnings: tuple[str, ...] = ()) -> Series:
    """Return the series of what was read: implausible values become NaN and are told.

    `times` are bucket starts, shape (n,); `seen` says where the source had any value at all.
    """
    plausible = seen & (values >= 0) & (values <= MOST_LOAD)
    if len(times) and np.count_nonzero(plausible) == len(times):
        return Series(times, values, Health.LIVE, "", warnings)
    clean = np.where(plausible, values, np.nan)
    odd = np.flatnonzero(seen & ~plausible)
    health, message = _health(times, values, seen, odd)
    older = int(np.count_nonzero(odd < len(times) - 1))
    if older:
        warnings += (f"{older} older buckets held NaN, infinite or negative values and were taken as missing",)
    return Series(times, clean, health, message, warnings)


def _health(times: Floats, values: Floats, seen: Flags, odd: NDArray[np.intp]) -> tuple[Health, str]:
    if not len(times):
        return Health.ABSENT, "no bucket has closed in the range asked for"
    if not seen.any():
        return Health.ABSENT, f"no data in any bucket from {_clock(times[0])} to {_clock(times[-1])}"
    newest = int(np.flatnonzero(seen)[-1])
    missing = len(times) - 1 - newest
    if missing:
        return (
            Health.STALE,
            f"the newest {missing} buckets have no data; the last that has any is {_clock(times[newest])}",
        )
    if len(odd) and odd[-1] == newest:
        return (
            Health.IMPLAUSIBLE,
            f"the newest bucket, {_clock(times[newest])}, holds {values[newest]:g}, which is no load",
        )
    return Health.LIVE, ""


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Jumps in time: how far ahead of the one before a bucket comes, and the missing buckets that are entered between."""

import numpy as np
from numpy.typing import NDArray

from .errors import OutOfOrder
from .spec import ForecastSpec

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def ahead_of(times: Floats, step_seconds: float) -> Floats:
    """Return how many buckets after its predecessor each of a history comes, (n,), 1 for the first; OutOfOrder."""
    ahead = np.ones(len(times))
    ahead[1:] = np.rint(np.diff(times) / step_seconds)
    if (late := np.flatnonzero(ahead < 1)).size:
        i = int(late[0])
        raise OutOfOrder(
            f"times[{i}] = {times[i]:.0f} is not a bucket after times[{i - 1}] = {times[i - 1]:.0f} "
            f"({late.size} such): sort the history and keep one value a bucket"
        )
    return ahead


def fill(times: Floats, ahead: Floats, spec: ForecastSpec) -> tuple[Integers, Floats, Floats]:
    """Return (index, time) of every bucket when bucket i comes ahead[i] buckets after its predecessor.

    A gap longer than settings.gap_limit_seconds is entered as its last stretch of that length, or of the longest
    window, so that none spans it. Third: how many buckets were passed over before bucket i, (n,).
    """
    most = max(max(spec.leads) + 1, spec.settings.gap_limit_seconds // spec.step_seconds)
    repeat = np.minimum(ahead, most).astype(np.int64)
    index = np.repeat(np.arange(len(times)), repeat)
    behind = np.cumsum(repeat)[index] - 1 - np.arange(len(index))
    return index, times[index] - behind * spec.step_seconds, ahead - repeat

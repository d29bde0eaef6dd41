"""Which buckets of load can be known at an instant, and for how long the newest one stands for now.

The last two take numbers, or arrays of one shape.
"""

from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Age = float | NDArray[np.float64]


def closed_until(now: float, step_seconds: float, lag_seconds: float) -> float:
    """Return the end of the newest bucket that has been closed for `lag_seconds`."""
    return floor((now - lag_seconds) / step_seconds) * step_seconds


def is_live(age_seconds: Age, step_seconds: float, lag_seconds: float) -> Any:
    """Return whether a load whose bucket ended so long ago stands for the load now: not the second to be missing."""
    return (age_seconds >= -step_seconds) & (age_seconds <= 2 * step_seconds + 2 * lag_seconds)


def missed_buckets(age_seconds: Age, step_seconds: float) -> Any:
    """Return by how many buckets a forecast has aged: its window has to reach as far from now as was promised."""
    if isinstance(age_seconds, float):
        return max(int(age_seconds // step_seconds) - 1, 0)
    return np.maximum(age_seconds // step_seconds - 1, 0).astype(np.int64)

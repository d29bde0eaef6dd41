"""The load that benchmarks run on: a service's day, the same for every run."""

import numpy as np
from numpy.typing import NDArray

from bayescaler.sandbox.traffic import traffic

MONDAY = 1_767_571_200.0  # 2026-01-05T00:00:00Z
STEP_SECONDS = 60.0


def history(days: float, *, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bucket starts (epoch seconds) and loads per second of `days` at one minute."""
    made = traffic(MONDAY, days=days, step_seconds=STEP_SECONDS, seed=seed)
    return made.times, made.rates

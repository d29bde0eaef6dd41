"""The load to prepare for, and the pods that hold it.

With a quantile q and a buffer b, the smallest n with P((1 + b) * max load <= n * capacity) >= q is
ceil((1 + b) * Q(q) / capacity): 571/s at 50/s each needs 12.
"""

from math import ceil

from .kernels.columns import MOST, ROUNDING

DEFAULT_QUANTILE = 0.95  # where no other aim is given
WINDOW_SECONDS = 1800.0
"""What a scale-in has to be right for, where the lead time is shorter. Half an hour: a quarter turns half as often
again, an hour costs a twentieth more of what is above the clairvoyant (docs/benchmarks.md)."""
WINDOW_BUCKETS = 180  # what a forecaster keeps of a lead grows with its buckets


def windows(lead: int, step_seconds: float) -> tuple[int, ...]:
    """Return the windows, in buckets, that a forecast is needed for: the lead's, and the longer one if it is longer."""
    return tuple(dict.fromkeys((lead, max(lead, min(ceil(WINDOW_SECONDS / step_seconds), WINDOW_BUCKETS)))))


def pods(need: float) -> int:
    """Return the whole pods that hold `need`."""
    return ceil(min(need, MOST) * (1.0 - ROUNDING))

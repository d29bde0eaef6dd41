"""The load to prepare for, and the pods that hold it.

With a quantile q and a buffer b, the smallest n with P((1 + b) * max load <= n * capacity) >= q is
ceil((1 + b) * Q(q) / capacity): 571/s at 50/s each needs 12.
"""

from math import ceil, isfinite

from .kernels.rules import MOST, ROUNDING
from .predictive import Predictive
from .types import Policy


def pods(need: float) -> int:
    """Return the whole pods that hold `need`."""
    return ceil(min(need, MOST) * (1.0 - ROUNDING))


def demand_of(policy: Policy, predictive: Predictive | None) -> float | None:
    """Return the load to prepare for, with the buffer, or None where the forecast cannot say."""
    if predictive is None:
        return None
    load = float(predictive.quantile(policy.quantile))
    return load * (1.0 + policy.buffer) if isfinite(load) and load >= 0 else None

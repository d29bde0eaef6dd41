"""Steering that begins with what a history teaches, not with a guess."""

import numpy as np

from .along import History, blank, decide_along
from .kernels import books as ladder
from .kernels import columns as col
from .kernels.columns import Floats
from .objective import pods
from .state import empty_ledger
from .types import Policy


def primed(policy: Policy, ends: Floats, loads: Floats, outlooks: Floats) -> Floats:
    """Return the ledger of a policy with a budget after every price was replayed on a history.

    ends: (n,) of the buckets, epoch seconds, rising. loads: (n,), NaN where missing, and outlooks, (n, 2, 9), what was
    forecast after each, both in the unit of the capacity. Replicas ran as somebody else saw fit until now: what was
    overspent meanwhile is not held against the budget.
    """
    there = np.isfinite(loads) & np.isfinite(outlooks).all(axis=(1, 2))
    if policy.budget is None or not there.any() or not np.isfinite(policy.capacity):
        return empty_ledger(policy)
    buckets = np.stack((ends[there], loads[there]), axis=1)
    count = len(buckets)
    seen = blank(count)
    seen[:, col.NOW] = buckets[:, 0] + policy.budget.lag_seconds
    seen[:, col.LOAD_AT], seen[:, col.LOAD] = buckets.T
    seen[0, col.REPLICAS] = max(pods(buckets[0, 1] / policy.capacity), 1)
    outlooks = np.ascontiguousarray(outlooks[there])
    past = History(seen, buckets, np.arange(count) + 1, outlooks, np.arange(count), policy.budget.step_seconds)
    ledger = decide_along(policy, past)[1][-1].ledger
    figures = ladder.opened(ledger).figures
    figures[ladder.SHORT] = ladder.AIM * policy.budget.share * figures[ladder.WEIGHT]
    figures[ladder.OWN_COUNT] = 0.0
    return ledger

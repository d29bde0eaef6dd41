"""Steering that begins with what a history teaches, not with a guess."""

import numpy as np

from .kernels import columns as col
from .kernels import steering as ladder
from .kernels.columns import Floats, Steering
from .kernels.step import run
from .objective import pods
from .state import State, empty_steering, empty_windows
from .types import Policy


def primed(policy: Policy, ends: Floats, loads: Floats, outlooks: Floats) -> Steering:
    """Return the steering of a policy with a budget after every price was replayed on a history.

    ends: (n,) of the buckets, epoch seconds, rising. loads: (n,), NaN where missing, and outlooks, (n, 2, 9), what was
    forecast after each, both in the unit of the capacity. Replicas ran as somebody else saw fit until now: what was
    overspent meanwhile is not held against the budget.
    """
    steering, there = empty_steering(policy), np.isfinite(loads) & np.isfinite(outlooks).all(axis=(1, 2))
    if policy.budget is None or not there.any() or not np.isfinite(policy.capacity):
        return steering
    count, rules = int(there.sum()), policy.columns
    seen = np.full((count, col.N_SEEN), np.nan)
    seen[:, col.NOW] = ends[there] + policy.budget.lag_seconds
    seen[:, col.LOAD], seen[:, col.LOAD_AT] = loads[there], ends[there]
    seen[:, col.TRUSTED] = seen[:, col.SCALE_IN_ALLOWED] = 1.0
    seen[:, col.ROLLING_OUT] = 0.0
    seen[0, col.REPLICAS] = max(pods(float(loads[there][0]) / policy.capacity), 1)
    longest = max(rules[0][col.UP_WINDOW], rules[0][col.DOWN_WINDOW], *rules[1][:, col.PERIOD])
    state = State(windows=empty_windows(int(longest / policy.budget.step_seconds) + 3), steering=steering)
    run(
        *rules,
        seen,
        np.ascontiguousarray(outlooks[there]),
        np.arange(count),
        state.memory,
        state.windows,
        steering,
        np.empty((col.N_TRAIL, col.N_SAID)),
        0,
        count,
        np.empty((count, 3), dtype=np.int64),
    )
    figures = steering.figures
    figures[ladder.SHORT] = ladder.AIM * policy.budget.share * figures[ladder.WEIGHT]
    figures[ladder.OWN_COUNT] = 0.0
    return steering

"""The rules along a history: all its decisions at once, each on what was known by then."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from .kernels import columns as col
from .kernels.columns import Floats, Integers
from .kernels.step import run
from .state import State, empty_ledger, empty_windows
from .types import Policy


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was known at each of n decisions.

    seen: (n, N_SEEN) as in `kernels.columns`, of which REPLICAS is only given in the first row. buckets: (b, 2) of
    (end, load), rising, NaN where missing; the first `heard`, (n,), of them were known. outlooks: (m, 2, 9), in
    the unit of the capacity; `issued`, (n,), tells each decision's. interval_seconds: what is between two decisions.
    """

    seen: Floats
    buckets: Floats
    heard: Integers
    outlooks: Floats
    issued: Integers
    interval_seconds: float


def blank(count: int) -> Floats:
    """Return the `seen` of so many decisions at which all is well, for the rest to be written in."""
    seen = np.full((count, col.N_SEEN), np.nan)
    seen[:, col.TRUSTED] = seen[:, col.SCALE_IN_ALLOWED] = 1.0
    seen[:, col.ROLLING_OUT] = 0.0
    return seen


def decide_along(policy: Policy, history: History, pauses: Sequence[int] = ()) -> tuple[Integers, list[State]]:
    """Return what was decided, (n, 3) of `kernels.step`, and the state before each of some decisions, rising, and last.

    What is wanted runs at the next decision; `seen` is completed.
    """
    rules, policies = policy.columns
    longest = max(rules[col.UP_WINDOW], rules[col.DOWN_WINDOW], *policies[:, col.PERIOD])
    windows = empty_windows(ceil(longest / history.interval_seconds) + 3)
    state, kept = State(windows=windows, ledger=empty_ledger(policy)), list[State]()
    count, trail = len(history.seen), np.empty((col.N_TRAIL, col.N_SAID))
    out = np.empty((count, 3), dtype=np.int64)
    for first, end in pairwise((0, *pauses, count)):
        run(
            rules,
            policies,
            state.memory,
            state.windows,
            state.ledger,
            history.seen,
            history.buckets,
            history.heard,
            history.outlooks,
            history.issued,
            first,
            end,
            trail,
            out,
        )
        kept.append(state.copy())
    return out, kept

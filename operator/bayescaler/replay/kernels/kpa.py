"""Knative's autoscaler: a stable and a panic window over the same load, limited in rate by the ready pods."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

from .fleet import READY, bring_to

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PANIC_SINCE, PANIC_PODS, ACTIVE_SINCE, IDLE_SINCE = range(4)  # places in the memory; NaN where not so
_MOST = 2.0**31 - 1.0


class Decider(NamedTuple):
    """What one revision is scaled by; `target` is what one pod is to have, times as seconds."""

    target: float
    stable_window_seconds: float
    panic_window_seconds: float
    panic_threshold: float
    max_scale_up_rate: float
    max_scale_down_rate: float
    activation_scale: int
    scale_down_delay_seconds: float
    scale_to_zero_grace_period_seconds: float
    min_scale: int
    max_scale: int
    tick_seconds: float
    interval_seconds: float


@entry
def tick(decider: Decider, memory: Floats, stable: float, panic: float, ready: int, now: float) -> int:
    """Return the pods desired from the averages of both windows; `memory` keeps the panic."""
    pods = max(1.0, float(ready))
    up = np.ceil(decider.max_scale_up_rate * pods)
    down = np.floor(pods / decider.max_scale_down_rate)
    stable_need, panic_need = np.ceil(stable / decider.target), np.ceil(panic / decider.target)
    desired, surge = min(max(stable_need, down), up), min(max(panic_need, down), up)
    if decider.activation_scale > 1:
        if stable_need > 0.0:
            desired = max(desired, decider.activation_scale)
        if panic_need > 0.0:
            surge = max(surge, decider.activation_scale)
    if panic_need / pods >= decider.panic_threshold:
        memory[PANIC_SINCE] = now
    elif memory[PANIC_SINCE] + decider.stable_window_seconds < now:
        memory[PANIC_SINCE], memory[PANIC_PODS] = np.nan, 0.0
    if not np.isnan(memory[PANIC_SINCE]):
        memory[PANIC_PODS] = max(memory[PANIC_PODS], desired, surge)
        desired = memory[PANIC_PODS]
    return int(min(desired, _MOST))


@kernel
def to_zero(decider: Decider, memory: Floats, desired: int, current: int, now: float) -> int:
    """Return `desired`, or what is kept instead of none: one pod until the revision was active for a stable window,
    all of them for the grace period after it.
    """
    if desired > 0:
        if not np.isnan(memory[IDLE_SINCE]):
            memory[ACTIVE_SINCE], memory[IDLE_SINCE] = now, np.nan
        return desired
    if now - memory[ACTIVE_SINCE] < decider.stable_window_seconds:
        return min(current, 1)
    if np.isnan(memory[IDLE_SINCE]):
        memory[IDLE_SINCE] = now
    return 0 if now - memory[IDLE_SINCE] >= decider.scale_to_zero_grace_period_seconds else current


@entry
def run_kpa(
    decider: Decider,
    stable: Floats,
    panic: Floats,
    start: int,
    startups: Integers,
    counts: Integers,
    due: Integers,
    memory: Floats,
    delayed: Integers,
    out: Integers,
) -> None:
    """Write the replicas at each decision from the averages known then, shapes (n,); NaN: no data, no decision.

    Between two decisions the autoscaler ticks on with what it knew before; pods it lets go are gone at its next tick.
    With a scale-down delay the largest of the decisions within it stands (`delayed`, (n,), keeps them). memory: (4,).
    """
    current = start
    counts[READY] = start
    # A start with more than one pod begins in panic: history was lost, and they are to be kept.
    memory[PANIC_SINCE] = 0.0 if start > 1 else np.nan
    memory[PANIC_PODS] = float(start) if start > 1 else 0.0
    memory[ACTIVE_SINCE], memory[IDLE_SINCE] = 0.0, np.nan
    ticks = max(1, int(decider.interval_seconds / decider.tick_seconds))
    earlier = int(np.ceil(decider.scale_down_delay_seconds / decider.interval_seconds)) - 1
    for step in range(len(stable)):
        bring_to(counts, due, startups, step, current)
        ready = counts[READY]
        delayed[step] = current
        for turn in range(1 - ticks, 1):
            informed = step if turn == 0 else step - 1
            if informed < 0 or np.isnan(stable[informed]):
                continue
            now = step * decider.interval_seconds + turn * decider.tick_seconds
            delayed[step] = tick(decider, memory, stable[informed], panic[informed], ready, now)
            desired = delayed[step]
            for before in range(max(0, step - earlier), step):
                desired = max(desired, delayed[before])
            desired = min(max(desired, decider.min_scale), decider.max_scale)
            current = to_zero(decider, memory, desired, current, now)
            ready = min(ready, current)
        bring_to(counts, due, startups, step, current)
        out[step] = current

"""`behavior` of autoscaling/v2, field for field: stabilization and policies over bounded windows.

Source: `normalizeDesiredReplicasWithBehaviors` and its callees in Kubernetes'
`pkg/controller/podautoscaler/horizontal.go`. From 10 replicas the defaults allow max(10 + 4, 10 * 2) = 20; with 3 of
the 10 added in the last 15 s they started at 7 and allow 14.

An entry is inside a window while it is younger than the window is long. The extremes are monotone queues: an entry
that a later one outlives and outbids can never be the extreme again, so the first entry is the extreme.
"""

import numpy as np

from bayescast.kernels.jit import kernel

from .columns import (
    COUNT,
    DIRECTION,
    DOWN_SELECT,
    DOWN_WINDOW,
    DOWNS,
    HIGHEST,
    IS_PERCENT,
    LOWEST,
    N_WINDOWS,
    PERIOD,
    SELECT_DISABLED,
    SELECT_MAX,
    UP_SELECT,
    UP_WINDOW,
    UPS,
    VALUE,
    Floats,
)

_FULL = 100.0  # percent


@kernel
def begin(memory: Floats, windows: Floats, replicas: float, now: float) -> None:
    """Start the windows of a workload first seen with `replicas`: as if they had just been recommended."""
    for window in (HIGHEST, LOWEST):
        memory[COUNT + window] = 1.0
        windows[window, 0, 0] = now
        windows[window, 0, 1] = replicas
    memory[COUNT + UPS] = 0.0
    memory[COUNT + DOWNS] = 0.0


@kernel
def forget_all(memory: Floats) -> None:
    """Empty the windows."""
    for window in range(N_WINDOWS):
        memory[COUNT + window] = 0.0


@kernel
def forget(memory: Floats, windows: Floats, window: int, cutoff: float) -> None:
    """Drop the entries that are not later than `cutoff`."""
    count = int(memory[COUNT + window])
    gone = 0
    while gone < count and windows[window, gone, 0] <= cutoff:
        gone += 1
    if gone:
        for place in range(gone, count):
            windows[window, place - gone, 0] = windows[window, place, 0]
            windows[window, place - gone, 1] = windows[window, place, 1]
        memory[COUNT + window] = float(count - gone)


@kernel
def append(memory: Floats, windows: Floats, window: int, at: float, value: float) -> None:
    """Add an entry; the caller has made room."""
    place = int(memory[COUNT + window])
    windows[window, place, 0] = at
    windows[window, place, 1] = value
    memory[COUNT + window] = float(place + 1)


@kernel
def remember(rules: Floats, memory: Floats, windows: Floats, desired: float, now: float) -> None:
    """Note that `desired` replicas are recommended at `now`."""
    for window in (HIGHEST, LOWEST):
        seconds = rules[DOWN_WINDOW] if window == HIGHEST else rules[UP_WINDOW]
        sign = 1.0 if window == HIGHEST else -1.0
        forget(memory, windows, window, now - seconds)
        count = int(memory[COUNT + window])
        while count and sign * windows[window, count - 1, 1] <= sign * desired:
            count -= 1
        memory[COUNT + window] = float(count)
        append(memory, windows, window, now, desired)


@kernel
def record(policies: Floats, memory: Floats, windows: Floats, change: float, at: float) -> None:
    """Note that `change` replicas were added at `at`, removed if negative."""
    longest = 0.0
    for row in range(len(policies)):
        longest = max(longest, policies[row, PERIOD])
    forget(memory, windows, UPS, at - longest)
    forget(memory, windows, DOWNS, at - longest)
    if change > 0.0:
        append(memory, windows, UPS, at, change)
    elif change < 0.0:
        append(memory, windows, DOWNS, at, -change)


@kernel
def stabilized(windows: Floats, current: float, desired: float) -> float:
    """Return `desired`, which is remembered already, held back by both windows; neither crosses `current`."""
    if desired > current:
        return max(current, float(windows[LOWEST, 0, 1]))
    return min(current, float(windows[HIGHEST, 0, 1]))


@kernel
def limit(
    rules: Floats, policies: Floats, memory: Floats, windows: Floats, current: float, now: float, direction: float
) -> float:
    """Return how far the policies of one direction let `current` go at `now`."""
    select = rules[UP_SELECT] if direction > 0.0 else rules[DOWN_SELECT]
    found, reached = False, current
    if select != SELECT_DISABLED:
        for row in range(len(policies)):
            if policies[row, DIRECTION] != direction:
                continue
            cutoff = now - policies[row, PERIOD]
            begun = current - _total(memory, windows, UPS, cutoff) + _total(memory, windows, DOWNS, cutoff)
            allowed = _allowed(begun, policies[row, IS_PERCENT], policies[row, VALUE], direction)
            further = (allowed - reached) * direction > 0.0
            if not found or further == (select == SELECT_MAX):
                found, reached = True, allowed
    return max(reached, current) if direction > 0.0 else min(reached, current)


@kernel
def _allowed(begun: float, is_percent: float, value: float, direction: float) -> float:
    if is_percent == 0.0:
        return begun + direction * value
    if direction > 0.0:
        return float(np.ceil(begun * (1.0 + value / _FULL)))  # or a percentage of few pods would never add one
    return float(np.trunc(begun * (1.0 - value / _FULL)))


@kernel
def _total(memory: Floats, windows: Floats, window: int, cutoff: float) -> float:
    total = 0.0
    for place in range(int(memory[COUNT + window])):
        if windows[window, place, 0] > cutoff:
            total += windows[window, place, 1]
    return total

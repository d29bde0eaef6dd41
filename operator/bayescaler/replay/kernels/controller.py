"""One HPA controller in a loop: proposal, stabilization, policies, limits; what KEDA, PHPA and Crane share.

The arithmetic is that of `replay.hpa.step`, on arrays of the whole history instead of bounded windows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

from .fleet import READY, STARTING, bring_to

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEGACY, SELECT_MAX, SELECT_MIN, SELECT_DISABLED = range(4)
NOTHING = -1  # in `recommended`: no recommendation was made at this sync
_ROUNDING = 1e-9  # of a need: float noise, not load; as in policy.objective
_MOST = 2.0**31 - 1.0  # replicas are int32
_FULL = 100.0  # percent


class Rules(NamedTuple):
    """How one controller turns proposals into replicas; windows and periods count earlier syncs that fall inside.

    policies: (k, 4) rows of direction (1 or -1), whether the value is a percentage, value, earlier syncs.
    """

    min_replicas: int
    max_replicas: int
    up_tolerance: float
    down_tolerance: float
    up_select: int  # LEGACY in both: without `behavior`
    down_select: int
    up_window: int
    down_window: int
    policies: Floats


@kernel
def whole(need: float) -> int:
    """Return the whole pods that hold `need`."""
    return int(np.ceil(min(need, _MOST) * (1.0 - _ROUNDING)))


@kernel
def proposal(rules: Rules, metric: float, target: float, current: int) -> int:
    """Return what a total with an AverageValue target asks for, or `current` within tolerance."""
    if current > 0:
        ratio = metric / (target * current)
        if 1.0 - rules.down_tolerance <= ratio <= 1.0 + rules.up_tolerance:
            return current
    return whole(metric / target)


@kernel
def limit(rules: Rules, changed: Integers, sync: int, current: int, direction: int) -> int:
    """Return how far the policies of one direction let the replicas go at this sync."""
    select = rules.up_select if direction > 0 else rules.down_select
    found, reached = False, current
    if select != SELECT_DISABLED:
        for row in range(len(rules.policies)):
            if rules.policies[row, 0] != direction:
                continue
            begun = current
            for earlier in range(max(0, sync - int(rules.policies[row, 3])), sync):
                begun -= changed[earlier]
            value = rules.policies[row, 2]
            if rules.policies[row, 1] == 0.0:
                allowed = begun + direction * int(value)
            elif direction > 0:
                allowed = int(np.ceil(begun * (1.0 + value / _FULL)))
            else:
                allowed = int(begun * (1.0 - value / _FULL))
            further = (allowed - reached) * direction > 0
            if not found or further == (select == SELECT_MAX):
                found, reached = True, allowed
    return max(reached, current) if direction > 0 else min(reached, current)


@kernel
def settle(
    rules: Rules, recommended: Integers, changed: Integers, sync: int, start: int, current: int, proposed: int
) -> int:
    """Return the replicas after stabilization, policies and limits, and remember what was proposed.

    recommended, changed: (n,) proposals and changes of the syncs before. start: replicas when the controller first
    saw the workload, which count as recommended then.
    """
    highest, lowest = proposed, proposed
    for earlier in range(max(0, sync - rules.down_window), sync):
        if recommended[earlier] != NOTHING:
            highest = max(highest, recommended[earlier])
    for earlier in range(max(0, sync - rules.up_window), sync):
        if recommended[earlier] != NOTHING:
            lowest = min(lowest, recommended[earlier])
    if sync <= rules.down_window:
        highest = max(highest, start)
    if sync <= rules.up_window:
        lowest = min(lowest, start)
    recommended[sync] = proposed
    if rules.up_select == LEGACY:
        most = min(rules.max_replicas, max(2 * current, 4))
        return max(min(highest, most), rules.min_replicas)
    wanted = max(current, lowest) if proposed > current else min(current, highest)
    if wanted > current:
        return min(wanted, limit(rules, changed, sync, current, 1), rules.max_replicas)
    if wanted < current:
        return max(wanted, limit(rules, changed, sync, current, -1), rules.min_replicas)
    return wanted


@kernel
def sync_once(
    rules: Rules,
    recommended: Integers,
    changed: Integers,
    sync: int,
    start: int,
    current: int,
    proposed: int,
    incomplete: bool,
) -> int:
    """Return the replicas after one sync of a controller whose metrics propose so many; NOTHING: all failed.

    incomplete: another metric failed, which holds a scale-in but not a raise.
    """
    desired = current
    recommended[sync] = NOTHING
    if current != 0 or rules.min_replicas == 0:
        if current > rules.max_replicas:
            desired = rules.max_replicas
        elif current < rules.min_replicas:
            desired = rules.min_replicas
        elif proposed != NOTHING and not (incomplete and proposed < current):
            desired = settle(rules, recommended, changed, sync, start, current, proposed)
    changed[sync] = desired - current
    return desired


@entry
def run_external(
    rules: Rules,
    metrics: Floats,
    incomplete: NDArray[np.bool_],
    target: float,
    start: int,
    recommended: Integers,
    changed: Integers,
    out: Integers,
) -> None:
    """Write the replicas after each sync on one External metric with an AverageValue target; NaN: not to be had.

    Several such metrics with one target are one: the largest, as proposals rise with the metric. All shapes (n,).
    """
    current = start
    for sync in range(len(metrics)):
        proposed = proposal(rules, metrics[sync], target, current) if np.isfinite(metrics[sync]) else NOTHING
        current = sync_once(rules, recommended, changed, sync, start, current, proposed, incomplete[sync])
        out[sync] = current


@entry
def pods_proposal(
    rules: Rules, usage: float, measured: int, missing: int, unready: int, request: float, target: int, current: int
) -> int:
    """Return what a Resource metric with a Utilization target asks for, NOTHING without a measured ready pod.

    usage: summed over `measured` ready pods. missing, unready: pods without a sample, and pods not ready. request:
    what each pod requests, in the unit of usage. target: percent. Source: `GetResourceReplicas`.
    """
    if measured == 0:
        return NOTHING
    ratio = int(_FULL * usage / (measured * request) * (1.0 + _ROUNDING)) / target
    least, most = 1.0 - rules.down_tolerance, 1.0 + rules.up_tolerance
    filled_unready = unready > 0 and ratio > 1.0
    if missing == 0 and not filled_unready:
        return current if least <= ratio <= most else whole(ratio * measured)
    # A pod without a sample is taken to be what argues against the change.
    if ratio < 1.0:
        usage += missing * request * max(_FULL, float(target)) / _FULL
    pods = measured + missing + (unready if filled_unready else 0)
    again = int(_FULL * usage / (pods * request) * (1.0 + _ROUNDING)) / target
    if least <= again <= most or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    wanted = whole(again * pods)
    if (again < 1.0 and wanted > current) or (again > 1.0 and wanted < current):
        return current
    return wanted


@entry
def run_resource(
    rules: Rules,
    loads: Floats,
    capacity: float,
    usage_limit: float,
    target: int,
    start: int,
    startups: Integers,
    counts: Integers,
    due: Integers,
    recommended: Integers,
    changed: Integers,
    out: Integers,
) -> None:
    """Write the replicas after each sync on a Resource metric of the pods themselves; NaN in loads: no samples.

    A pod at `capacity` uses its request, and never more than usage_limit requests. The pods live in the same fleet
    as the service's: those that start are unready and use nothing.
    """
    current = start
    counts[READY] = start
    for sync in range(len(loads)):
        bring_to(counts, due, startups, sync, current)
        proposed = NOTHING
        if np.isfinite(loads[sync]) and counts[READY] > 0:
            usage = min(loads[sync], usage_limit * capacity * counts[READY])
            proposed = pods_proposal(rules, usage, counts[READY], 0, counts[STARTING], capacity, target, current)
        current = sync_once(rules, recommended, changed, sync, start, current, proposed, False)
        bring_to(counts, due, startups, sync, current)
        out[sync] = current

"""One HPA controller in a loop: proposal, stabilization, policies, limits; what KEDA, PHPA and Crane share.

The arithmetic is that of `replay.hpa.step`, on arrays of the whole history instead of bounded windows; both are held
to the real controller by `tests/e2e/test_hpa_golden.py`.
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
ROUNDING = 1e-9  # of a quantity: float noise, not load
MOST = 2.0**31 - 1.0  # replicas are int32
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
    up_longest: int  # period of the policies of that direction
    down_longest: int
    policies: Floats


class Memory(NamedTuple):
    """What one controller has proposed and changed, by sync; shapes (n,), (n,), (2, n) and (2,).

    `places` holds the syncs of the changes that upstream remembers, up and down, in its order: `remember` says why it
    matters. `taken` counts them.
    """

    recommended: Integers
    changed: Integers  # 0 also where forgotten
    places: Integers
    taken: Integers


def memory_of(count: int) -> Memory:
    """Return the memory of a controller that has not synced yet, with room for so many syncs."""
    recommended, changed = (np.empty(count, dtype=np.int64) for _ in range(2))
    return Memory(recommended, changed, np.empty((2, count), dtype=np.int64), np.zeros(2, dtype=np.int64))


@kernel
def milli(quantity: float) -> float:
    """Return a quantity in thousandths, rounded up, as an HPA reads every metric and target."""
    scaled = 1000.0 * quantity
    nearest = float(np.rint(scaled))
    return nearest if abs(scaled - nearest) <= ROUNDING * abs(scaled) else float(np.ceil(scaled))


@kernel
def whole(need: float) -> int:
    """Return the whole pods that hold `need`; float noise counts as need, as upstream."""
    return int(np.ceil(max(0.0, min(need, MOST))))


@kernel
def proposal(rules: Rules, metric: float, target: float, current: int) -> int:
    """Return what a total with an AverageValue target asks for, or `current` within tolerance."""
    usage, each = milli(metric), milli(target)
    if current > 0:
        ratio = usage / (each * current)
        if 1.0 - rules.down_tolerance <= ratio <= 1.0 + rules.up_tolerance:
            return current
    return whole(usage / each)


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
def remember(rules: Rules, memory: Memory, sync: int, change: int) -> None:
    """Remember what a sync changed, in the place of an older change where upstream has it there.

    That is the last place of a change older than every period of its own direction, though the other direction may
    look back further and will miss it: `storeScaleEvent`.
    """
    memory.changed[sync] = change
    if change == 0 or rules.up_select == LEGACY:
        return
    way, longest = (0, rules.up_longest) if change > 0 else (1, rules.down_longest)
    place = memory.taken[way]
    for earlier in range(memory.taken[way]):
        if sync - memory.places[way, earlier] > longest:
            place = earlier
    if place == memory.taken[way]:
        memory.taken[way] += 1
    else:
        memory.changed[memory.places[way, place]] = 0
    memory.places[way, place] = sync


@kernel
def settle(rules: Rules, memory: Memory, sync: int, start: int, current: int, proposed: int) -> int:
    """Return the replicas after stabilization, policies and limits, and keep what was proposed.

    start: replicas when the controller first saw the workload, which count as recommended then.
    """
    recommended, changed = memory.recommended, memory.changed
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
    memory: Memory,
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
    memory.recommended[sync] = NOTHING
    if current != 0 or rules.min_replicas == 0:
        if current > rules.max_replicas:
            desired = rules.max_replicas
        elif current < rules.min_replicas:
            desired = rules.min_replicas
        elif proposed != NOTHING and not (incomplete and proposed < current):
            desired = settle(rules, memory, sync, start, current, proposed)
    remember(rules, memory, sync, desired - current)
    return desired


@entry
def run_external(
    rules: Rules,
    metrics: Floats,
    incomplete: NDArray[np.bool_],
    target: float,
    start: int,
    memory: Memory,
    out: Integers,
) -> None:
    """Write the replicas after each sync on one External metric with an AverageValue target; NaN: not to be had.

    Several such metrics with one target are one: the largest, as proposals rise with the metric. All shapes (n,).
    """
    current = start
    for sync in range(len(metrics)):
        proposed = proposal(rules, metrics[sync], target, current) if np.isfinite(metrics[sync]) else NOTHING
        current = sync_once(rules, memory, sync, start, current, proposed, incomplete[sync])
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
    ratio = int(_FULL * usage / (measured * request) * (1.0 + ROUNDING)) / target
    least, most = 1.0 - rules.down_tolerance, 1.0 + rules.up_tolerance
    filled_unready = unready > 0 and ratio > 1.0
    if missing == 0 and not filled_unready:
        return current if least <= ratio <= most else whole(ratio * measured)
    # A pod without a sample is taken to be what argues against the change; where none is asked for it is left out.
    if ratio < 1.0:
        usage += missing * request * max(_FULL, float(target)) / _FULL
    pods = measured + (missing if ratio != 1.0 else 0) + (unready if filled_unready else 0)
    again = int(_FULL * usage / (pods * request) * (1.0 + ROUNDING)) / target
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
    memory: Memory,
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
        current = sync_once(rules, memory, sync, start, current, proposed, False)
        bring_to(counts, due, startups, sync, current)
        out[sync] = current

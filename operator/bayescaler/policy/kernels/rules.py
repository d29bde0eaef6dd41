"""The rules between the proposal and the final number, in order; each may speak once.

The first six form what is wanted from what is asked for; what is wanted is remembered for stabilization; the last
four limit how fast and how far. A rule gets the number so far (in pods, not rounded yet) and returns what it makes of
it; if it speaks, it leaves its limiter and that number in the trail.
"""

import math

import numpy as np

from bayescast.kernels.jit import kernel

from . import behavior
from .columns import (
    ACTIVATION,
    BOUNDS,
    CAPACITY,
    DEMAND,
    DOWN_TOLERANCE,
    EARLIER,
    EARLIER_AT,
    FALLBACK_REPLICAS,
    HIGH,
    HIGHEST,
    IDLE,
    LIMITER,
    LOAD,
    LOWEST,
    MADE,
    MAX_REPLICAS,
    MEDIAN,
    MIN_REPLICAS,
    MISSING_SINCE,
    MOST,
    NOW,
    PROPOSAL,
    QUANTILE,
    RATE,
    READY,
    REPLICAS,
    ROLLING_OUT,
    ROLLOUT,
    ROUNDING,
    RUNG,
    SAFETY_FLOOR,
    SCALE_IN_ALLOWED,
    SCALE_IN_HELD,
    SCHEDULE_CEILING,
    SCHEDULE_FLOOR,
    SCHEDULES,
    STABILIZATION,
    TARGET_UTILIZATION,
    TOLERANCE,
    TRUST,
    TRUSTED,
    UP_TOLERANCE,
    UTILIZATION,
    Expected,
    Floats,
)
from .ladder import FLOOR, REACTIVE, STORED

# in the order of reasons.Limiter
BY_FORECAST, BY_REACTIVE, BY_HOLD, BY_FALLBACK_FLOOR, BY_SAFETY_FLOOR, BY_SURPRISE, BY_TRUST = range(7)
BY_SCALE_IN_WINDOW, BY_REVERSAL_GATE, BY_ACTIVATION, BY_SCALE_IN_HELD, BY_ROLLOUT = range(7, 12)
BY_TOLERANCE, BY_UP_WINDOW, BY_DOWN_WINDOW, BY_UP_POLICY, BY_DOWN_POLICY, BY_SCHEDULE, BY_MIN, BY_MAX = range(12, 20)
BY_SWITCHED_OFF = 26

NEGLIGIBLE = 1e-3  # of a replica: a forecast that fades after the last request never quite reaches zero


@kernel
def whole(need: float) -> float:
    """Return the whole pods that hold `need`."""
    return float(np.ceil(min(need, MOST) * (1.0 - ROUNDING)))


@kernel
def say(trail: Floats, rule: int, limiter: int, value: float) -> float:
    """Leave in the trail what a rule makes of the number, and return it."""
    trail[rule, LIMITER], trail[rule, MADE] = limiter, value
    return value


@kernel
def propose(rules: Floats, seen: Floats, memory: Floats, trail: Floats) -> float:
    """Return what the best data at hand asks for."""
    live, rung = not math.isnan(seen[LOAD]), int(memory[RUNG])
    if not math.isnan(seen[DEMAND]) and (live or rung == STORED):
        return say(trail, PROPOSAL, BY_FORECAST, seen[DEMAND] / rules[CAPACITY])
    if live and math.isnan(rules[CAPACITY]):
        return say_by_utilization(rules, seen, trail)
    if live:
        return say(trail, PROPOSAL, BY_REACTIVE, reactive_need(rules, seen))
    if rung == REACTIVE and not math.isnan(seen[UTILIZATION]):
        # The HPA's ceil(ready * utilization / target); pods not ready count as idle, as in its refilled ratio.
        ready = seen[REPLICAS] if math.isnan(seen[READY]) else seen[READY]
        return say(trail, PROPOSAL, BY_REACTIVE, ready * seen[UTILIZATION] / rules[TARGET_UTILIZATION])
    if rung == FLOOR:
        floor = 0.0 if math.isnan(rules[FALLBACK_REPLICAS]) else rules[FALLBACK_REPLICAS]
        return say(trail, PROPOSAL, BY_FALLBACK_FLOOR, max(seen[REPLICAS], floor))
    return say(trail, PROPOSAL, BY_HOLD, seen[REPLICAS])


@kernel
def say_by_utilization(rules: Floats, seen: Floats, trail: Floats) -> float:
    """Load is live, but nobody knows yet what a pod serves: go by its utilization alone, or hold.

    As this may lower, nothing is lowered while pods start: the HPA counts those as idle, which comes to the same.
    """
    if math.isnan(seen[UTILIZATION]) or (
        seen[UTILIZATION] == 0.0 and seen[LOAD] > 0.0
    ):  # pods that do nothing, or a query
        return say(trail, PROPOSAL, BY_HOLD, seen[REPLICAS])
    ready = seen[REPLICAS] if math.isnan(seen[READY]) else seen[READY]
    need = ready * seen[UTILIZATION] / rules[TARGET_UTILIZATION]
    return say(trail, PROPOSAL, BY_REACTIVE, max(need, seen[REPLICAS]) if ready < seen[REPLICAS] else need)


@kernel
def reactive_need(rules: Floats, seen: Floats) -> float:
    """Return the pods that would run at the target utilization under the load."""
    return float(seen[LOAD] / (rules[CAPACITY] * rules[TARGET_UTILIZATION]))


@kernel
def trust(rules: Floats, seen: Floats, trail: Floats, need: float) -> float:
    """A forecast that has not earned trust may only raise above the reactive number."""
    if seen[TRUSTED] == 0.0 and not math.isnan(seen[LOAD]) and trail[PROPOSAL, LIMITER] == BY_FORECAST:
        reactive = reactive_need(rules, seen)
        if reactive > need:
            return say(trail, TRUST, BY_TRUST, reactive)
    return need


@kernel
def safety_floor(rules: Floats, seen: Floats, trail: Floats, need: float) -> float:
    """What runs now must be served, whatever a forecast says."""
    if seen[LOAD] / rules[CAPACITY] > need:
        return say(trail, SAFETY_FLOOR, BY_SAFETY_FLOOR, seen[LOAD] / rules[CAPACITY])
    return need


@kernel
def activation(rules: Floats, seen: Floats, outlook: Expected, trail: Floats, need: float) -> float:
    """A workload that may go to zero rests while neither its load nor what is expected is above the threshold.

    What is expected is the load to prepare for, or the median of the longer window. A forecast keeps it awake, but has
    to be trusted to wake it. Absent load is no load of zero: it rests only on a forecast then, and what holds scale-in
    comes after.
    """
    if rules[MIN_REPLICAS] > 0.0 or whole(need) == 0.0 or seen[LOAD] > rules[ACTIVATION]:
        return need
    proposed_by = trail[PROPOSAL, LIMITER]
    if proposed_by != BY_FORECAST and (proposed_by != BY_REACTIVE or math.isnan(seen[LOAD])):
        return need
    heeded = seen[REPLICAS] > 0.0 or seen[TRUSTED] != 0.0
    threshold = max(rules[ACTIVATION], NEGLIGIBLE * rules[CAPACITY])
    # by a price the load to prepare for is whole pods, and one of them for next to nothing: the .95 quantile says more
    prepared = outlook.lead[HIGH] if math.isnan(rules[QUANTILE]) else seen[DEMAND]
    expected = prepared > threshold or outlook.window[MEDIAN] > threshold
    return need if heeded and expected else say(trail, IDLE, BY_ACTIVATION, 0.0)


@kernel
def steady(seen: Floats, memory: Floats) -> bool:
    """Return whether data, cluster and history are known well enough to lower anything."""
    return not math.isnan(seen[LOAD]) and math.isnan(memory[MISSING_SINCE]) and seen[SCALE_IN_ALLOWED] != 0.0


@kernel
def scale_in_held(seen: Floats, memory: Floats, trail: Floats, need: float) -> float:
    """Nothing scales in on missing data, nor before cluster and history were read anew."""
    if whole(need) < seen[REPLICAS] and not steady(seen, memory):
        return say(trail, SCALE_IN_HELD, BY_SCALE_IN_HELD, seen[REPLICAS])
    return need


@kernel
def rollout(seen: Floats, trail: Floats, need: float) -> float:
    """Nothing scales in while a rollout replaces pods: a dip of what they serve or report is not the users'."""
    if whole(need) < seen[REPLICAS] and seen[ROLLING_OUT] != 0.0:
        return say(trail, ROLLOUT, BY_ROLLOUT, seen[REPLICAS])
    return need


@kernel
def tolerance(rules: Floats, seen: Floats, trail: Floats, need: float) -> float:
    """Leave the replicas alone while the need is close to them, but never short of the load now."""
    current, proposed_by = seen[REPLICAS], trail[PROPOSAL, LIMITER]
    measured = proposed_by == BY_FORECAST or proposed_by == BY_REACTIVE  # noqa: PLR1714  # numbers of one kind
    if current == 0.0 or whole(need) == current or not measured:
        return need
    if not 1.0 - rules[DOWN_TOLERANCE] <= need / current <= 1.0 + rules[UP_TOLERANCE]:
        return need
    if not math.isnan(seen[LOAD]) and whole(seen[LOAD] / rules[CAPACITY]) > current:
        return need
    return say(trail, TOLERANCE, BY_TOLERANCE, current)


@kernel
def stabilization(seen: Floats, windows: Floats, trail: Floats, desired: float) -> float:
    """Follow the calmest recommendation within the stabilization window of the direction."""
    current = seen[REPLICAS]
    held = behavior.stabilized(windows, current, desired)
    if held == desired:
        return desired
    window = LOWEST if desired > current else HIGHEST
    trail[STABILIZATION, EARLIER_AT] = windows[window, 0, 0]
    trail[STABILIZATION, EARLIER] = windows[window, 0, 1]
    return say(trail, STABILIZATION, BY_UP_WINDOW if desired > current else BY_DOWN_WINDOW, held)


@kernel
def rate(
    rules: Floats, policies: Floats, seen: Floats, memory: Floats, windows: Floats, trail: Floats, desired: float
) -> float:
    """Move no faster than the scaling policies of the direction allow."""
    current = seen[REPLICAS]
    if desired == current:
        return desired
    direction = 1.0 if desired > current else -1.0
    reached = behavior.limit(rules, policies, memory, windows, current, seen[NOW], direction)
    if (desired - reached) * direction <= 0.0:
        return desired
    return say(trail, RATE, BY_UP_POLICY if direction > 0.0 else BY_DOWN_POLICY, reached)


@kernel
def schedules(seen: Floats, memory: Floats, trail: Floats, wanted: float) -> float:
    """Stay within the floor and the ceiling of the schedules in force; of the two the floor is the safer one.

    At once and unlimited by policies, as within minReplicas and maxReplicas; but no ceiling lowers what nothing else
    may lower.
    """
    floor, most = seen[SCHEDULE_FLOOR], seen[SCHEDULE_CEILING]
    if wanted < floor:
        return say(trail, SCHEDULES, BY_SCHEDULE, floor)
    most = max(most, floor)  # nothing is above NaN: without a floor the ceiling stays, without a ceiling there is none
    if not steady(seen, memory):
        most = max(most, min(wanted, seen[REPLICAS]))
    return say(trail, SCHEDULES, BY_SCHEDULE, most) if wanted > most else wanted


@kernel
def bounds(rules: Floats, seen: Floats, trail: Floats, wanted: float) -> float:
    """Stay within minReplicas and maxReplicas, at once and unlimited by policies, as the HPA does."""
    if wanted < rules[MIN_REPLICAS]:
        return say(trail, BOUNDS, BY_MIN, rules[MIN_REPLICAS])
    if wanted <= rules[MAX_REPLICAS]:
        return wanted
    if seen[REPLICAS] > rules[MAX_REPLICAS] and seen[SCALE_IN_ALLOWED] == 0.0:
        # The maximum itself may be out of date while the objects wait to be listed anew.
        return say(trail, BOUNDS, BY_SCALE_IN_HELD, seen[REPLICAS])
    return say(trail, BOUNDS, BY_MAX, rules[MAX_REPLICAS])

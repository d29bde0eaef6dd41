"""The rules between the proposal and the final number, in order; each may speak once.

The first four form what is wanted from what is asked for; what is wanted is remembered for stabilization; the last
three limit how fast and how far. A rule gets the number so far (in pods, not rounded yet) and returns what it makes of
it; if it speaks, it leaves its limiter and that number in the trail.
"""

import math

import numpy as np

from bayescast.kernels.jit import kernel

from . import behavior
from .columns import (
    BOUNDS,
    CAPACITY,
    DEMAND,
    DOWN_TOLERANCE,
    EARLIER,
    EARLIER_AT,
    FALLBACK_REPLICAS,
    HIGHEST,
    LIMITER,
    LOAD,
    LOWEST,
    MADE,
    MAX_REPLICAS,
    MIN_REPLICAS,
    MISSING_SINCE,
    NOW,
    PROPOSAL,
    RATE,
    READY,
    REPLICAS,
    RUNG,
    SAFETY_FLOOR,
    SCALE_IN_ALLOWED,
    SCALE_IN_HELD,
    STABILIZATION,
    TARGET_UTILIZATION,
    TOLERANCE,
    TRUST,
    TRUSTED,
    UP_TOLERANCE,
    UTILIZATION,
    Floats,
)
from .ladder import FLOOR, REACTIVE, STORED

# in the order of reasons.Limiter
BY_FORECAST, BY_REACTIVE, BY_HOLD, BY_FALLBACK_FLOOR, BY_TRUST, BY_SAFETY_FLOOR, BY_SCALE_IN_HELD = range(7)
BY_TOLERANCE, BY_UP_WINDOW, BY_DOWN_WINDOW, BY_UP_POLICY, BY_DOWN_POLICY, BY_MIN, BY_MAX = range(7, 14)
BY_SWITCHED_OFF = 16

ROUNDING = 1e-9  # of a need: a billionth of a pod is float noise (500 * 1.1 / 50 is above 11), not load
MOST = 2.0**31 - 1.0  # replicas are int32 in Kubernetes


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
    if math.isnan(seen[UTILIZATION]):
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
def scale_in_held(seen: Floats, memory: Floats, trail: Floats, need: float) -> float:
    """Nothing scales in on missing data, nor before cluster and history were read anew."""
    steady = not math.isnan(seen[LOAD]) and math.isnan(memory[MISSING_SINCE]) and seen[SCALE_IN_ALLOWED] != 0.0
    if whole(need) < seen[REPLICAS] and not steady:
        return say(trail, SCALE_IN_HELD, BY_SCALE_IN_HELD, seen[REPLICAS])
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

"""`behavior` of autoscaling/v2, field for field, for one sync of a controller that lives: stabilization and policies.

Source: `normalizeDesiredReplicasWithBehaviors` and its callees in Kubernetes'
`pkg/controller/podautoscaler/horizontal.go`. From 10 replicas the defaults allow max(10 + 4, 10 * 2) = 20;
with 3 of the 10 added in the last 15 s they started at 7 and allow 14.
"""

from dataclasses import dataclass
from math import ceil

from bayescaler.policy import Behavior, PolicyType, ScalingRules, Select

from .windows import Window, push_highest, push_lowest, total


@dataclass(frozen=True, slots=True)
class History:
    """What `behavior` looks back on; the recommendations keep only those that can still be an extreme."""

    highest: Window = ()  # recommendations within the scale-down window, falling
    lowest: Window = ()  # recommendations within the scale-up window, rising
    ups: Window = ()  # replicas added, by the time they were asked for
    downs: Window = ()  # replicas removed, likewise


def begin(replicas: int, now: float) -> History:
    """Return the history of a workload first seen with `replicas`: as if they had just been recommended."""
    seed = ((now, replicas),)
    return History(highest=seed, lowest=seed)


def remember(history: History, behavior: Behavior, desired: int, now: float) -> History:
    """Return `history` with `desired` recommended at `now`."""
    return History(
        push_highest(history.highest, now, desired, behavior.scale_down.stabilization_window_seconds),
        push_lowest(history.lowest, now, desired, behavior.scale_up.stabilization_window_seconds),
        history.ups,
        history.downs,
    )


def stabilize(history: History, current: int, desired: int) -> int:
    """Return `desired` held back by both windows; `history` already remembers `desired`.

    A raise goes no higher than the lowest recommendation of the scale-up window, a scale-in no lower than the
    highest of the scale-down window, and neither crosses `current`.
    """
    if desired > current:
        return max(current, history.lowest[0][1])
    return min(current, history.highest[0][1])


def scale_up_limit(rules: ScalingRules, history: History, current: int, now: float) -> int:
    """Return the most replicas the scale-up policies allow at `now`; never less than `current`."""
    if rules.select is Select.DISABLED or not rules.policies:
        return current
    proposals = []
    for policy in rules.policies:
        start = _period_start(history.ups, history.downs, current, now - policy.period_seconds)
        if policy.type is PolicyType.PODS:
            proposals.append(start + policy.value)
        else:
            # Rounded up, or a percentage of few pods would never add one.
            proposals.append(ceil(start * (1 + policy.value / 100)))
    limit = min(proposals) if rules.select is Select.MIN else max(proposals)
    return max(limit, current)


def scale_down_limit(rules: ScalingRules, history: History, current: int, now: float) -> int:
    """Return the fewest replicas the scale-down policies allow at `now`; never more than `current`."""
    if rules.select is Select.DISABLED or not rules.policies:
        return current
    proposals = []
    for policy in rules.policies:
        start = _period_start(history.ups, history.downs, current, now - policy.period_seconds)
        if policy.type is PolicyType.PODS:
            proposals.append(start - policy.value)
        else:
            proposals.append(int(start * (1 - policy.value / 100)))
    limit = max(proposals) if rules.select is Select.MIN else min(proposals)
    return min(limit, current)


def _period_start(ups: Window, downs: Window, current: int, cutoff: float) -> int:
    return current - total(ups, cutoff) + total(downs, cutoff)

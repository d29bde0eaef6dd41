"""Target tracking by two alarms, above a floor that a forecast sets."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry

from .fleet import READY, bring_to

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROUNDING = 1e-9
_MOST = 2.0**31 - 1.0


class Tracking(NamedTuple):
    """One target tracking policy; counts of decisions where it has periods of time."""

    target_value: float
    alarm_high_steps: int
    alarm_low_steps: int
    alarm_low_share: float
    scale_in_cooldown_steps: int
    min_capacity: int
    max_capacity: int


@entry
def run_tracking(
    tracking: Tracking,
    loads: Floats,
    floor: Integers,
    start: int,
    startups: Integers,
    counts: Integers,
    due: Integers,
    out: Integers,
) -> None:
    """Write the replicas at each decision; loads: what is known then, NaN is no datapoint; floor: forecast capacity.

    The tracked metric is load per ready pod, so that pods that start do not lower it. All shapes (n,).
    """
    current, above, below, scaled_in = start, 0, 0, -tracking.scale_in_cooldown_steps
    counts[READY] = start
    for step in range(len(loads)):
        bring_to(counts, due, startups, step, current)
        desired = current
        if np.isnan(loads[step]):
            above, below = 0, 0
        else:
            metric = loads[step] / max(counts[READY], 1)
            above = above + 1 if metric > tracking.target_value else 0
            below = below + 1 if metric < tracking.alarm_low_share * tracking.target_value else 0
            needed = int(np.ceil(min(loads[step] / tracking.target_value, _MOST) * (1.0 - _ROUNDING)))
            if above >= tracking.alarm_high_steps:
                desired = max(current, needed)
            elif below >= tracking.alarm_low_steps and step - scaled_in >= tracking.scale_in_cooldown_steps:
                desired = min(current, needed)
        desired = min(max(desired, tracking.min_capacity, floor[step]), tracking.max_capacity)
        if desired < current:
            scaled_in = step
        current = desired
        bring_to(counts, due, startups, step, current)
        out[step] = current

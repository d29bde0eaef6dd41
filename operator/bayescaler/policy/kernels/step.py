"""One decision, and a history of them: the rules in their order.

stand -> propose                                    what is asked for: forecast, reactive, hold or floor
trust, safety_floor, activation,
scale_in_held, rollout, tolerance                   what is wanted
stabilization, rate, schedules, bounds              what is done
"""

import math

import numpy as np

from bayescast.kernels.jit import entry, kernel

from . import behavior
from . import rules as ruled
from .columns import (
    APPLIES,
    ASKED_AT,
    ASKED_FROM,
    ASKED_TO,
    DECIDED_AT,
    LAST_SCALE_AT,
    LIMITER,
    MADE,
    MIN_REPLICAS,
    N_TRAIL,
    NOW,
    PROPOSAL,
    REPLICAS,
    RUNG,
    Floats,
    Integers,
)
from .ladder import stand

FINAL, LIMITED_BY, ON_RUNG = range(3)


@entry
def step(
    rules: Floats, policies: Floats, seen: Floats, memory: Floats, windows: Floats, trail: Floats
) -> tuple[float, int]:
    """Return the replicas wanted now and the limiter; see `columns` for the arrays, the last three of them written.

    Every window has room for one entry more.
    """
    final = _step(rules, policies, seen, memory, windows, trail)
    return final, _limited_by(trail)


@entry
def run(
    rules: Floats,
    policies: Floats,
    seen: Floats,
    memory: Floats,
    windows: Floats,
    trail: Floats,
    first: int,
    end: int,
    out: Integers,
) -> None:
    """Make the decisions from `first` to `end` of n; what is wanted runs at the next.

    seen: (n, N_SEEN), of which REPLICAS is only given in the very first row. out: (n, 3) of FINAL, LIMITED_BY, ON_RUNG.
    """
    for i in range(first, end):
        if i > 0:
            seen[i, REPLICAS] = out[i - 1, FINAL]
        out[i, FINAL] = int(_step(rules, policies, seen[i], memory, windows, trail))
        out[i, LIMITED_BY] = _limited_by(trail)
        out[i, ON_RUNG] = int(memory[RUNG])


@kernel
def _limited_by(trail: Floats) -> int:
    """Return the limiter of the last rule that changed the number of pods."""
    limiter = int(trail[PROPOSAL, LIMITER])
    pods = ruled.whole(trail[PROPOSAL, MADE])
    for rule in range(PROPOSAL + 1, N_TRAIL):
        if not math.isnan(trail[rule, LIMITER]):
            after = ruled.whole(trail[rule, MADE])
            if after != pods:
                limiter, pods = int(trail[rule, LIMITER]), after
    return limiter


@kernel
def _step(rules: Floats, policies: Floats, seen: Floats, memory: Floats, windows: Floats, trail: Floats) -> float:
    trail[:] = np.nan
    stand(rules, seen, memory)
    if seen[REPLICAS] == 0.0 and rules[MIN_REPLICAS] > 0.0:
        return _switched_off(memory, trail)
    _settle(policies, seen, memory, windows)
    need = ruled.propose(rules, seen, memory, trail)
    need = ruled.trust(rules, seen, trail, need)
    need = ruled.safety_floor(rules, seen, trail, need)
    need = ruled.activation(rules, seen, trail, need)
    need = ruled.scale_in_held(seen, memory, trail, need)
    need = ruled.rollout(seen, trail, need)
    need = ruled.tolerance(rules, seen, trail, need)
    wanted = ruled.whole(need)
    behavior.remember(rules, memory, windows, wanted, seen[NOW])
    wanted = ruled.stabilization(seen, windows, trail, wanted)
    wanted = ruled.rate(rules, policies, seen, memory, windows, trail, wanted)
    wanted = ruled.schedules(seen, memory, trail, wanted)
    final = ruled.bounds(rules, seen, trail, wanted)
    if final != seen[REPLICAS] and rules[APPLIES] != 0.0:
        memory[ASKED_AT], memory[ASKED_FROM], memory[ASKED_TO] = seen[NOW], seen[REPLICAS], final
    memory[DECIDED_AT] = seen[NOW]
    return final


@kernel
def _settle(policies: Floats, seen: Floats, memory: Floats, windows: Floats) -> None:
    """Take the replicas seen as news of the change asked for; an empty memory begins with them."""
    now, replicas = seen[NOW], seen[REPLICAS]
    if math.isnan(memory[DECIDED_AT]) or now < memory[DECIDED_AT]:
        behavior.begin(memory, windows, replicas, now)
        memory[ASKED_AT] = np.nan
    elif not math.isnan(memory[ASKED_AT]):
        if replicas == memory[ASKED_TO]:
            behavior.record(policies, memory, windows, replicas - memory[ASKED_FROM], memory[ASKED_AT])
            memory[LAST_SCALE_AT] = memory[ASKED_AT]
            memory[ASKED_AT] = np.nan
        elif replicas != memory[ASKED_FROM]:
            memory[ASKED_AT] = np.nan  # someone else moved it: ours is void; else it was refused, or not seen yet


@kernel
def _switched_off(memory: Floats, trail: Floats) -> float:
    """Leave a workload alone that somebody set to 0 replicas although its minimum is above."""
    behavior.forget_all(memory)
    memory[ASKED_AT] = np.nan
    memory[DECIDED_AT] = np.nan  # the windows begin anew from whatever replicas it is switched on with
    return ruled.say(trail, PROPOSAL, ruled.BY_SWITCHED_OFF, 0.0)

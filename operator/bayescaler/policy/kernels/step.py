"""One decision, and a history of them: the rules in their order.

stand, ask -> propose                               what is asked for: forecast, reactive, hold or floor
safety_floor, surprise, trust                       at least
scale_in_window, reversal_gate                      not yet
activation                                          at all
scale_in_held, rollout                              not now
tolerance                                           what is wanted
stabilization, rate, schedules, bounds              what is done
"""

import math
from typing import NamedTuple

import numpy as np

from bayescast.kernels.jit import entry, kernel

from . import aim, behavior, steering
from . import outlook as out
from . import rules as ruled
from .columns import (
    APPLIES,
    ASKED_AT,
    ASKED_FROM,
    ASKED_TO,
    BUDGET,
    CAPACITY,
    DECIDED_AT,
    DEMAND,
    LAST_MOVE,
    LAST_SCALE_AT,
    LEAD,
    LIMITER,
    MADE,
    MIN_REPLICAS,
    N_TRAIL,
    NOW,
    PRICE,
    PRICE_IN_FORCE,
    PROPOSAL,
    REPLICAS,
    RUNG,
    SURPRISED_AT,
    SURPRISING,
    WINDOW,
    Expected,
    Floats,
    Integers,
)
from .ladder import stand

FINAL, LIMITED_BY, ON_RUNG = range(3)


class Desk(NamedTuple):
    """What one policy decides with: what it fixes, what it remembers, and where its rules leave what they said."""

    rules: Floats
    policies: Floats
    memory: Floats
    windows: Floats
    steering: Floats
    trail: Floats


@entry
def step(
    rules: Floats,
    policies: Floats,
    memory: Floats,
    windows: Floats,
    steering: Floats,
    trail: Floats,
    seen: Floats,
    buckets: Floats,
    lead: Floats,
    window: Floats,
) -> tuple[float, int]:
    """Return the replicas wanted now and the limiter. DEMAND, memory, windows, steering and trail are written.

    Every window has room for one entry more; steering: as `books.opened` takes it.
    """
    desk = Desk(rules, policies, memory, windows, steering, trail)
    final = _step(desk, seen, buckets, Expected(lead, window))
    return final, _limited_by(trail)


@entry
def run(
    rules: Floats,
    policies: Floats,
    memory: Floats,
    windows: Floats,
    steering: Floats,
    seen: Floats,
    buckets: Floats,
    heard: Integers,
    outlooks: Floats,
    issued: Integers,
    first: int,
    end: int,
    trail: Floats,
    told: Integers,
) -> None:
    """Make the decisions from `first` to `end` of n; what is wanted runs at the next.

    seen: (n, N_SEEN), of which REPLICAS is only given in the very first row. buckets: (b, 2), all of which the first
    `heard`, (n,), are known at each decision. outlooks: (m, 2, 9), of which `issued`, (n,), tells each decision's.
    told: (n, 3) of FINAL, LIMITED_BY, ON_RUNG.
    """
    desk = Desk(rules, policies, memory, windows, steering, trail)
    for i in range(first, end):
        begun = heard[i]
        if i > 0:
            seen[i, REPLICAS], begun = told[i - 1, FINAL], heard[i - 1]
        expected = Expected(outlooks[issued[i], LEAD], outlooks[issued[i], WINDOW])
        final = _step(desk, seen[i], buckets[begun : heard[i]], expected)
        told[i, FINAL] = int(final)
        told[i, LIMITED_BY] = _limited_by(trail)
        told[i, ON_RUNG] = int(memory[RUNG])


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
def _step(desk: Desk, seen: Floats, buckets: Floats, outlook: Expected) -> float:
    rules, policies, memory, windows, trail = desk.rules, desk.policies, desk.memory, desk.windows, desk.trail
    trail[:] = np.nan
    _ask(desk, seen, buckets, outlook)
    stand(rules, seen, memory)
    if seen[REPLICAS] == 0.0 and rules[MIN_REPLICAS] > 0.0:
        return _switched_off(memory, trail)
    _settle(policies, seen, memory, windows)
    need = ruled.propose(rules, seen, memory, trail)
    need = ruled.safety_floor(rules, seen, trail, need)
    need = aim.surprise(rules, seen, memory, trail, need)
    need = ruled.trust(rules, seen, trail, need)
    need = aim.scale_in_window(rules, seen, outlook, memory, trail, need)
    need = aim.reversal_gate(rules, seen, outlook, memory, trail, need)
    need = ruled.activation(rules, seen, outlook, trail, need)
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
        if not math.isnan(rules[BUDGET]):
            steering.note_asked(seen, steering.open_books(desk.steering), final)
    memory[DECIDED_AT] = seen[NOW]
    return final


@kernel
def _ask(desk: Desk, seen: Floats, buckets: Floats, outlook: Expected) -> None:
    """Take in what the new buckets tell, and write down the load to prepare for."""
    rules, memory, steered = desk.rules, desk.memory, not math.isnan(desk.rules[BUDGET])
    seen[DEMAND] = np.nan
    if steered:
        books = steering.open_books(desk.steering)
        if seen[NOW] < memory[DECIDED_AT]:
            steering.start_anew(books)
        steering.note_own(seen, books)
    if not out.sound(outlook):
        memory[SURPRISING] = np.nan  # of what comes next nobody thinks anything
        return
    aim.learn_surprise(seen, outlook, memory)
    if steered:
        steering.steer(rules, seen, buckets, outlook, memory, steering.open_books(desk.steering))
    else:
        memory[PRICE_IN_FORCE] = rules[PRICE]
    if not steered or not math.isnan(memory[PRICE_IN_FORCE]):
        seen[DEMAND] = aim.asked(rules, outlook, memory) * rules[CAPACITY]


@kernel
def _settle(policies: Floats, seen: Floats, memory: Floats, windows: Floats) -> None:
    """Take the replicas seen as news of the change asked for; an empty memory begins with them."""
    now, replicas = seen[NOW], seen[REPLICAS]
    if math.isnan(memory[DECIDED_AT]) or now < memory[DECIDED_AT]:
        behavior.begin(memory, windows, replicas, now)
        memory[ASKED_AT], memory[SURPRISED_AT], memory[LAST_MOVE] = np.nan, np.nan, 0.0
    elif not math.isnan(memory[ASKED_AT]):
        if replicas == memory[ASKED_TO]:
            behavior.record(policies, memory, windows, replicas - memory[ASKED_FROM], memory[ASKED_AT])
            memory[LAST_SCALE_AT], memory[LAST_MOVE] = memory[ASKED_AT], np.sign(replicas - memory[ASKED_FROM])
            memory[ASKED_AT] = np.nan
        elif replicas != memory[ASKED_FROM]:
            # someone else moved it: ours is void; else it was refused, or not seen yet
            memory[ASKED_AT], memory[LAST_MOVE] = np.nan, 0.0


@kernel
def _switched_off(memory: Floats, trail: Floats) -> float:
    """Leave a workload alone that somebody set to 0 replicas although its minimum is above."""
    behavior.forget_all(memory)
    memory[ASKED_AT] = np.nan
    memory[DECIDED_AT] = np.nan  # the windows begin anew from whatever replicas it is switched on with
    return ruled.say(trail, PROPOSAL, ruled.BY_SWITCHED_OFF, 0.0)

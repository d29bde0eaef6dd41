"""Auto: the family whose level (memory 5 buckets) has erred less, one step ahead, on the log scale.

A Gamma posterior's level is the log of a mean of loads, a Normal's the mean of their logs. Where loads scatter as
counts do, the first is the better; where they scatter in proportion to their size, the second.
"""

import math

from bayescast.settings import Settings

from .jit import kernel
from .state import (
    FAMILY_OPEN,
    FAMILY_REST,
    GAUSSIAN,
    LEVEL_RATE,
    LEVEL_SHAPE,
    LEVEL_Z,
    OFFSET,
    OWN_ERROR,
    RIVAL_ERROR,
    RIVAL_LEVEL,
    Floats,
    Integers,
)

_JUDGED = 1  # the level whose errors are compared, by its place in the bank


@kernel
def start(marks: Integers, scalars: Floats, load: float, z: float, rest: float) -> None:
    """Set the rival's level to the first load: the log of it, or the load where the rival is Gamma."""
    scalars[RIVAL_LEVEL] = load if marks[GAUSSIAN] else z
    marks[FAMILY_REST] = int(rest)


@kernel
def learn(marks: Integers, scalars: Floats, levels: Floats, settings: Settings, load: float, z: float) -> None:
    """Compare both families on a load that neither has taken yet, and change to the better one."""
    if marks[FAMILY_OPEN] == 0:
        return
    offset = scalars[OFFSET]
    rival = scalars[RIVAL_LEVEL]
    expected = math.log(rival + offset) if marks[GAUSSIAN] else rival
    scalars[OWN_ERROR] += (abs(z - levels[LEVEL_Z, _JUDGED]) - scalars[OWN_ERROR]) / settings.family_memory
    scalars[RIVAL_ERROR] += (abs(z - expected) - scalars[RIVAL_ERROR]) / settings.family_memory
    taken = load if marks[GAUSSIAN] else z
    scalars[RIVAL_LEVEL] = rival + (1.0 - settings.level_discounts[_JUDGED]) * (taken - rival)
    marks[FAMILY_REST] -= marks[FAMILY_REST] > 0
    better = scalars[RIVAL_ERROR] < (1.0 - settings.family_margin) * scalars[OWN_ERROR]
    if better and marks[FAMILY_REST] == 0:
        _change(marks, scalars, levels, settings)


@kernel
def _change(marks: Integers, scalars: Floats, levels: Floats, settings: Settings) -> None:
    """Go over to the other family at the present levels; the families' errors change places."""
    offset = scalars[OFFSET]
    own = levels[LEVEL_Z, _JUDGED]
    if marks[GAUSSIAN]:
        for g in range(levels.shape[1]):
            rate = 1.0 / (1.0 - settings.level_discounts[g])
            levels[LEVEL_RATE, g] = rate
            levels[LEVEL_SHAPE, g] = rate * max(math.exp(levels[LEVEL_Z, g]) - offset, 0.0)
    scalars[RIVAL_LEVEL] = own if marks[GAUSSIAN] else max(math.exp(own) - offset, 0.0)
    marks[GAUSSIAN] = 1 - marks[GAUSSIAN]
    error = scalars[OWN_ERROR]
    scalars[OWN_ERROR] = scalars[RIVAL_ERROR]
    scalars[RIVAL_ERROR] = error
    marks[FAMILY_REST] = int(settings.family_rest)

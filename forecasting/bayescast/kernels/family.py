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
def start(marks: Integers, scalars: Floats, row: int, load: float, z: float, rest: float) -> None:
    """Set the rival's level to the first load: the log of it, or the load where the rival is Gamma."""
    scalars[row, RIVAL_LEVEL] = load if marks[row, GAUSSIAN] else z
    marks[row, FAMILY_REST] = int(rest)


@kernel
def learn(
    marks: Integers, scalars: Floats, levels: Floats, row: int, settings: Settings, load: float, z: float
) -> None:
    """Compare both families on a load that neither has taken yet, and change to the better one."""
    if marks[row, FAMILY_OPEN] == 0:
        return
    offset = scalars[row, OFFSET]
    rival = scalars[row, RIVAL_LEVEL]
    expected = math.log(rival + offset) if marks[row, GAUSSIAN] else rival
    scalars[row, OWN_ERROR] += (
        abs(z - levels[row, LEVEL_Z, _JUDGED]) - scalars[row, OWN_ERROR]
    ) / settings.family_memory
    scalars[row, RIVAL_ERROR] += (abs(z - expected) - scalars[row, RIVAL_ERROR]) / settings.family_memory
    taken = load if marks[row, GAUSSIAN] else z
    scalars[row, RIVAL_LEVEL] = rival + (1.0 - settings.level_discounts[_JUDGED]) * (taken - rival)
    marks[row, FAMILY_REST] -= marks[row, FAMILY_REST] > 0
    better = scalars[row, RIVAL_ERROR] < (1.0 - settings.family_margin) * scalars[row, OWN_ERROR]
    if better and marks[row, FAMILY_REST] == 0:
        _change(marks, scalars, levels, row, settings)


@kernel
def _change(marks: Integers, scalars: Floats, levels: Floats, row: int, settings: Settings) -> None:
    """Go over to the other family at the present levels; the families' errors change places."""
    offset = scalars[row, OFFSET]
    own = levels[row, LEVEL_Z, _JUDGED]
    if marks[row, GAUSSIAN]:
        for g in range(levels.shape[2]):
            rate = 1.0 / (1.0 - settings.level_discounts[g])
            levels[row, LEVEL_RATE, g] = rate
            levels[row, LEVEL_SHAPE, g] = rate * max(math.exp(levels[row, LEVEL_Z, g]) - offset, 0.0)
    scalars[row, RIVAL_LEVEL] = own if marks[row, GAUSSIAN] else max(math.exp(own) - offset, 0.0)
    marks[row, GAUSSIAN] = 1 - marks[row, GAUSSIAN]
    error = scalars[row, OWN_ERROR]
    scalars[row, OWN_ERROR] = scalars[row, RIVAL_ERROR]
    scalars[row, RIVAL_ERROR] = error
    marks[row, FAMILY_REST] = int(settings.family_rest)

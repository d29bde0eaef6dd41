"""Seasonal slot templates: one mean of log load (or log window maximum) for every slot of the local clock.

A slot is a 16-bit integer in units of UNIT: 0.1 % of the load is finer than any load is regular, and the templates are
most of what is remembered of a workload.
"""

import math

from .jit import kernel
from .state import MOST_COUNTED, TEMPLATE_UNIT, UNSEEN, Counts, Singles, Templates


@kernel
def smooth(table: Templates, row: int, first: int, n: int, slot: int, reach: int) -> float:
    """Return the mean of the seen slots within `reach` of `slot`, around the clock; NaN where none was seen.

    The season's slots are table[row, first : first + n].
    """
    total = 0
    seen = 0
    for j in range(slot - reach, slot + reach + 1):
        k = j
        if k < 0:
            k += n
        elif k >= n:
            k -= n
        value = int(table[row, first + k])
        if value != UNSEEN:
            total += value
            seen += 1
    return total * TEMPLATE_UNIT / seen if seen > 0 else math.nan


@kernel
def gain(count: int, least: float) -> float:
    """Return the share of a new bucket in its slot: the plain mean at first, an exponential one later."""
    return max(least, 1.0 / max(float(count), 1.0))


@kernel
def learn(table: Templates, row: int, place: int, value: float, share: float) -> None:
    """Move one slot by `share` towards `value`; an unseen slot takes it."""
    old = int(table[row, place])
    wanted = value / TEMPLATE_UNIT
    mean = wanted if old == UNSEEN else old + share * (wanted - old)
    table[row, place] = math.floor(min(max(mean, -32767.0), 32767.0) + 0.5)


@kernel
def tally(counts: Counts, row: int, place: int) -> int:
    """Count a bucket in its slot, up to what the type holds, and return the count."""
    n = min(int(counts[row, place]) + 1, MOST_COUNTED)
    counts[row, place] = n
    return n


@kernel
def spread(table: Singles, counts: Counts, row: int, slot: int, reach: int, prior: float) -> float:
    """Return the mean |residual| around a slot, slots weighted by up to three visits, shrunk to `prior` by five."""
    n = table.shape[1]
    total = 5.0 * prior
    weight = 5.0
    around = min(reach, n // 2)  # a season of few slots is not walked round twice
    for j in range(slot - around, slot + around + 1):
        k = j
        if k < 0:
            k += n
        elif k >= n:
            k -= n
        visits = min(float(counts[row, k]), 3.0)
        total += visits * table[row, k]
        weight += visits
    return total / weight

"""The calibration tracker: it moves each issued level in logit by the excess of misses it owes."""

import math

from .jit import kernel
from .state import DEBT, ISSUED, LEVEL_GRID, LOGITS, N_LEVELS, Floats


@kernel
def learn(by_level: Floats, unit: int, level: int, missed: bool, memory: float) -> None:
    """Count one window: misses above their due are owed, slowly forgiven."""
    debt = by_level[unit, DEBT, level]
    by_level[unit, DEBT, level] = debt - debt / memory + (1.0 if missed else 0.0) - (1.0 - LEVEL_GRID[level])


@kernel
def shift(debt: float, level: float, gain: float, limit: float) -> float:
    """Return the answer to a debt in logit(level): proportional, and cubic beyond `limit`."""
    excess = debt / limit
    return gain * debt / (level * (1.0 - level)) * (1.0 + excess * excess)


@kernel
def issue(
    combined: Floats,
    by_level: Floats,
    unit: int,
    gain: Floats,
    limit: Floats,
    lead: int,
    tail: float,
    offset: float,
    top: float,
) -> None:
    """Issue the combined quantiles at the moved levels; non-decreasing, within [0, e^top - offset].

    Between the nominal levels log(load + offset) is linear in logit(level). Below the first it goes on for two gaps at
    most, above the last by the last slope plus `tail` a gap. gain, limit: (leads, levels).
    """
    for j in range(N_LEVELS):
        combined[j] = math.log(combined[j] + offset)
    ceiling = max(math.exp(top) - offset, 0.0)
    least = 0.0
    for j in range(N_LEVELS):
        wanted = LOGITS[j] + shift(by_level[unit, DEBT, j], LEVEL_GRID[j], gain[lead, j], limit[lead, j])
        a = 0
        while a < N_LEVELS - 2 and wanted > LOGITS[a + 1]:
            a += 1
        u = max((wanted - LOGITS[a]) / (LOGITS[a + 1] - LOGITS[a]), -2.0)
        rise = combined[a + 1] - combined[a]
        value = combined[a] + rise * u if u <= 1.0 else combined[a + 1] + (rise + tail) * (u - 1.0)
        least = max(min(math.exp(min(value, top)) - offset, ceiling), least)
        by_level[unit, ISSUED, j] = least

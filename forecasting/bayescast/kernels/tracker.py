"""The calibration tracker: it moves each issued level in logit by the excess of misses it owes."""

import math

from .exponential import exp_all, log_all
from .jit import kernel
from .memory import Record
from .state import DEBT, HIGH_DEBT, ISSUED, LEVEL_GRID, LOGITS, N_LEVELS, Floats


@kernel
def learn(by_level: Floats, level: int, apart: bool, missed: bool, memory: float) -> None:
    """Count one window: misses above their due are owed, slowly forgiven; those of high forecasts `apart`."""
    account = HIGH_DEBT if apart else DEBT
    debt = by_level[account, level]
    by_level[account, level] = debt - debt / memory + (1.0 if missed else 0.0) - (1.0 - LEVEL_GRID[level])


@kernel
def shift(debt: float, level: float, gain: float, limit: float, noise: float, reach: float) -> float:
    """Return the answer to a debt in logit(level): proportional, and cubic beyond `limit`; at most `reach` upwards.

    A debt within `noise` is what chance brings a perfect forecast whose windows overlap, and is not answered.
    """
    due = math.copysign(max(abs(debt) - noise, 0.0), debt)
    excess = due / limit
    return min(gain * due / (level * (1.0 - level)) * (1.0 + excess * excess), reach)


@kernel
def issue(
    combined: Floats,
    moved: Floats,
    by_level: Floats,
    plan: Record,
    lead: int,
    high: bool,
    known: float,
    reach: float,
    tail: float,
    offset: float,
    top: float,
    snap: float,
) -> None:
    """Issue the combined quantiles at the moved levels; non-decreasing, within [0, e^top - offset]. moved is scratch.

    Between the nominal levels log(load + offset) is linear in logit(level). Below the first it goes on for two gaps at
    most, above the last by the last slope plus `tail` a gap. `high`: the forecast is above its usual level, and
    answers for the misses of such forecasts where there is evidence enough to tell them apart. `known`: share of the
    memory's noise that can have come by now. What lies above `snap`
    (log) is e^top: a load that sits at its bound is not missed by a hair.
    """
    for j in range(N_LEVELS):
        combined[j] += offset
    log_all(combined, N_LEVELS)
    ceiling = max(math.exp(top) - offset, 0.0)
    least = 0.0
    for j in range(N_LEVELS):
        debt = by_level[HIGH_DEBT if high and plan.tracked_apart[lead, j] == 1 else DEBT, j]
        gain, limit, noise = plan.tracker_gain[lead, j], plan.tracker_debt[lead, j], known * plan.tracker_noise[lead, j]
        wanted = LOGITS[j] + shift(debt, LEVEL_GRID[j], gain, limit, noise, reach)
        a = 0
        while a < N_LEVELS - 2 and wanted > LOGITS[a + 1]:
            a += 1
        u = max((wanted - LOGITS[a]) / (LOGITS[a + 1] - LOGITS[a]), -2.0)
        rise = combined[a + 1] - combined[a]
        value = combined[a] + rise * u if u <= 1.0 else combined[a + 1] + (rise + tail) * (u - 1.0)
        moved[j] = min(top if value > snap else value, top)
    exp_all(moved, N_LEVELS)
    for j in range(N_LEVELS):
        least = max(min(moved[j] - offset, ceiling), least)
        by_level[ISSUED, j] = least

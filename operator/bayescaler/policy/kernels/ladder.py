"""The fallback ladder: which rung to stand on, by how long load has been missing and by what is left.

* load usable, forecast there: Predictive, may lower
* load usable, no forecast: Reactive on load, may lower
* outage < after, forecast there: Stored, on the stored posterior, which widens; may only raise
* utilization of the pods there: Reactive on utilization, may only raise
* outage < after + hold: Hold
* otherwise: Floor, never below what runs

The way down is taken at once. An outage ends only when load has been usable for `recover` seconds on end; until then
the rung stays, live data may raise, and nothing is lowered.
"""

import math

from bayescast.kernels.jit import kernel

from .columns import (
    AFTER,
    DEMAND,
    HOLD_FOR,
    LOAD,
    MISSING_SINCE,
    NOW,
    RECOVER,
    RUNG,
    RUNG_SINCE,
    USABLE_AT,
    USABLE_SINCE,
    UTILIZATION,
    Floats,
)

PREDICTIVE, STORED, REACTIVE, HOLD, FLOOR = range(5)  # in the order of reasons.Rung


@kernel
def stand(rules: Floats, seen: Floats, memory: Floats) -> None:
    """Bring rung, outage and recovery in `memory` up to now."""
    now, live, forecast = seen[NOW], not math.isnan(seen[LOAD]), not math.isnan(seen[DEMAND])
    # A clock set back must not stretch an outage or a recovery: no start lies ahead of now.
    missing = min(memory[MISSING_SINCE], now) if not math.isnan(memory[MISSING_SINCE]) else math.nan
    if live:
        usable = min(memory[USABLE_SINCE], now) if not math.isnan(memory[USABLE_SINCE]) else now
        if not math.isnan(missing) and now - usable < rules[RECOVER]:
            rung = memory[RUNG]
        else:
            missing, rung = math.nan, float(PREDICTIVE if forecast else REACTIVE)
        memory[USABLE_AT] = now
    else:
        if math.isnan(missing):
            missing = now if math.isnan(memory[USABLE_AT]) else min(memory[USABLE_AT], now)
        usable, rung = math.nan, float(_blind(rules, seen, now - missing, forecast))
    if rung != memory[RUNG] or math.isnan(memory[RUNG_SINCE]):
        memory[RUNG_SINCE] = now
    memory[RUNG_SINCE] = min(memory[RUNG_SINCE], now)
    memory[RUNG], memory[USABLE_SINCE], memory[MISSING_SINCE] = rung, usable, missing


@kernel
def _blind(rules: Floats, seen: Floats, outage: float, forecast: bool) -> int:
    """Return the rung without live load."""
    if forecast and outage < rules[AFTER]:
        return STORED
    if not math.isnan(seen[UTILIZATION]):
        return REACTIVE
    return HOLD if rules[AFTER] + rules[HOLD_FOR] > outage else FLOOR

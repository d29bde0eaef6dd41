"""What the forecast asks for, and when it is right to follow it: two windows and a gate.

Scale-out goes by the lead time: the load of the window that pods asked for now will first serve. Scale-in has to be
right for longer, so that no pod is dropped that will be wanted back; a raise after a scale-in has to pay for the
reversal. The aim is a quantile that is promised, or a price in pods of running short, given or steered.
"""

import math

from bayescast.kernels.jit import kernel

from . import outlook as out
from .columns import (
    BROKEN,
    BUFFER,
    CAPACITY,
    GATE,
    LARGEST,
    LAST_MOVE,
    LIMITER,
    LOAD,
    LOAD_AT,
    MAX_REPLICAS,
    MEDIAN,
    MIN_REPLICAS,
    NOW,
    PRICE_IN_FORCE,
    PROPOSAL,
    QUANTILE,
    REPLICAS,
    REVERSAL_GATE,
    SCALE_IN_WINDOW,
    SURPRISE,
    SURPRISE_FLOOR,
    SURPRISED_AT,
    SURPRISING,
    TOLD_AT,
    TRUSTED,
    Expected,
    Floats,
)
from .rules import BY_FORECAST, BY_REVERSAL_GATE, BY_SCALE_IN_WINDOW, BY_SURPRISE, reactive_need, say, whole

SURPRISE_SECONDS = 300.0
EVEN = 0.5
MOST_PODS = 1e6  # that are thought of: what users allow is a limit of its own


@kernel
def served(rules: Floats) -> float:
    """Return the load one pod is to be given, with the buffer kept free."""
    return float(rules[CAPACITY] / (1.0 + rules[BUFFER]))


@kernel
def asked(rules: Floats, outlook: Expected, memory: Floats) -> float:
    """Return the pods that the forecast of the lead window asks for."""
    each = served(rules)
    if not math.isnan(rules[QUANTILE]):
        return out.load_at(outlook.lead, rules[QUANTILE]) / each
    least = max(whole(outlook.lead[MEDIAN] / each), min(rules[MIN_REPLICAS], 1.0))
    return out.cheapest(outlook.lead, each, memory[PRICE_IN_FORCE], least, MOST_PODS)


@kernel
def kept(rules: Floats, outlook: Expected, memory: Floats, need: float) -> float:
    """Return the whole pods, `need` or more, that will be wanted within the longer window.

    The lesser of two bets: what the rule asks for on that window, and its present number grown as the median of the
    largest load does from the lead to the window, to the nearest pod.
    """
    each = served(rules)
    if not math.isnan(rules[QUANTILE]):
        bet = whole(out.load_at(outlook.window, rules[QUANTILE]) / each)
    else:
        bet = out.cheapest(outlook.window, each, memory[PRICE_IN_FORCE], need, max(rules[MAX_REPLICAS], need))
    median = outlook.lead[MEDIAN]
    if median > 0.0:
        bet = min(bet, whole(max(need * outlook.window[MEDIAN] / median - 0.5, 0.0)))
    return max(bet, need)


@kernel
def learn_surprise(seen: Floats, outlook: Expected, memory: Floats) -> None:
    """Compare a new bucket with what was thought possible by the forecast before it, and note what is thought now.

    Through a silence that is the forecast as it ages: it widens.
    """
    if math.isnan(seen[LOAD_AT]):
        return
    if seen[LOAD_AT] != memory[TOLD_AT] and seen[LOAD] > memory[SURPRISING]:
        memory[SURPRISED_AT] = seen[NOW]
    memory[TOLD_AT], memory[SURPRISING] = seen[LOAD_AT], outlook.lead[LARGEST]


@kernel
def surprised(seen: Floats, memory: Floats) -> bool:
    """Return whether a load beyond the forecast came a short while ago."""
    return bool(seen[NOW] - memory[SURPRISED_AT] < SURPRISE_SECONDS)


@kernel
def surprise(rules: Floats, seen: Floats, memory: Floats, trail: Floats, need: float) -> float:
    """After a load that was thought impossible, no forecast is followed below the load and a margin."""
    floor = rules[SURPRISE_FLOOR] * seen[LOAD] / rules[CAPACITY]
    if trail[PROPOSAL, LIMITER] == BY_FORECAST and floor > need and surprised(seen, memory):
        return say(trail, SURPRISE, BY_SURPRISE, floor)
    return need


@kernel
def scale_in_window(
    rules: Floats, seen: Floats, outlook: Expected, memory: Floats, trail: Floats, need: float
) -> float:
    """Drop no pod that the longer window will want back."""
    current = seen[REPLICAS]
    if trail[PROPOSAL, LIMITER] != BY_FORECAST or whole(need) >= current or math.isnan(outlook.window[MEDIAN]):
        return need
    stay = min(kept(rules, outlook, memory, whole(need)), current)
    return say(trail, SCALE_IN_WINDOW, BY_SCALE_IN_WINDOW, stay) if stay > whole(need) else need


@kernel
def reversal_gate(rules: Floats, seen: Floats, outlook: Expected, memory: Floats, trail: Floats, need: float) -> float:
    """Raise after a scale-in only if that gains enough; never wait with what the load now asks for."""
    current = seen[REPLICAS]
    if trail[PROPOSAL, LIMITER] != BY_FORECAST or whole(need) <= current or memory[LAST_MOVE] >= 0.0:
        return need
    if math.isnan(seen[LOAD]) or whole(_present(rules, seen, memory)) > current:
        return need  # blind, a raise is not put off for the sake of calm
    if whole(outlook.lead[MEDIAN] / served(rules)) > current:
        return need  # nor where it is likelier than not that the pods will be short
    if pays(rules, outlook, memory, current, whole(need)):
        return need
    return say(trail, REVERSAL_GATE, BY_REVERSAL_GATE, current)


@kernel
def _present(rules: Floats, seen: Floats, memory: Floats) -> float:
    """Return the pods that the load as it is now asks for."""
    need = seen[LOAD] / rules[CAPACITY]
    if surprised(seen, memory):
        need *= rules[SURPRISE_FLOOR]
    return float(max(need, reactive_need(rules, seen)) if seen[TRUSTED] == 0.0 else need)


@kernel
def pays(rules: Floats, outlook: Expected, memory: Floats, current: float, wanted: float) -> bool:
    """Return whether a raise from `current` to `wanted` pods is worth a reversal."""
    each, values = served(rules), outlook.lead
    short = out.survival(values, current * each)
    if not math.isnan(rules[QUANTILE]):
        return bool(short > min(rules[BROKEN] * (1.0 - rules[QUANTILE]), EVEN))
    spared = short - out.survival(values, wanted * each)
    return bool(memory[PRICE_IN_FORCE] * spared - (wanted - current) > rules[GATE] * current)

"""The price of running short that holds a budget of time: found by replaying every price on the load as it came.

Load does not depend on our replicas, so what a price would have cost, and how much of the time it would have been
short, can be counted for all of a ladder of prices at once; no gain has to be guessed. Along the ladder the share of
time short falls; the least price is taken whose share is within the target. The target is the budget, less what was
overspent of late, and a little less, because the shares seen are uncertain.

Shares forget by the days. At first they are what an ordinary load would show: that guess is never forgotten altogether,
or a week without a burst would teach that bursts cost nothing.
"""

import math

import numpy as np

from bayescast.kernels.jit import kernel

from . import aim
from . import outlook as out
from .books import (
    AFFORDABLE,
    AIM,
    AT,
    BET,
    BOOKED_AT,
    COST,
    COUNT,
    CURRENT,
    DAY,
    FLEET,
    GUESS_SECONDS,
    MOVED,
    N_RUNGS,
    NEXT,
    OWN_COUNT,
    PLACE,
    PODS,
    RATE,
    RUNGS,
    SHORT,
    TARGET,
    WEIGHT,
    Books,
    opened,
)
from .columns import (
    ACTIVATION,
    BUDGET,
    CAPACITY,
    DOWN_WINDOW,
    GATE,
    LAG_SECONDS,
    LOAD,
    LOAD_AT,
    MAX_REPLICAS,
    MIN_REPLICAS,
    NOW,
    PRICE_IN_FORCE,
    REPLICAS,
    SERVING,
    STARTUP_SECONDS,
    STEP_SECONDS,
    SURPRISE_FLOOR,
    Expected,
    Floats,
)
from .rules import whole

MEMORY_SECONDS = 5.0 * DAY
GUESS = 20.0  # at a price of so many fleets the guess is the budget, or a hundredth of the time
MOST_GUESSED = 0.01
RETURN_SECONDS = 1.75 * DAY  # in which an overspent budget is won back, beside what is remembered
LEAST_TARGET, MOST_TARGET = 0.25, 3.0  # of the aim: what the target stays within, so that nothing winds up
_TINY = 1e-5

open_books = kernel(opened)


@kernel
def note(books: Books, replicas: float, now: float) -> None:
    """Note the replicas that run from now on."""
    own, count = books.own, int(books.figures[OWN_COUNT])
    if count and own[count - 1, 1] == replicas:
        return
    if count == len(own):
        for k in range(1, count):
            own[k - 1, 0], own[k - 1, 1] = own[k, 0], own[k, 1]
        count -= 1
    own[count, 0], own[count, 1] = now, replicas
    books.figures[OWN_COUNT] = float(count + 1)


@kernel
def note_own(seen: Floats, books: Books) -> None:
    """Note what runs as it is seen: the pods that serve, or, where nobody tells, those that are asked for."""
    count = int(books.figures[OWN_COUNT])
    if count and books.own[count - 1, 0] > seen[NOW]:
        start_anew(books)
    note(books, seen[REPLICAS] if math.isnan(seen[SERVING]) else seen[SERVING], seen[NOW])


@kernel
def note_asked(seen: Floats, books: Books, replicas: float) -> None:
    """Note the replicas asked for, where nobody will tell when they serve."""
    if math.isnan(seen[SERVING]):
        note(books, replicas, seen[NOW])


@kernel
def steer(rules: Floats, seen: Floats, buckets: Floats, outlook: Expected, memory: Floats, books: Books) -> None:
    """Book the new buckets to every price, read the price off the ladder, and let every price decide on the newest."""
    figures, at = books.figures, seen[LOAD_AT]
    if math.isnan(at) or math.isnan(seen[LOAD]) or math.isnan(outlook.window[0]) or at <= figures[AT]:
        return
    _rescale(books, rules[CAPACITY])
    startup = rules[STARTUP_SECONDS] if math.isnan(seen[SERVING]) else 0.0
    for k in range(len(buckets)):
        if figures[AT] < buckets[k, 0] < at and not math.isnan(buckets[k, 1]):
            _take(rules, buckets[k, 1], buckets[k, 0], startup, books)
    _take(rules, seen[LOAD], at, startup, books)
    fleet = max(_mean_fleet(figures), 1.0)
    memory[PRICE_IN_FORCE] = _price(rules, books, fleet)
    _decide(rules, seen, outlook, memory, books, fleet)


@kernel
def _take(rules: Floats, load: float, at: float, startup: float, books: Books) -> None:
    """Book the bucket that ended at `at`. A rest is no time: nobody can be short in it, and it spares no budget."""
    figures = books.figures
    elapsed = rules[STEP_SECONDS] if math.isnan(figures[AT]) else at - figures[AT]
    figures[AT] = at
    if rules[MIN_REPLICAS] > 0.0 or load > rules[ACTIVATION]:
        _book(rules, at, startup, books, load / rules[CAPACITY], math.exp(-elapsed / MEMORY_SECONDS))


@kernel
def _mean_fleet(figures: Floats) -> float:
    """Return the mean number of replicas that the load needed."""
    return float(figures[FLEET] / figures[WEIGHT]) if figures[WEIGHT] > 0.0 else 1.0


@kernel
def start_anew(books: Books) -> None:
    """Let what was decided and what ran begin anew, after a clock was set back; the sums stay."""
    figures = books.figures
    figures[AT], figures[COUNT], figures[OWN_COUNT] = np.nan, 0.0, 0.0


@kernel
def _rescale(books: Books, capacity: float) -> None:
    """Bring what was booked in pods to pods that serve `capacity`."""
    figures, rungs, asked, wanted = books.figures, books.rungs, books.asked, books.wanted
    if figures[BOOKED_AT] > 0.0 and figures[BOOKED_AT] != capacity:
        ratio = figures[BOOKED_AT] / capacity
        figures[FLEET] *= ratio
        for rung in range(N_RUNGS):
            rungs[rung, PODS] *= ratio
            rungs[rung, CURRENT] = whole(rungs[rung, CURRENT] * ratio)
            for place in range(len(asked)):
                asked[place, 1 + rung] = whole(asked[place, 1 + rung] * ratio)
                wanted[place, rung] = whole(wanted[place, rung] * ratio)
    figures[BOOKED_AT] = capacity


@kernel
def _book(rules: Floats, end: float, own_startup: float, books: Books, need: float, forget: float) -> None:
    """Count how long every price, and we, were short in the bucket."""
    figures, rungs, asked, own = books.figures, books.rungs, books.asked, books.own
    step, startup = rules[STEP_SECONDS], rules[STARTUP_SECONDS]
    first = end - step
    count, place, room = int(figures[COUNT]), int(figures[PLACE]), len(asked)
    for rung in range(N_RUNGS):
        short, until = 0.0, first
        for k in range(count):
            here = (place - count + k) % room
            if asked[here, 1 + rung] * (1.0 + 1e-9) < need:
                begun = max(asked[here, 0], until)
                over = end if k == count - 1 else min(asked[(here + 1) % room, 0] + startup, end)
                if over > begun:
                    short, until = short + over - begun, over
        rungs[rung, RATE] = forget * rungs[rung, RATE] + short / step
        rungs[rung, PODS] = forget * rungs[rung, PODS] + (rungs[rung, CURRENT] if count else need)
    short, until = 0.0, first
    known = int(figures[OWN_COUNT])
    for k in range(known):
        if own[k, 1] * (1.0 + 1e-9) < need:
            begun = max(own[k, 0], until)
            over = end if k == known - 1 else min(own[k + 1, 0] + own_startup, end)
            if over > begun:
                short, until = short + over - begun, over
    figures[SHORT] = forget * figures[SHORT] + short / step
    figures[WEIGHT] = forget * figures[WEIGHT] + 1.0
    figures[FLEET] = forget * figures[FLEET] + whole(need)


@kernel
def _price(rules: Floats, books: Books, fleet: float) -> float:
    """Return the price in pods."""
    figures, rungs = books.figures, books.rungs
    weight, step, budget = figures[WEIGHT], rules[STEP_SECONDS], AIM * rules[BUDGET]
    overspent = figures[SHORT] - budget * weight
    target = budget - overspent / (weight + RETURN_SECONDS / step)
    target = min(max(target, LEAST_TARGET * budget), MOST_TARGET * budget)
    figures[TARGET] = target
    guessed = GUESS_SECONDS / step
    level = GUESS * min(rules[BUDGET], MOST_GUESSED)
    fleets, safe, above = RUNGS[0], 0.0, 0.0
    for rung in range(N_RUNGS - 1, -1, -1):
        guess = min(1.0, level / RUNGS[rung])
        share = max((rungs[rung, RATE] + guessed * guess) / (weight + guessed), safe)
        if share > target:
            fleets = RUNGS[rung]
            if rung < N_RUNGS - 1:
                low, high = math.log(safe + _TINY), math.log(share + _TINY)
                part = (high - math.log(target + _TINY)) / max(high - low, _TINY)
                fleets *= (above / RUNGS[rung]) ** min(max(part, 0.0), 1.0)
            break
        safe, above = share, RUNGS[rung]
    affordable = AFFORDABLE * _mean_fleet(figures) / budget
    return float(max(min(fleets * fleet, affordable), RUNGS[0] * fleet))


@kernel
def _decide(rules: Floats, seen: Floats, outlook: Expected, memory: Floats, books: Books, fleet: float) -> None:
    """Let every price decide on the newest bucket, as we do."""
    figures, rungs, asked, wanted = books.figures, books.rungs, books.asked, books.wanted
    each, need = aim.served(rules), seen[LOAD] / rules[CAPACITY]
    lead, window = outlook.lead, outlook.window
    growth = window[0] / lead[0] if lead[0] > 0.0 else 1e9
    floor = max(rules[MIN_REPLICAS], whole(lead[0] / each), 1.0)
    floor_now = whole(need * (rules[SURPRISE_FLOOR] if aim.surprised(seen, memory) else 1.0))
    place, count, room = int(figures[PLACE]), int(figures[COUNT]), len(asked)
    since = seen[LOAD_AT] + rules[LAG_SECONDS]
    _cheapest(lead, each, fleet, floor, rules[MAX_REPLICAS], rungs, NEXT)
    _cheapest(window, each, fleet, floor, rules[MAX_REPLICAS], rungs, BET)
    for rung in range(N_RUNGS):
        price, current, up = RUNGS[rung] * fleet, rungs[rung, CURRENT], max(rungs[rung, NEXT], floor_now)
        down = max(min(rungs[rung, BET], whole(max(up * growth - 0.5, 0.0))), up)
        wanted[place, rung] = down
        for k in range(count):
            here = (place - count + k) % room
            if asked[here, 0] > since - rules[DOWN_WINDOW]:
                down = max(down, wanted[here, rung])
        if math.isnan(current):
            current = down
            rungs[rung, MOVED] = 0.0
        elif up > current:
            spared = out.survival(lead, current * each) - out.survival(lead, up * each)
            gain = price * spared - (up - current)
            if rungs[rung, MOVED] >= 0.0 or floor_now > current or gain > rules[GATE] * current:
                current, rungs[rung, MOVED] = up, 1.0
        elif down < current:
            current, rungs[rung, MOVED] = down, -1.0
        current = min(max(current, rules[MIN_REPLICAS]), rules[MAX_REPLICAS])
        rungs[rung, CURRENT] = current
        asked[place, 1 + rung] = current
    asked[place, 0] = since
    figures[PLACE] = float((place + 1) % room)
    figures[COUNT] = float(min(count + 1, room))


@kernel
def _cheapest(values: Floats, each: float, fleet: float, least: float, most: float, rungs: Floats, into: int) -> None:
    """Write into a column of every rung what `outlook.cheapest` says at its price: one walk for all of them."""
    short = out.survival(values, least * each)
    for rung in range(N_RUNGS):
        rungs[rung, into], rungs[rung, COST] = least, least + RUNGS[rung] * fleet * short
    n, first = least + out.stride(least), 0
    while n <= most and first < N_RUNGS:
        short = out.survival(values, n * each)
        while first < N_RUNGS and n >= rungs[first, COST]:  # the least cost rises with the price
            first += 1
        for rung in range(first, N_RUNGS):
            cost = n + RUNGS[rung] * fleet * short
            if cost < rungs[rung, COST]:
                rungs[rung, into], rungs[rung, COST] = n, cost
        n += out.stride(n)

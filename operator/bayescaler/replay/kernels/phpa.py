"""The predictive HPA's two models of its own replica counts, and its loop."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.kernels.jit import entry, kernel

from .controller import NOTHING, Memory, Rules, proposal, settle

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAXIMUM, MINIMUM, MEAN, MEDIAN = range(4)
LEVEL, TREND = range(2)  # places in the smoothing's state
_FITTED = 10  # points the first level and trend are drawn through
_CYCLES = 5  # seasons at most that the first seasonal factors are averaged over
_NOISE = 1e-9  # of a prediction: float noise, not load


class Models(NamedTuple):
    """The models to combine; history_size 0 and seasonal_periods 0 leave the respective one out."""

    decision_type: int
    per_sync_period: int
    look_ahead_steps: float
    history_size: int
    seasonal_periods: int
    stored_seasons: int
    alpha: float
    beta: float
    gamma: float


@entry
def linear(values: Floats, begin: int, end: int, ahead: float) -> float:
    """Return the least-squares line through values[begin:end], `ahead` steps after the last; one point is its value."""
    count = end - begin
    if count == 1:
        return float(values[begin])
    middle = 0.5 * (count - 1)
    mean = 0.0
    for place in range(begin, end):
        mean += values[place] / count
    tilt, spread = 0.0, 0.0
    for place in range(begin, end):
        x = place - begin - middle
        tilt += x * (values[place] - mean)
        spread += x * x
    return mean + tilt / spread * (middle + ahead)


@kernel
def begun_with(count: int, m: int) -> int:
    """Return how many of `count` numbers the first level, trend and factors are drawn from."""
    cycles = max(min(_CYCLES, count // m), -(-(_FITTED + 2 * (m // 2)) // m))
    return min(count, m * cycles)


@entry
def begin_smoothing(values: Floats, begin: int, end: int, m: int, state: Floats, seasons: Floats) -> None:
    """Write the first level, trend and seasonal factors (m,) of values[begin:end], two whole seasons or more.

    The heuristic of Hyndman et al., Forecasting with Exponential Smoothing (2008), 2.6: factors are what is left of a
    centred moving average, averaged by phase over at most five seasons; level and trend a line through its first ten.
    """
    used = begun_with(end - begin, m)
    half = m // 2
    even = m % 2 == 0
    for phase in range(m):
        seasons[phase] = 0.0
    level, tilt = 0.0, 0.0
    window = 0.0
    for place in range(m):
        window += values[begin + place]
    for centre in range(half, used - half):
        first = centre - half
        last = first + m
        average = window / m
        if even:  # the mean of two windows one step apart
            average += 0.5 * (values[begin + last] - values[begin + first]) / m
        index = centre - half
        if index < _FITTED:  # least squares on x = 1 .. 10: mean 5.5, sum of squares 82.5
            level += average / _FITTED
            tilt += (index - 4.5) * average / 82.5
        phase = centre % m
        count = (used - half - 1 - phase) // m + 1
        if phase < half:
            count -= (half - 1 - phase) // m + 1
        seasons[phase] += (values[begin + centre] - average) / count
        if last < used:
            window += values[begin + last] - values[begin + first]
    state[TREND] = tilt
    state[LEVEL] = level - 5.5 * tilt
    mean = 0.0
    for phase in range(m):
        mean += seasons[phase] / m
    for phase in range(m):
        seasons[phase] -= mean


@entry
def smooth(values: Floats, begin: int, first: int, end: int, models: Models, state: Floats, seasons: Floats) -> None:
    """Take values[first:end] into additive Holt-Winters; the season of values[begin] is the first."""
    for place in range(first, end):
        phase = (place - begin) % models.seasonal_periods
        level, trend, season = state[LEVEL], state[TREND], seasons[phase]
        expected = level + trend
        state[LEVEL] = models.alpha * (values[place] - season) + (1.0 - models.alpha) * expected
        state[TREND] = models.beta * (state[LEVEL] - level) + (1.0 - models.beta) * trend
        seasons[phase] = models.gamma * (values[place] - expected) + (1.0 - models.gamma) * season


@kernel
def rounded_up(prediction: float) -> int:
    """Return a prediction as whole replicas."""
    return int(np.ceil(prediction - _NOISE * max(1.0, abs(prediction))))


@kernel
def combined(decision_type: int, first: int, second: int, third: int, count: int) -> int:
    """Return the HPA's own number and up to two predictions as one."""
    if count == 1:
        return first
    if count == 2:
        third = first
    if decision_type == MAXIMUM:
        return max(first, second, third)
    if decision_type == MINIMUM:
        return min(first, second, third)
    if decision_type == MEAN:
        total = first + second + (third if count > 2 else 0)
        return int(np.floor(total / count + 0.5))
    if count == 2:
        return (first + second) // 2
    return max(min(first, second), min(max(first, second), third))


@entry
def run_phpa(
    models: Models,
    rules: Rules,
    metrics: Floats,
    target: float,
    start: int,
    history: Floats,
    state: Floats,
    seasons: Floats,
    memory: Memory,
    out: Integers,
) -> None:
    """Write the replicas after each sync; NaN in metrics: the sync fails and is remembered by nothing.

    history: (n,) the HPA's numbers so far. state: (2,). seasons: (seasonal_periods,). All else (n,).
    """
    current, count, begin, taken, used, since = start, 0, 0, 0, 0, 0
    m = models.seasonal_periods
    for sync in range(len(metrics)):
        memory.recommended[sync] = NOTHING
        memory.changed[sync] = 0
        out[sync] = current
        if np.isnan(metrics[sync]) or (current == 0 and rules.min_replicas > 0):
            continue
        own = proposal(rules, metrics[sync], target, current)
        history[count] = own
        count += 1
        line, season, number = 0, 0, 1
        since += 1
        if since >= models.per_sync_period:
            since = 0
            if models.history_size > 0:
                line = rounded_up(linear(history, max(0, count - models.history_size), count, models.look_ahead_steps))
                number += 1
            if m > 0:
                number += 1
                stored = count - begin
                if stored >= 2 * m and stored >= _FITTED + 2 * (m // 2):
                    fresh = begun_with(stored, m)
                    if taken == 0 or fresh != used:
                        begin_smoothing(history, begin, count, m, state, seasons)
                        taken, used = begin, fresh
                    smooth(history, begin, taken, count, models, state, seasons)
                    taken = count
                    season = rounded_up(state[LEVEL] + state[TREND] + seasons[(count - begin) % m])
                if stored // m > models.stored_seasons:
                    begin += (stored // m - models.stored_seasons) * m
                    taken = 0
        if models.history_size == 0:
            line = season
        wanted = combined(models.decision_type, own, line, season, number)
        current = settle(rules, memory, sync, start, current, wanted)
        current = min(max(current, rules.min_replicas), rules.max_replicas)
        memory.changed[sync] = current - out[sync]
        out[sync] = current

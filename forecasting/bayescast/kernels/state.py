"""What is remembered of N workloads, by name, first axis the row; and the plan all rows of a bank share.

Axes: N rows, L leads, U units (row * L + lead), P seasons, S slots of all seasons one after the other, R ring places
of all leads one after the other (lead + 1 each), V slots of rises (of the first season, then of the hour), D = 7 + 2 P
+ events features, Q issued levels, E experts, H histograms, B bins. Columns of the smaller arrays have names, below.
How all of this lies in memory, and what kernels take, is in `memory`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.predictive import LEVELS
from bayescast.settings import Settings

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]
Counts = NDArray[np.uint8]
Templates = NDArray[np.int16]
Pointers = NDArray[np.int16]
Ring = NDArray[np.int32]
Flags = NDArray[np.bool_]

LEVEL_GRID = np.array(LEVELS)
LOGITS = np.log(LEVEL_GRID / (1 - LEVEL_GRID))
N_LEVELS = len(LEVELS)
TEMPLATE_UNIT = 1.0 / 900.0  # of log load in a slot: within +-36, which holds every load there can be
UNSEEN = -32768
MOST_COUNTED = int(np.iinfo(np.uint8).max)  # buckets in a slot; one that holds as many is read from there on
UNCAPPED = 600.0  # log load; no exponential overflows below it

SLACK = 0.1  # of a log load: a residual of this size is never winsorised, however small the scale has become
LARGEST_RISE = 5.0  # of the log window maximum over the load at its origin, in the mean of a slot

# Experts: location, residual on the log or the additive scale, constant or learned scale, histograms (strata).
TEMPLATE, SLOW_REGRESSION, SCALED_REGRESSION, LAST, FAST_REGRESSION, LONG_TEMPLATE, ADD_REGRESSION, ADD_LAST = range(8)
EXPERT_NAMES = (
    "template", "slow regression", "scaled regression", "last value",
    "fast regression", "long template", "additive regression", "additive last value",
)  # fmt: skip
N_EXPERTS = len(EXPERT_NAMES)
N_LOG = 6  # experts 0..5 work on the log scale
WITH_LEARNED_SCALE = (SCALED_REGRESSION, LAST, FAST_REGRESSION, LONG_TEMPLATE)
FIRST_HISTOGRAM = (0, 1, 5, 6, 10, 11, 12, 13)
N_HISTOGRAMS = 14

# Columns of marks[row],
CLOCK, SEEN, GAP, GAUSSIAN, COUNTS, BOUNDABLE, FAMILY_OPEN, FAMILY_REST, TALLIED, DOUBTED = range(10)
N_MARKS = 10  # DOUBTED: zeros in a row, up to the newest bucket, that were not believed
WHOLE, FRACTIONS = 1, 2  # values of BOUNDABLE for a gauge: all loads were whole numbers, or not
# of scalars[row],
MEAN, MEAN_N, OFFSET, LAST_Z, LAST_VALUE, Z_TOP, Z_LOW, Z_HIGH, SPREAD_SUM, SPREAD_WEIGHT, DISPERSION = range(11)
ALARM_SCALE, ALARM_REST, ALARM_UP, ALARM_DOWN, ALARM_AT, SURPLUS, BOUND, BOUND_SEEN = range(11, 19)
RIVAL_LEVEL, OWN_ERROR, RIVAL_ERROR, RISE_AT, SILENCE, QUANTUM = range(19, 25)
N_SCALARS = 25  # SILENCE: share of zeros; QUANTUM: what all loads are multiples of
# of levels[row]: shapes and rates of the Gammas, levels on the log scale
LEVEL_SHAPE, LEVEL_RATE, LEVEL_Z = range(3)
# of lead_marks[unit],
HEAD, TAIL, USABLE, SATURATED, WINDOWS, DISJOINT, LAST_DISJOINT, DISJOINT_SINCE = range(8)
N_LEAD_MARKS = 8  # DISJOINT_SINCE: of those that began after the newest alarm
# of lead_scalars[unit]; from SCALE on one for every expert
MASS_UNIT, SCALE_N, PREDICTED_SPREAD, MEAN_RESIDUAL, RECENT_RESIDUAL, SLOW_NOISE, FAST_NOISE, MIDDLE = range(8)
SCALE = 8
N_LEAD_SCALARS = SCALE + N_EXPERTS
# of by_level[unit, :, level],
# (of DEBT that of all forecasts, or of the low ones)
LOSS_SCALE, DEBT, HIGH_DEBT, ISSUED, COVERED, PINBALL, NAIVE_RATIO, NAIVE_PINBALL, RECENT_MISSES, SAID = range(10)
N_BY_LEVEL = 10  # ISSUED is what is learned from, SAID what is told: the same but for atoms
RECENT_WINDOWS = 32  # RECENT_MISSES: which of so many disjoint windows were missed, the newest the lowest bit
# of what a replay shows of every bucket and lead; the first four by level
SHOWN_COVERAGE, SHOWN_SKILL, SHOWN_HEADROOM, SHOWN_MISSES = range(0, 4 * N_LEVELS, N_LEVELS)
SHOWN_DISJOINT, SHOWN_SINCE, SHOWN_CHANGE, SHOWN_DOUBTED = range(4 * N_LEVELS, 4 * N_LEVELS + 4)
N_SHOWN = 4 * N_LEVELS + 4
# of pointer_mass[unit, histogram]: mass below the pointer of each level, mass in its bin, then the total
INSIDE, TOTAL = N_LEVELS, 2 * N_LEVELS
# of ring_mark[place]: what became of a bucket, the histograms used there, whether the forecast was high, the
# events, the slot of the hour, then the slot in every season
STATUS, STRATUM, HIGH, EVENTS, HOUR_SLOT, FIRST_SLOT = range(6)
NOW = 8  # EVENTS: bit k, event k is on in the window that follows; bit NOW + k, in the bucket itself
MISSING, SEEN_BUCKET, SATURATED_BUCKET = 0, 1, 2
# of ring[place]: what was issued there
R_OFFSET, R_VALUE, R_BASE, R_SPREAD, R_BIN = range(5)
R_LOCATION = 5
R_ISSUED = R_LOCATION + N_LOG
R_SCALE = R_ISSUED + N_LEVELS
R_SPREAD_FEATURE = R_SCALE + N_EXPERTS
N_SPREAD_FEATURES = 5
R_FEATURE = R_SPREAD_FEATURE + N_SPREAD_FEATURES
N_LEVEL_BINS = 16
N_FEATURES = 7  # of the regressions without a season; every season adds two, every event one
N_LEVEL_DISCOUNTS = 3

N_BINS = 97
_BIN_SHARPNESS = 5.0  # bins are equal in asinh(5 u): fine near zero, 10 % wide far out
_BIN_LIMIT = 60.0  # |u| of the outermost edge
_BIN_REACH = float(np.arcsinh(_BIN_SHARPNESS * _BIN_LIMIT))
BIN_EDGES = np.sinh(np.linspace(-1.0, 1.0, N_BINS + 1) * _BIN_REACH) / _BIN_SHARPNESS
BIN_SHARPNESS, BINS_PER_UNIT = _BIN_SHARPNESS, 0.5 * N_BINS / _BIN_REACH


def student_t4_cdf(x: Floats) -> Floats:
    """Return the cdf of Student's t with 4 degrees of freedom, which has a closed form."""
    u = x / np.sqrt(x * x + 4.0)
    return np.asarray(0.5 + 0.75 * u - 0.25 * u**3)


_PRIOR = np.diff(student_t4_cdf(BIN_EDGES))
SHAPE_PRIOR = _PRIOR / _PRIOR.sum()


class Plan(NamedTuple):
    """What follows from step, leads, seasons and settings: the same for all rows."""

    leads: Integers  # (L,) window lengths in buckets
    ring_at: Integers  # (L + 1,) where each lead's ring starts
    season_at: Integers  # (P + 1,) where each season's slots start
    visit: Integers  # (P,) buckets a slot holds in one period, as far as they are counted
    template_gain: Floats  # (P,) share of one bucket in its slot
    spread_gain: float  # the same for the mean residual by slot
    hour_slots: int  # slots of an hour
    events: int  # kinds of known events
    shape_growth: Floats  # (L,) of the weight of a window in the histograms, over that of the one before
    tracker_gain: Floats  # (L, Q)
    tracker_debt: Floats  # (L, Q)
    tracker_noise: Floats  # (L, Q)
    tracked_apart: Flags  # (L, Q)
    hedge_rate: Floats  # (Q,)
    hedge_discount: Floats  # (L,)
    gap_discount: float  # of a deviation, for one missing bucket


class State(NamedTuple):
    """Everything remembered, as views of the memory; see the module's docstring for the axes."""

    marks: Integers  # (N, N_MARKS)
    scalars: Floats  # (N, N_SCALARS)
    levels: Floats  # (N, 3, levels)
    deviations: Floats  # (N, 2 P) of log load from each season's template, quick and slow
    slot_load: Templates  # (N, S) template of log load
    slot_count: Counts  # (N, S) buckets seen in a slot, up to MOST_COUNTED
    slot_peak: Templates  # (U, S) template of the log window maximum by slot of its origin
    slot_rise: Singles  # (U, V) mean rise of the log window maximum over the log load at its origin
    slot_spread: Singles  # (U, S of the first season) mean |residual|
    slot_spread_count: Counts  # (U, S of the first season)
    lead_marks: Integers  # (U, N_LEAD_MARKS)
    lead_scalars: Floats  # (U, N_LEAD_SCALARS)
    slow_fit: Floats  # (U, D + 1, D) regression: covariance, then weights
    fast_fit: Floats  # (U, D + 1, D)
    spread_fit: Floats  # (U, 6, 5)
    level_spread: Floats  # (U, 16, 2) mean |residual| by predicted level, its weight
    bins: Singles  # (U, H, B) mass
    pointer_bin: Pointers  # (U, H, Q) bin of each quantile
    pointer_mass: Floats  # (U, H, 2 Q + 1)
    losses: Floats  # (U, E, Q) discounted excess losses
    by_level: Floats  # (U, N_BY_LEVEL, Q)
    peak_value: Floats  # (N R,) monotone queue of the window maximum
    peak_at: Integers  # (N R,)
    ring_mark: Ring  # (N R, 2 + P)
    ring: Floats  # (N R, R_FEATURE + D)
    ring_quantile: Singles  # (N R, E, Q)


def make_plan(
    step_seconds: float,
    leads: tuple[int, ...],
    slots: tuple[int, ...],
    visits: tuple[int, ...],
    hour_slots: int,
    events: int,
    settings: Settings,
) -> Plan:
    """Derive the plan; `slots` and `visits` hold the slots of each season and the buckets of one visit."""
    window = np.array(leads, dtype=np.float64)[:, None]
    overlap = np.maximum(1.0, 0.05 / (1.0 - LEVEL_GRID))
    due = settings.tracker_memory * (1.0 - LEVEL_GRID)
    apart = due > settings.tracker_evidence * window
    by_visit = [settings.template_gain] + [settings.long_template_gain] * max(0, len(slots) - 1)
    return Plan(
        leads=np.array(leads, dtype=np.int64),
        ring_at=np.concatenate([[0], np.cumsum(np.array(leads, dtype=np.int64) + 1)]),
        season_at=np.concatenate([[0], np.cumsum(np.array(slots, dtype=np.int64))]).astype(np.int64),
        visit=np.minimum(np.array(visits, dtype=np.int64), MOST_COUNTED - 1),  # the newest bucket does not count
        template_gain=np.array(
            [1.0 - (1.0 - g) ** (1.0 / v) for g, v in zip(by_visit, visits, strict=False)], dtype=np.float64
        ),
        spread_gain=_by_bucket(settings.spread_gain, visits[0]) if visits else 0.0,
        hour_slots=hour_slots,
        events=events,
        shape_growth=1.0 + 1.0 / (settings.shape_memory * (1.0 + window[:, 0] / settings.shape_lead)),
        # two accounts see half of the windows each
        tracker_gain=np.where(apart, 2.0, 1.0)
        * settings.tracker_gain
        / (1.0 + window / settings.tracker_lead * overlap),
        tracker_debt=settings.tracker_debt * np.sqrt(1.0 - LEVEL_GRID) * (1.0 + window / settings.tracker_debt_lead),
        tracker_noise=settings.tracker_noise * np.sqrt(np.where(apart, 0.5, 1.0) * due * (window - 1.0)),
        tracked_apart=apart,
        hedge_rate=hedge_rates(settings),
        hedge_discount=1.0 - settings.hedge_forgetting / (1.0 + window[:, 0] / settings.hedge_lead),
        gap_discount=float(np.exp(-step_seconds / settings.gap_memory_seconds)),
    )


def hedge_rates(settings: Settings) -> Floats:
    """Return Hedge's learning rate by level, (Q,): where misses are rarer, losses are noisier."""
    rates = settings.hedge_rate * np.minimum(1.0, np.sqrt((1.0 - LEVEL_GRID) / 0.05))
    return np.asarray(rates if settings.with_hedge else np.zeros(N_LEVELS))


def _by_bucket(gain: float, buckets: int) -> float:
    """Return the gain of each of several buckets that together have `gain`."""
    return float(1.0 - (1.0 - gain) ** (1.0 / buckets))


def row_of(state: State, row: int) -> State:
    """Return one row of every array, as views."""
    n = len(state.marks)
    own: Any = (array[row * (len(array) // n) : (row + 1) * (len(array) // n)] for array in state)
    return State(*own)


def clear(state: State, row: int, settings: Settings) -> None:
    """Set one row to the prior: nothing seen."""
    own = row_of(state, row)
    for array in own:
        array[...] = 0
    own.slot_load[...] = UNSEEN
    own.slot_peak[...] = UNSEEN
    own.scalars[:, SPREAD_SUM] = settings.dispersion_prior * settings.dispersion_weight
    own.scalars[:, SPREAD_WEIGHT] = settings.dispersion_weight
    own.scalars[:, DISPERSION] = settings.dispersion_prior
    own.scalars[:, ALARM_AT] = np.nan
    own.scalars[:, RISE_AT] = -1.0
    own.scalars[:, ALARM_REST] = 30.0
    own.levels[:, LEVEL_RATE] = 1.0
    for fit, prior in (
        (own.slow_fit, settings.regression_prior),
        (own.fast_fit, settings.regression_prior),
        (own.spread_fit, settings.spread_prior),
    ):
        fit[:, :-1] = prior * np.eye(fit.shape[-1])
    own.lead_scalars[:, [SLOW_NOISE, FAST_NOISE]] = settings.regression_noise
    own.lead_scalars[:, [MEAN_RESIDUAL, RECENT_RESIDUAL]] = settings.scale_prior
    own.lead_scalars[:, SCALE:] = settings.scale_prior
    own.lead_scalars[:, MASS_UNIT] = 1.0
    own.bins[...] = SHAPE_PRIOR * settings.shape_prior
    own.pointer_mass[:, :, TOTAL] = settings.shape_prior
    own.by_level[:, NAIVE_RATIO] = 1.0

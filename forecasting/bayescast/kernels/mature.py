"""A window ends: what was issued at its origin (ring place `place`) meets the largest load, and everything learns."""

import math

from bayescast.settings import Settings

from . import ahead, hedge, histogram, regression, spread, templates, tracker
from .jit import kernel
from .memory import Memory, Record
from .state import (
    ADD_REGRESSION,
    ALARM_AT,
    COVERED,
    DISJOINT,
    DISJOINT_SINCE,
    EVENTS,
    FAST_NOISE,
    FIRST_HISTOGRAM,
    FIRST_SLOT,
    HIGH,
    HOUR_SLOT,
    LARGEST_RISE,
    LAST,
    LAST_DISJOINT,
    LEVEL_GRID,
    MASS_UNIT,
    MEAN_RESIDUAL,
    N_EXPERTS,
    N_LEVELS,
    N_LOG,
    N_SPREAD_FEATURES,
    NAIVE_PINBALL,
    NAIVE_RATIO,
    PINBALL,
    R_BASE,
    R_BIN,
    R_FEATURE,
    R_ISSUED,
    R_LOCATION,
    R_OFFSET,
    R_SCALE,
    R_SPREAD,
    R_SPREAD_FEATURE,
    R_VALUE,
    RECENT_MISSES,
    RECENT_WINDOWS,
    SCALE,
    SCALE_N,
    SEEN,
    SLACK,
    SLOW_NOISE,
    SLOW_REGRESSION,
    STRATUM,
    WINDOWS,
    WITH_LEARNED_SCALE,
)


@kernel
def learn(
    state: Memory,
    plan: Record,
    settings: Settings,
    scratch: Record,
    row: int,
    lead: int,
    clock: int,
    place: int,
    outcome: float,
    censored: bool,
) -> None:
    """Learn from a window that began at `place`; of a censored one the outcome is a lower bound."""
    unit = row * plan.n_leads + lead
    track = state.tracks[unit]
    z = math.log(outcome + state.ring[place, R_OFFSET])
    _residuals(state, scratch, unit, place, outcome, z)
    _score(state, plan, settings, unit, lead, place, outcome, censored, clock)
    ahead.ring(state, plan, scratch, lead)
    hedge.learn(
        track.losses,
        track.by_level,
        state.ring_quantile,
        state.ring,
        place,
        outcome,
        plan.hedge_discount[lead],
        settings.hedge_idle,
        settings.hedge_idle_forgetting,
        settings.hedge_clip,
        track.marks[WINDOWS],
        scratch.first,
        scratch.second,
        scratch.third,
    )
    ahead.track(state, plan, scratch, lead)
    _shapes(state, plan, settings, scratch, unit, lead, place)
    ahead.track(state, plan, scratch, lead)
    size = abs(z - state.ring[place, R_LOCATION + SLOW_REGRESSION])
    _spreads(state, plan, settings, scratch, unit, place, size, clock)
    _slots(state, plan, settings, row, unit, lead, place, z)
    _locations(state, settings, scratch, unit, place, z, clock)


@kernel
def _score(
    state: Memory,
    plan: Record,
    settings: Settings,
    unit: int,
    lead: int,
    place: int,
    outcome: float,
    censored: bool,
    clock: int,
) -> None:
    """Debt of the tracker, and the diagnostics: coverage, losses, and those of a calibrated last-value forecast."""
    track = state.tracks[unit]
    windows = track.marks[WINDOWS] + 1
    track.marks[WINDOWS] = windows
    apart_in_time = clock - track.marks[LAST_DISJOINT] >= plan.leads[lead] or windows == 1
    if apart_in_time:
        track.marks[LAST_DISJOINT] = clock
        track.marks[DISJOINT] += 1
        # The clock stood one past the bucket that sounded the alarm.
        if clock - plan.leads[lead] >= state.workloads[unit // plan.n_leads].scalars[ALARM_AT] - 1.0:
            track.marks[DISJOINT_SINCE] += 1
    share = 1.0 / min(float(windows), settings.diagnostic_memory)
    last = state.ring[place, R_VALUE] + state.ring[place, R_OFFSET]
    step = 0.05 * min(track.scalars[SCALE + LAST], 10.0)
    high = state.ring_mark[place, HIGH] == 1
    for j in range(N_LEVELS):
        level = LEVEL_GRID[j]
        issued = state.ring[place, R_ISSUED + j]
        missed = outcome - issued > 1e-9
        if missed or not censored:
            apart = high and plan.tracked_apart[lead, j] == 1
            tracker.learn(track.by_level, j, apart, missed, settings.tracker_memory)
        ratio = track.by_level[NAIVE_RATIO, j]
        naive = ratio * last - state.ring[place, R_OFFSET]
        track.by_level[COVERED, j] += share * ((0.0 if missed else 1.0) - track.by_level[COVERED, j])
        track.by_level[PINBALL, j] += share * (hedge.pinball(level, outcome, issued) - track.by_level[PINBALL, j])
        track.by_level[NAIVE_PINBALL, j] += share * (
            hedge.pinball(level, outcome, naive) - track.by_level[NAIVE_PINBALL, j]
        )
        if apart_in_time:
            missed_before = 2.0 * track.by_level[RECENT_MISSES, j]
            track.by_level[RECENT_MISSES, j] = (missed_before + (1.0 if missed else 0.0)) % 2.0**RECENT_WINDOWS
        track.by_level[NAIVE_RATIO, j] = ratio * (1.0 + step * (level if outcome > naive else level - 1.0))


@kernel
def _residuals(state: Memory, scratch: Record, unit: int, place: int, outcome: float, z: float) -> None:
    """Residuals of the experts and their bins, each somewhere else in memory: they are asked for long before use."""
    for e in range(N_EXPERTS):
        if e < N_LOG:
            residual = z - state.ring[place, R_LOCATION + e]
        elif e == ADD_REGRESSION:
            residual = outcome + state.ring[place, R_OFFSET] - math.exp(state.ring[place, R_LOCATION + SLOW_REGRESSION])
        else:
            residual = outcome - state.ring[place, R_VALUE]
        scratch.residual[e] = residual
        scratch.first[e] = residual / max(state.ring[place, R_SCALE + e], 1e-300)
    histogram.bins_of(scratch.first, scratch.residual_bin, N_EXPERTS)
    ahead.bins_of(state, unit, scratch.residual_bin)


@kernel
def _shapes(state: Memory, plan: Record, settings: Settings, scratch: Record, unit: int, lead: int, place: int) -> None:
    """Scales and histograms of the experts' residuals."""
    track = state.tracks[unit]
    mass = track.scalars[MASS_UNIT] * plan.shape_growth[lead]
    if mass > 1e9:
        histogram.rescale(track.bins, track.pointer_mass, mass)
        mass = 1.0
    track.scalars[MASS_UNIT] = mass
    n = min(track.scalars[SCALE_N] + 1.0, settings.scale_memory)
    track.scalars[SCALE_N] = n
    strata = state.ring_mark[place, STRATUM]
    for e in range(N_EXPERTS):
        size = abs(scratch.residual[e])
        if e in WITH_LEARNED_SCALE:
            size /= state.ring[place, R_SPREAD]
        scale = track.scalars[SCALE + e]
        slack = SLACK if e < N_LOG else SLACK * (state.ring[place, R_VALUE] + state.ring[place, R_OFFSET])
        scale += (min(size, 10.0 * scale + slack) - scale) / (n + 3.0)
        track.scalars[SCALE + e] = max(scale, 1e-5) if e < N_LOG else scale
    if settings.with_histograms:
        # All bins first: none is waited for.
        for e in range(N_EXPERTS):
            track.bins[int(scratch.residual_bin[e]), _histogram(e, strata)] += mass
        for e in range(N_EXPERTS):
            h, b = _histogram(e, strata), int(scratch.residual_bin[e])
            histogram.point(track.pointer_bin, track.pointer_mass, h, b, mass)


@kernel
def _histogram(expert: int, strata: int) -> int:
    """Return the histogram of an expert in the strata noted at the origin."""
    stratum = strata // 4 if expert == SLOW_REGRESSION else (strata % 4 if expert == LAST else 0)
    return FIRST_HISTOGRAM[expert] + stratum


@kernel
def _spreads(
    state: Memory, plan: Record, settings: Settings, scratch: Record, unit: int, place: int, size: float, turn: int
) -> None:
    """The learned scale: means of |residual| by slot, level and recency, and their regression."""
    track = state.tracks[unit]
    spread.learn_means(track.scalars, size)
    mean = track.scalars[MEAN_RESIDUAL]
    bounded = min(size, 10.0 * mean)
    if state.slot_spread.shape[1] > 0:
        slot = state.ring_mark[place, FIRST_SLOT]
        n = templates.tally(state.slot_spread_count, unit, slot)
        old = state.slot_spread[unit, slot]
        state.slot_spread[unit, slot] = old + templates.gain(n, plan.spread_gain) * (bounded - old)
    spread.learn_level(track.level_spread, state.ring[place, R_BIN], bounded, settings.scale_memory)
    error = spread.target(size, mean) - regression.predict(track.spread_fit, state.ring, place, R_SPREAD_FEATURE)
    regression.learn(
        track.spread_fit,
        state.ring,
        place,
        R_SPREAD_FEATURE,
        error,
        1.0,
        1.0 - 1.0 / settings.spread_memory,
        settings.spread_prior,
        turn % N_SPREAD_FEATURES,
        scratch.gain,
        scratch.column,
    )


@kernel
def _locations(state: Memory, settings: Settings, scratch: Record, unit: int, place: int, z: float, turn: int) -> None:
    """The slow and the fast regression of the log window maximum, relative to the base level of the origin."""
    track = state.tracks[unit]
    coordinate = turn % (state.slow_fit.shape[1] - 1)
    for quick in range(2):
        fit = state.fast_fit[unit] if quick == 1 else state.slow_fit[unit]
        memory = settings.fast_memory if quick == 1 else settings.slow_memory
        kept = FAST_NOISE if quick == 1 else SLOW_NOISE
        noise = track.scalars[kept]
        error = z - state.ring[place, R_BASE] - regression.predict(fit, state.ring, place, R_FEATURE)
        regression.learn(
            fit,
            state.ring,
            place,
            R_FEATURE,
            error,
            noise,
            1.0 - 1.0 / memory,
            settings.regression_prior,
            coordinate,
            scratch.gain,
            scratch.column,
        )
        track.scalars[kept] = noise + 0.005 * (min(error * error, 25.0 * noise) - noise) + 1e-12


@kernel
def _slots(
    state: Memory, plan: Record, settings: Settings, row: int, unit: int, lead: int, place: int, z: float
) -> None:
    """The templates of the window maximum, and of its rise over the load at the origin, by the slot of the origin.

    What an event brings belongs to it, not to its hour.
    """
    if state.ring_mark[place, EVENTS] != 0:
        return
    last = state.ring[place, R_BASE] + state.ring[place, R_FEATURE + 1]
    rise = min(max(z - last, -LARGEST_RISE), LARGEST_RISE)
    hour = state.slot_rise.shape[1] - plan.hour_slots + state.ring_mark[place, HOUR_SLOT]
    visits = 1 + max(state.workloads[row].marks[SEEN] - 1 - plan.leads[lead], 0) // plan.hour_slots
    share = templates.gain(visits, settings.rise_gain)
    state.slot_rise[unit, hour] += share * (rise - state.slot_rise[unit, hour])
    for season in range(plan.n_seasons):
        slot = plan.season_at[season] + state.ring_mark[place, FIRST_SLOT + season]
        share = templates.gain(state.slot_count[row, slot], plan.template_gain[season])
        templates.learn(state.slot_peak, unit, slot, z, share)
        if season == 0:
            state.slot_rise[unit, slot] += share * (rise - state.slot_rise[unit, slot])

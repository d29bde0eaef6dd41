"""A bucket was taken: describe the present in ring place `place`, place the experts, and write their quantiles."""

import math

from bayescast.settings import Settings

from . import exponential, histogram, regression, spread, templates
from .jit import kernel
from .memory import Memory, Record
from .state import (
    ADD_REGRESSION,
    EVENTS,
    FAST_REGRESSION,
    FIRST_HISTOGRAM,
    FIRST_SLOT,
    HIGH,
    HOUR_SLOT,
    LAST,
    LAST_VALUE,
    LAST_Z,
    LEVEL_Z,
    LONG_TEMPLATE,
    MEAN_RESIDUAL,
    MIDDLE,
    N_EXPERTS,
    N_FEATURES,
    N_LEVELS,
    N_LOG,
    NOW,
    OFFSET,
    PREDICTED_SPREAD,
    R_BASE,
    R_BIN,
    R_FEATURE,
    R_LOCATION,
    R_OFFSET,
    R_SCALE,
    R_SPREAD,
    R_SPREAD_FEATURE,
    R_VALUE,
    SCALE,
    SCALED_REGRESSION,
    SLOW_REGRESSION,
    STRATUM,
    TALLIED,
    TEMPLATE,
    WITH_LEARNED_SCALE,
    Z_HIGH,
    Z_LOW,
    Z_TOP,
)


@kernel
def describe(state: Memory, plan: Record, settings: Settings, row: int, unit: int, place: int, peak: float) -> None:
    """Features of the regressions, and the locations of the experts that are read off them, on the log scale.

    `peak` is the log of the largest load in the window that ends now. A season not seen yet stands back: the first for
    the base level, a longer one for the one before it.
    """
    workload = state.workloads[row]
    track = state.tracks[unit]
    scalars = workload.scalars
    levels = workload.levels
    ring = state.ring
    base = levels[LEVEL_Z, 0]
    z = scalars[LAST_Z]
    ring[place, R_BASE] = base
    ring[place, R_OFFSET] = scalars[OFFSET]
    ring[place, R_VALUE] = scalars[LAST_VALUE]
    ring[place, R_FEATURE] = 1.0
    ring[place, R_FEATURE + 1] = z - base
    ring[place, R_FEATURE + 2] = levels[LEVEL_Z, 2] - base
    ring[place, R_FEATURE + 3] = levels[LEVEL_Z, 1] - base
    ring[place, R_FEATURE + 4] = peak - base
    _rises(state, plan, settings, unit, place)
    template = base
    full = base
    half = base
    taken = int(workload.marks[TALLIED])
    for season in range(plan.n_seasons):
        first = plan.season_at[season]
        slot = state.ring_mark[place, FIRST_SLOT + season]
        raw = base
        if int(state.slot_count[row, first + slot]) - taken >= plan.visit[season]:
            reach = 2 // plan.visit[season]
            profile = templates.smooth(state.slot_peak, unit, first, plan.season_at[season + 1] - first, slot, reach)
            alone = templates.smooth(state.slot_peak, unit, first, plan.season_at[season + 1] - first, slot, 0)
            visits = int(state.slot_count[row, first + slot]) - taken
            if visits >= 3 * plan.visit[season] and abs(alone - profile) > track.scalars[MEAN_RESIDUAL]:
                profile = alone
            if not math.isnan(profile):
                quick = workload.deviations[2 * season]
                slow = workload.deviations[2 * season + 1]
                full = profile + quick
                half = profile + 0.5 * (quick if season == 0 else slow)
                if season == 0:
                    template = profile + slow
                    raw = profile if math.isnan(alone) else alone
        at = R_FEATURE + N_FEATURES + 2 * season
        ring[place, at] = (raw if season == 0 else full) - base
        ring[place, at + 1] = (full if season == 0 else half) - base
    happening = state.ring_mark[place, EVENTS]
    for event in range(plan.events):
        ahead = happening >> event & 1
        ring[place, R_FEATURE + N_FEATURES + 2 * plan.n_seasons + event] = ahead - (happening >> (NOW + event) & 1)
    ring[place, R_LOCATION + TEMPLATE] = template
    ring[place, R_LOCATION + LAST] = z
    ring[place, R_LOCATION + LONG_TEMPLATE] = full


@kernel
def _rises(state: Memory, plan: Record, settings: Settings, unit: int, place: int) -> None:
    """Features: how much higher the window maximum has been than the load, at this slot of the day, of the hour.

    A window of an hour and more holds every slot of the hour, which then tells nothing.
    """
    ring = state.ring
    by_slot = 0.0
    by_hour = 0.0
    if settings.with_rises:
        if plan.n_seasons > 0:
            by_slot = state.slot_rise[unit, state.ring_mark[place, FIRST_SLOT]]
        if plan.hour_slots > plan.leads[unit % plan.n_leads]:
            by_hour = state.slot_rise[
                unit, state.slot_rise.shape[1] - plan.hour_slots + state.ring_mark[place, HOUR_SLOT]
            ]
    ring[place, R_FEATURE + 5] = by_hour
    ring[place, R_FEATURE + 6] = by_slot


@kernel
def place_high(state: Memory, track: Record, place: int, first: bool) -> bool:
    """Note and return whether the forecast is above its usual level, a slow mean (memory 500)."""
    location = state.ring[place, R_LOCATION + SLOW_REGRESSION]
    middle = location if first else track.scalars[MIDDLE]
    track.scalars[MIDDLE] = middle + 0.002 * (location - middle)
    high = bool(location > middle)
    state.ring_mark[place, HIGH] = 1 if high else 0
    return high


@kernel
def regress(state: Memory, settings: Settings, row: int, unit: int, place: int) -> None:
    """Locations of the two regressions, within the slow extremes."""
    ring = state.ring
    scalars = state.workloads[row].scalars
    base = ring[place, R_BASE]
    low = scalars[Z_LOW] - 1.0
    high = max(scalars[Z_TOP], base)
    slow = 0.0
    fast = 0.0
    if settings.with_regressions:
        slow = regression.predict(state.slow_fit[unit], ring, place, R_FEATURE)
        fast = regression.predict(state.fast_fit[unit], ring, place, R_FEATURE)
    ring[place, R_LOCATION + SLOW_REGRESSION] = min(max(base + slow, low), high)
    ring[place, R_LOCATION + SCALED_REGRESSION] = ring[place, R_LOCATION + SLOW_REGRESSION]
    ring[place, R_LOCATION + FAST_REGRESSION] = min(max(base + fast, low), high)


@kernel
def lift(state: Memory, unit: int, place: int) -> None:
    """After a rise that is no noise: no expert expects less than the present level.

    Windows that began before the rise teach that it fades, and none that began after it has ended yet. The regression's
    constant is what the window maximum adds where everything stands at the base level.
    """
    base = state.ring[place, R_BASE]
    highest = base + max(state.slow_fit[unit, state.slow_fit.shape[1] - 1, 0], 0.0)
    for e in range(N_LOG):
        least = base if e == LAST else highest
        state.ring[place, R_LOCATION + e] = max(state.ring[place, R_LOCATION + e], least)


@kernel
def measure(state: Memory, plan: Record, settings: Settings, row: int, unit: int, place: int) -> None:
    """Features of the scale, and the factor they give."""
    ring = state.ring
    scalars = state.workloads[row].scalars
    track = state.tracks[unit]
    lead_scalars = track.scalars
    location = ring[place, R_LOCATION + SLOW_REGRESSION]
    mean = lead_scalars[MEAN_RESIDUAL]
    by_slot = mean
    if plan.n_seasons > 0:
        slot = state.ring_mark[place, FIRST_SLOT]
        by_slot = templates.spread(state.slot_spread, state.slot_spread_count, unit, slot, 3 // plan.visit[0], mean)
    ring[place, R_BIN] = spread.level_place(location, scalars[Z_LOW], scalars[Z_HIGH])
    by_level = spread.at_level(track.level_spread, ring[place, R_BIN], mean)
    spread.describe(ring, place, lead_scalars, by_slot, by_level, scalars[LAST_Z] - location)
    predicted = regression.predict(track.spread_fit, ring, place, R_SPREAD_FEATURE)
    usual = lead_scalars[PREDICTED_SPREAD]
    usual += 0.005 * (predicted - usual)
    lead_scalars[PREDICTED_SPREAD] = usual
    factor = math.exp(min(max(predicted - usual, -2.5), 2.5))
    ring[place, R_SPREAD] = factor if settings.with_learned_scale else 1.0


@kernel
def quantiles(
    state: Memory, settings: Settings, scratch: Record, track: Record, place: int, z: float, widening: float, top: float
) -> None:
    """Write scratch.quantile, expert by expert, at the nominal levels, each within [0, e^top - offset].

    `widening` multiplies the distances from the median.
    """
    ring = state.ring
    quantile = scratch.quantile
    offset = ring[place, R_OFFSET]
    base = ring[place, R_LOCATION + SLOW_REGRESSION]
    ceiling = max(math.exp(top) - offset, 0.0)
    strata = 0
    for e in range(N_EXPERTS):
        scale = track.scalars[SCALE + e]
        h = FIRST_HISTOGRAM[e]
        if settings.with_strata and e in (SLOW_REGRESSION, LAST):
            u = (z - base) / (scale + 1e-9)
            stratum = 0 if u < -1.5 else (1 if u < 0.0 else (2 if u < 1.5 else 3))
            h += stratum
            strata += stratum * (4 if e == SLOW_REGRESSION else 1)
        if e in WITH_LEARNED_SCALE:
            scale *= ring[place, R_SPREAD]
        ring[place, R_SCALE + e] = scale
        location = ring[place, R_LOCATION + e] if e < N_LOG else 0.0
        histogram.quantiles(track.bins, track.pointer_bin, track.pointer_mass, h, quantile, e * N_LEVELS)
        middle = quantile[e * N_LEVELS]
        for j in range(N_LEVELS):
            quantile[e * N_LEVELS + j] = location + scale * (middle + widening * (quantile[e * N_LEVELS + j] - middle))
    state.ring_mark[place, STRATUM] = strata
    centre = math.exp(base) - offset
    for e in range(N_LOG):
        for j in range(N_LEVELS):
            quantile[e * N_LEVELS + j] = min(quantile[e * N_LEVELS + j], top)
    exponential.exp_all(quantile, N_LOG * N_LEVELS)
    for e in range(N_EXPERTS):
        shift = -offset
        if e >= N_LOG:
            shift = centre if e == ADD_REGRESSION else ring[place, R_VALUE]
        for j in range(N_LEVELS):
            value = min(max(quantile[e * N_LEVELS + j] + shift, 0.0), ceiling)
            quantile[e * N_LEVELS + j] = value
            state.ring_quantile[place, e, j] = value

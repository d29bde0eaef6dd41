"""The one entry: run a sequence of buckets, of one workload or of many, through learning and forecasting."""

import math

from bayescast.settings import Settings

from . import absorb, ahead, atoms, envelope, hedge, issue, mature, tracker, window_max
from .jit import entry, kernel
from .memory import Memory, Record
from .state import (
    ALARM_AT,
    BOUNDABLE,
    CLOCK,
    COVERED,
    DISJOINT,
    DISJOINT_SINCE,
    DOUBTED,
    EVENTS,
    FIRST_SLOT,
    GAP,
    HOUR_SLOT,
    ISSUED,
    LAST_Z,
    LEVEL_GRID,
    MEAN,
    MISSING,
    N_LEVELS,
    NAIVE_PINBALL,
    OFFSET,
    PINBALL,
    QUANTUM,
    R_ISSUED,
    RECENT_MISSES,
    RISE_AT,
    SAID,
    SATURATED,
    SATURATED_BUCKET,
    SCALE,
    SEEN,
    SEEN_BUCKET,
    SHOWN_CHANGE,
    SHOWN_COVERAGE,
    SHOWN_DISJOINT,
    SHOWN_DOUBTED,
    SHOWN_HEADROOM,
    SHOWN_MISSES,
    SHOWN_SINCE,
    SHOWN_SKILL,
    STATUS,
    TALLIED,
    TEMPLATE,
    UNCAPPED,
    USABLE,
    WINDOWS,
    Z_TOP,
    Flags,
    Floats,
    Integers,
    Ring,
)


@entry
def advance(
    state: Memory,
    plan: Record,
    settings: Settings,
    scratch: Record,
    rows: Integers,
    slots: Ring,
    values: Floats,
    saturated: Flags,
    out: Floats,
    shown: Floats,
) -> None:
    """Take buckets in order: bucket i of workload rows[i], with load values[i] (NaN = missing).

    slots[i] holds the bucket's slot in every season, then that of the hour, then (where there are known events) their
    bits for each lead. `out` is (0, ...) or (n, leads, levels) and takes the quantiles issued after each bucket;
    `shown` is (0, ...) or (n, leads, N_SHOWN) and takes what had been shown by then: coverage, skill, headroom lost
    and recent misses at each level, the disjoint windows behind them and those since the newest alarm, whether this
    bucket sounded one, and the zeros in a row, up to it, that were not believed.
    Buckets before a workload's first load are passed over.
    """
    n_leads = plan.n_leads
    for i in range(len(rows)):
        row = rows[i]
        ahead.slots_of(state, plan, scratch, rows, slots, i)
        workload = state.workloads[row]
        value = values[i]
        seen = not math.isnan(value)
        if workload.marks[SEEN] == 0 and not seen:
            continue
        clock = workload.marks[CLOCK]
        doubted = seen and absorb.doubt(workload, settings, value)
        if doubted:
            seen, value = False, math.nan
        workload.marks[DOUBTED] = workload.marks[DOUBTED] + 1 if doubted else 0
        workload.marks[CLOCK] = clock + 1
        status = MISSING if not seen else (SATURATED_BUCKET if saturated[i] else SEEN_BUCKET)
        if seen:
            absorb.learn_offset(workload, settings, value)
        for lead in range(n_leads):
            _end_window(state, plan, settings, scratch, row, lead, clock, slots, i, value, status)
        load = _absorb(state, plan, settings, row, clock, slots, i, value, status)
        if workload.scalars[ALARM_AT] == workload.marks[CLOCK]:
            for lead in range(n_leads):
                state.tracks[row * n_leads + lead].marks[DISJOINT_SINCE] = 0
        for lead in range(n_leads):
            _issue(state, plan, settings, scratch, row, lead, clock, load)
            if len(out) > 0:
                for j in range(N_LEVELS):
                    out[i, lead, j] = state.tracks[row * n_leads + lead].by_level[SAID, j]
            if len(shown) > 0:
                _show(workload, state.tracks[row * n_leads + lead], shown, i, lead)


@kernel
def _show(workload: Record, track: Record, shown: Floats, i: int, lead: int) -> None:
    """Write what a lead has shown so far."""
    for j in range(N_LEVELS):
        own, naive = track.by_level[PINBALL, j], track.by_level[NAIVE_PINBALL, j]
        shown[i, lead, SHOWN_COVERAGE + j] = track.by_level[COVERED, j]
        shown[i, lead, SHOWN_SKILL + j] = hedge.skill(own, naive)
        shown[i, lead, SHOWN_HEADROOM + j] = hedge.headroom(LEVEL_GRID[j], own, naive, workload.scalars[MEAN])
        shown[i, lead, SHOWN_MISSES + j] = track.by_level[RECENT_MISSES, j]
    shown[i, lead, SHOWN_DISJOINT] = track.marks[DISJOINT]
    shown[i, lead, SHOWN_SINCE] = track.marks[DISJOINT_SINCE]
    alarmed = workload.scalars[ALARM_AT] == workload.marks[CLOCK]
    rose = workload.scalars[RISE_AT] == workload.marks[CLOCK]
    shown[i, lead, SHOWN_CHANGE] = 0.0 if not alarmed else (1.0 if rose else -1.0)
    shown[i, lead, SHOWN_DOUBTED] = workload.marks[DOUBTED]


@kernel
def _end_window(
    state: Memory,
    plan: Record,
    settings: Settings,
    scratch: Record,
    row: int,
    lead: int,
    clock: int,
    slots: Ring,
    i: int,
    value: float,
    status: int,
) -> None:
    """Enter bucket i into one lead's ring; what was issued where its window began matures, if enough of it was seen."""
    unit = row * plan.n_leads + lead
    window = plan.leads[lead]
    first = row * plan.places + plan.ring_at[lead]
    place = first + clock % (window + 1)
    origin = first + (clock + 1) % (window + 1)
    before = int(state.ring_mark[origin, STATUS]) if clock >= window else MISSING
    marks = state.tracks[unit].marks
    marks[USABLE] += (status != MISSING) - (before != MISSING)
    marks[SATURATED] += (status == SATURATED_BUCKET) - (before == SATURATED_BUCKET)
    state.ring_mark[place, STATUS] = status
    for season in range(plan.n_seasons):
        state.ring_mark[place, FIRST_SLOT + season] = slots[i, season]
    state.ring_mark[place, HOUR_SLOT] = slots[i, plan.n_seasons]
    state.ring_mark[place, EVENTS] = slots[i, plan.n_seasons + 1 + lead] if plan.events > 0 else 0
    if status != MISSING:
        window_max.push(state.peak_value, state.peak_at, first, window + 1, marks, clock, value)
    if before != MISSING and marks[USABLE] >= (1.0 - settings.missing_share) * window:
        outcome = window_max.peak(state.peak_value, state.peak_at, first, window + 1, marks, clock)
        censored = marks[SATURATED] > 0
        if not censored or outcome > state.ring[origin, R_ISSUED]:
            mature.learn(state, plan, settings, scratch, row, lead, clock, origin, outcome, censored)


@kernel
def _absorb(
    state: Memory,
    plan: Record,
    settings: Settings,
    row: int,
    clock: int,
    slots: Ring,
    i: int,
    value: float,
    status: int,
) -> float:
    """Take in bucket i's own load and return it.

    What is missing, or below the expectation while saturated, is taken as expected and moves the levels alone.
    """
    workload = state.workloads[row]
    expected = absorb.expect(state, plan, row, slots, i, status != MISSING)
    load = value
    if status == MISSING or (status == SATURATED_BUCKET and clock > 0):
        assumed = max(math.exp(min(expected, UNCAPPED)) - workload.scalars[OFFSET], 0.0)
        load = assumed if status == MISSING else max(assumed, value)
    observed = status == SEEN_BUCKET or load == value
    if clock == 0:
        expected = math.log(load + workload.scalars[OFFSET])
        absorb.start(state, plan, settings, row, load, expected)
    absorb.learn_levels(workload, settings, load, observed)
    workload.marks[TALLIED] = 0
    if status == SEEN_BUCKET:
        atoms.learn(workload.scalars, load)
    if status == SEEN_BUCKET and workload.marks[BOUNDABLE] > 0:
        envelope.learn_bound(workload.marks, workload.scalars, load)
    if observed:
        absorb.learn_surprise(workload, settings, workload.scalars[LAST_Z] - expected)
        absorb.learn_slots(state, plan, settings, row, slots, i, workload.scalars[LAST_Z])
    return load


@kernel
def _issue(
    state: Memory, plan: Record, settings: Settings, scratch: Record, row: int, lead: int, clock: int, load: float
) -> None:
    """Issue one lead's quantiles of the largest load in the window that begins now."""
    unit = row * plan.n_leads + lead
    window = plan.leads[lead]
    place = row * plan.places + plan.ring_at[lead] + clock % (window + 1)
    workload = state.workloads[row]
    track = state.tracks[unit]
    _stand(state, plan, settings, scratch, row, lead, clock, place, load)
    widening = min(math.sqrt(1.0 + float(workload.marks[GAP]) / window), settings.gap_widening_limit)
    top, snap = _top(workload, settings)
    issue.quantiles(state, settings, scratch, track, place, workload.scalars[LAST_Z], widening, top)
    hedge.combine(
        track.losses,
        scratch.quantile,
        plan.hedge_rate,
        settings.hedge_share,
        scratch.combined,
        scratch.first,
        scratch.weight,
    )
    ahead.fits(state, plan, scratch, lead)
    high = issue.place_high(state, track, place, clock == 0)
    if settings.with_tracker:
        tracker.issue(
            scratch.combined,
            scratch.first,
            track.by_level,
            plan,
            lead,
            high,
            math.sqrt(min(track.marks[WINDOWS] / settings.tracker_memory, 1.0)),
            settings.tracker_reach,
            0.02 * track.scalars[SCALE + TEMPLATE],
            workload.scalars[OFFSET],
            top,
            snap,
        )
    for j in range(N_LEVELS):
        if not settings.with_tracker:
            track.by_level[ISSUED, j] = scratch.combined[j]
        issued = track.by_level[ISSUED, j]
        state.ring[place, R_ISSUED + j] = issued
        track.by_level[SAID, j] = atoms.nearest(workload.scalars[QUANTUM], settings.atom_hair, issued)


@kernel
def _stand(
    state: Memory,
    plan: Record,
    settings: Settings,
    scratch: Record,
    row: int,
    lead: int,
    clock: int,
    place: int,
    load: float,
) -> None:
    """Describe the present in a ring place, and put the experts where they stand."""
    unit = row * plan.n_leads + lead
    window = plan.leads[lead]
    scalars = state.workloads[row].scalars
    first = row * plan.places + plan.ring_at[lead]
    peak = window_max.peak(state.peak_value, state.peak_at, first, window + 1, state.tracks[unit].marks, clock)
    peak = load if math.isnan(peak) else max(peak, load)
    issue.describe(state, plan, settings, row, unit, place, math.log(peak + scalars[OFFSET]))
    ahead.track(state, plan, scratch, lead)
    issue.regress(state, settings, row, unit, place)
    if scalars[RISE_AT] >= 0.0 and clock + 1 - scalars[RISE_AT] <= window + settings.rise_hold:
        issue.lift(state, unit, place)
    ahead.track(state, plan, scratch, lead)
    issue.measure(state, plan, settings, row, unit, place)


@kernel
def _top(workload: Record, settings: Settings) -> tuple[float, float]:
    """Return the log load that no quantile is above, and the one from which on it is a gauge's bound."""
    if not settings.with_cap:
        return UNCAPPED, UNCAPPED
    scalars = workload.scalars
    top = min(UNCAPPED, scalars[Z_TOP] + settings.cap)
    if not envelope.is_bounded(workload.marks, scalars, settings.bound_repeats):
        return top, UNCAPPED
    top = min(top, envelope.log_bound(scalars, scalars[OFFSET]))
    return top, top - settings.bound_snap

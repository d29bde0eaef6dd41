"""A bucket's own load is taken in: offset of the log scale, levels, envelope, alarm, deviations and templates."""

import math

from bayescast.settings import Settings

from . import alarm, envelope, family, levels, templates
from .jit import kernel
from .memory import Memory, Record
from .state import (
    ADD_REGRESSION,
    ALARM_AT,
    CLOCK,
    COUNTS,
    DISPERSION,
    GAP,
    GAUSSIAN,
    LAST_VALUE,
    LAST_Z,
    LEVEL_RATE,
    LEVEL_SHAPE,
    LEVEL_Z,
    MEAN,
    MEAN_N,
    N_EXPERTS,
    NOW,
    OFFSET,
    RISE_AT,
    SCALE,
    SEEN,
    SILENCE,
    SPREAD_SUM,
    SURPLUS,
    TALLIED,
    Ring,
)


@kernel
def doubt(workload: Record, settings: Settings, load: float) -> bool:
    """Learn how often the load is zero; return whether this one is a zero that is not to be believed yet.

    A gap in the collection, or a query that has lost its source, is told as zero too: what hardly ever was zero is
    taken as missing while it is, until that has lasted for a fair share of what is known.
    """
    scalars = workload.scalars
    known = workload.marks[CLOCK] + settings.silence_prior * settings.silence_memory
    n = min(known + 1.0, settings.silence_memory)
    scalars[SILENCE] += ((1.0 if load == 0.0 else 0.0) - scalars[SILENCE]) / n
    return bool(load == 0.0 and scalars[MEAN] > 0.0 and scalars[SILENCE] < settings.silence_share)


@kernel
def learn_offset(workload: Record, settings: Settings, load: float) -> None:
    """The running mean, and the offset of the log scale that follows from it."""
    scalars = workload.scalars
    workload.marks[SEEN] += 1
    n = min(scalars[MEAN_N] + 1.0, settings.mean_memory)
    mean = scalars[MEAN] + (load - scalars[MEAN]) / n
    scalars[MEAN_N] = n
    scalars[MEAN] = mean
    floor = settings.count_offset if workload.marks[COUNTS] else settings.floor_offset
    scalars[OFFSET] = settings.relative_offset * mean + floor


@kernel
def profile(state: Memory, plan: Record, row: int, slots: Ring, i: int) -> tuple[float, int]:
    """Return (log load by the longest season seen in bucket i's slot, that season), else (level of memory 20, -1)."""
    for back in range(plan.n_seasons):
        season = plan.n_seasons - 1 - back
        first = plan.season_at[season]
        if state.slot_count[row, first + slots[i, season]] >= plan.visit[season]:
            n = plan.season_at[season + 1] - first
            mean = templates.smooth(state.slot_load, row, first, n, slots[i, season], 2 // plan.visit[season])
            if not math.isnan(mean):
                return mean, season
    return float(state.workloads[row].levels[LEVEL_Z, 2]), -1


@kernel
def expect(state: Memory, plan: Record, row: int, slots: Ring, i: int, seen: bool) -> float:
    """Return the log load expected in bucket i: the template and the slow deviation from it, or a level.

    Without data it is the template and the newest surplus over it, which fades from bucket to bucket.
    """
    workload = state.workloads[row]
    mean, season = profile(state, plan, row, slots, i)
    if not seen:
        workload.scalars[SURPLUS] *= plan.gap_discount
        for p in range(2 * plan.n_seasons):
            workload.deviations[p] *= plan.gap_discount
        return mean + float(workload.scalars[SURPLUS])
    return mean + float(workload.deviations[2 * season + 1]) if season >= 0 else float(workload.levels[LEVEL_Z, 1])


@kernel
def start(state: Memory, plan: Record, settings: Settings, row: int, load: float, z: float) -> None:
    """The first load: levels and envelope around it, scales of the additive experts in proportion."""
    workload = state.workloads[row]
    levels.start(workload.levels, load, z)
    envelope.start(workload.scalars, z)
    family.start(workload.marks, workload.scalars, load, z, settings.family_rest)
    for unit in range(row * plan.n_leads, (row + 1) * plan.n_leads):
        track = state.tracks[unit]
        for e in range(ADD_REGRESSION, N_EXPERTS):
            track.scalars[SCALE + e] *= load + workload.scalars[OFFSET]


@kernel
def learn_levels(workload: Record, settings: Settings, load: float, observed: bool) -> None:
    """The level bank takes a load; one that is only assumed (not `observed`) leaves the dispersion as it is."""
    marks = workload.marks
    scalars = workload.scalars
    bank = workload.levels
    z = math.log(load + scalars[OFFSET])
    scalars[LAST_Z] = z
    scalars[LAST_VALUE] = load
    marks[GAP] = marks[GAP] // 2 if observed else marks[GAP] + 1
    if marks[CLOCK] == 1:
        return
    if observed:
        family.learn(marks, scalars, bank, settings, load, z)
    if marks[GAUSSIAN]:
        levels.learn_normal(bank, settings.level_discounts, z)
        return
    weight = 1.0
    if marks[COUNTS]:
        mean = bank[LEVEL_SHAPE, 1] / bank[LEVEL_RATE, 1]
        rho = scalars[DISPERSION]
        if observed:
            rho = levels.learn_dispersion(scalars, SPREAD_SUM, load, mean, scalars[MEAN], settings.dispersion_discount)
        weight = 1.0 / (1.0 + mean * rho)
    levels.learn_gamma(bank, settings.level_discounts, load, weight, scalars[OFFSET])


@kernel
def learn_surprise(workload: Record, settings: Settings, surprise: float) -> None:
    """Envelope and change-point alarm."""
    scalars = workload.scalars
    drift, clip, threshold = settings.alarm_drift, settings.alarm_clip, settings.alarm_threshold
    if alarm.learn(scalars, surprise, workload.marks[SEEN], drift, clip, threshold):
        scalars[ALARM_AT] = workload.marks[CLOCK]
        scalars[RISE_AT] = workload.marks[CLOCK] if surprise > 0.0 else -1.0
    envelope.learn(scalars, scalars[LAST_Z], settings.cap_decay)


@kernel
def learn_slots(state: Memory, plan: Record, settings: Settings, row: int, slots: Ring, i: int, z: float) -> None:
    """Surplus over the longest season seen and deviations from all, as the templates were; then the templates."""
    # What an event brings belongs to it, not to its hour.
    tallied = plan.events == 0 or slots[i, plan.n_seasons + 1] >> NOW == 0
    workload = state.workloads[row]
    workload.marks[TALLIED] = 1 if tallied else 0
    deviations = workload.deviations
    workload.scalars[SURPLUS] = z - workload.levels[LEVEL_Z, 2]
    for season in range(plan.n_seasons):
        first = plan.season_at[season]
        slot = slots[i, season]
        if state.slot_count[row, first + slot] >= plan.visit[season]:
            n = plan.season_at[season + 1] - first
            surplus = z - templates.smooth(state.slot_load, row, first, n, slot, 2 // plan.visit[season])
            workload.scalars[SURPLUS] = surplus
            for g in range(2):
                old = deviations[2 * season + g]
                deviations[2 * season + g] = old + (1.0 - settings.deviation_discounts[g]) * (surplus - old)
        if not tallied:
            continue
        visits = templates.tally(state.slot_count, row, first + slot)
        templates.learn(state.slot_load, row, first + slot, z, templates.gain(visits, plan.template_gain[season]))

"""A bucket's own load is taken in: offset of the log scale, levels, envelope, alarm, deviations and templates."""

import math

from bayescast.settings import Settings

from . import alarm, envelope, family, levels, templates
from .jit import kernel
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
    SPREAD_SUM,
    SURPLUS,
    TALLIED,
    Plan,
    Ring,
    State,
)


@kernel
def learn_offset(state: State, settings: Settings, row: int, load: float) -> None:
    """The running mean, and the offset of the log scale that follows from it."""
    scalars = state.scalars
    state.marks[row, SEEN] += 1
    n = min(scalars[row, MEAN_N] + 1.0, settings.mean_memory)
    mean = scalars[row, MEAN] + (load - scalars[row, MEAN]) / n
    scalars[row, MEAN_N] = n
    scalars[row, MEAN] = mean
    floor = settings.count_offset if state.marks[row, COUNTS] else settings.floor_offset
    scalars[row, OFFSET] = settings.relative_offset * mean + floor


@kernel
def profile(state: State, plan: Plan, row: int, slots: Ring, i: int) -> tuple[float, int]:
    """Return (log load by the longest season seen in bucket i's slot, that season), else (level of memory 20, -1)."""
    for back in range(len(plan.visit)):
        season = len(plan.visit) - 1 - back
        first = plan.season_at[season]
        if state.slot_count[row, first + slots[i, season]] >= plan.visit[season]:
            n = plan.season_at[season + 1] - first
            mean = templates.smooth(state.slot_load, row, first, n, slots[i, season], 2 // plan.visit[season])
            if not math.isnan(mean):
                return mean, season
    return float(state.levels[row, LEVEL_Z, 2]), -1


@kernel
def expect(state: State, plan: Plan, row: int, slots: Ring, i: int, seen: bool) -> float:
    """Return the log load expected in bucket i: the template and the slow deviation from it, or a level.

    Without data it is the template and the newest surplus over it, which fades from bucket to bucket.
    """
    mean, season = profile(state, plan, row, slots, i)
    if not seen:
        state.scalars[row, SURPLUS] *= plan.gap_discount
        for p in range(state.deviations.shape[1]):
            state.deviations[row, p] *= plan.gap_discount
        return mean + float(state.scalars[row, SURPLUS])
    return mean + float(state.deviations[row, 2 * season + 1]) if season >= 0 else float(state.levels[row, LEVEL_Z, 1])


@kernel
def start(state: State, settings: Settings, row: int, n_leads: int, load: float, z: float) -> None:
    """The first load: levels and envelope around it, scales of the additive experts in proportion."""
    levels.start(state.levels, row, load, z)
    envelope.start(state.scalars, row, z)
    family.start(state.marks, state.scalars, row, load, z, settings.family_rest)
    for unit in range(row * n_leads, (row + 1) * n_leads):
        for e in range(ADD_REGRESSION, N_EXPERTS):
            state.lead_scalars[unit, SCALE + e] *= load + state.scalars[row, OFFSET]


@kernel
def learn_levels(state: State, settings: Settings, row: int, load: float, observed: bool) -> None:
    """The level bank takes a load; one that is only assumed (not `observed`) leaves the dispersion as it is."""
    marks = state.marks
    scalars = state.scalars
    bank = state.levels
    z = math.log(load + scalars[row, OFFSET])
    scalars[row, LAST_Z] = z
    scalars[row, LAST_VALUE] = load
    marks[row, GAP] = marks[row, GAP] // 2 if observed else marks[row, GAP] + 1
    if marks[row, CLOCK] == 1:
        return
    if observed:
        family.learn(marks, scalars, bank, row, settings, load, z)
    if marks[row, GAUSSIAN]:
        levels.learn_normal(bank, row, settings.level_discounts, z)
        return
    weight = 1.0
    if marks[row, COUNTS]:
        mean = bank[row, LEVEL_SHAPE, 1] / bank[row, LEVEL_RATE, 1]
        rho = scalars[row, DISPERSION]
        if observed:
            rho = levels.learn_dispersion(
                scalars, row, SPREAD_SUM, load, mean, scalars[row, MEAN], settings.dispersion_discount
            )
        weight = 1.0 / (1.0 + mean * rho)
    levels.learn_gamma(bank, row, settings.level_discounts, load, weight, scalars[row, OFFSET])


@kernel
def learn_surprise(state: State, settings: Settings, row: int, surprise: float) -> None:
    """Envelope and change-point alarm."""
    scalars = state.scalars
    drift, clip, threshold = settings.alarm_drift, settings.alarm_clip, settings.alarm_threshold
    if alarm.learn(scalars, row, surprise, state.marks[row, SEEN], drift, clip, threshold):
        scalars[row, ALARM_AT] = state.marks[row, CLOCK]
        scalars[row, RISE_AT] = state.marks[row, CLOCK] if surprise > 0.0 else -1.0
    envelope.learn(scalars, row, scalars[row, LAST_Z], settings.cap_decay)


@kernel
def learn_slots(state: State, plan: Plan, settings: Settings, row: int, slots: Ring, i: int, z: float) -> None:
    """Surplus over the longest season seen and deviations from all, as the templates were; then the templates."""
    # What an event brings belongs to it, not to its hour.
    tallied = plan.events == 0 or slots[i, len(plan.visit) + 1] >> NOW == 0
    state.marks[row, TALLIED] = 1 if tallied else 0
    deviations = state.deviations
    state.scalars[row, SURPLUS] = z - profile(state, plan, row, slots, i)[0]
    for season in range(len(plan.visit)):
        first = plan.season_at[season]
        slot = slots[i, season]
        if state.slot_count[row, first + slot] >= plan.visit[season]:
            n = plan.season_at[season + 1] - first
            surplus = z - templates.smooth(state.slot_load, row, first, n, slot, 2 // plan.visit[season])
            for g in range(2):
                old = deviations[row, 2 * season + g]
                deviations[row, 2 * season + g] = old + (1.0 - settings.deviation_discounts[g]) * (surplus - old)
        if not tallied:
            continue
        visits = templates.tally(state.slot_count, row, first + slot)
        templates.learn(state.slot_load, row, first + slot, z, templates.gain(visits, plan.template_gain[season]))

"""Planting a prior: at a workload's first load the row becomes what one of its kind would look like by then."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .kernels import state as st
from .prior import RESIDUALS, Prior
from .prior_pool import floor_offset
from .spec import Family, ForecastSpec, Kind

Floats = NDArray[np.float64]

MEAN_SECONDS = 21600.0  # how long the mean load that the prior implies counts as seen
LEAST_NOISE = 0.5  # standard deviation of a first log load about the level it tells
LEAST_LEVEL_SPREAD = 1.5  # standard deviation of log levels: a level is known for the group's at most this well
LEAST_SHARE = 0.15  # of the mean load: what the quietest slots are taken to expect
_TAIL = 4.0  # degrees of freedom of the group's level: a workload of another size is believed


class Waiting:
    """The priors of a bank's rows, each until its row has met its first load."""

    def __init__(self, capacity: int) -> None:
        self._priors: dict[int, Prior] = {}
        self._rows = np.zeros(capacity, dtype=np.bool_)

    def give(self, row: int, prior: Prior | None) -> None:
        """Remember the prior of a row, or that it has none."""
        self._priors.pop(row, None)
        if prior is not None:
            self._priors[row] = prior

    def clear(self, row: int, capacity: int) -> None:
        """Take note that the row has seen nothing."""
        if len(self._rows) < capacity:
            self._rows = np.concatenate([self._rows, np.zeros(capacity - len(self._rows), dtype=np.bool_)])
        self._rows[row] = row in self._priors

    def plant(
        self,
        state: st.State,
        plan: st.Plan,
        specs: Sequence[ForecastSpec | None],
        rows: NDArray[np.int64],
        slots: st.Ring,
        values: Floats,
    ) -> None:
        """Plant where one of these buckets, in order, is the first load of a row that waits."""
        if not self._priors:
            return
        for i in np.flatnonzero(self._rows[rows] & ~np.isnan(values)):
            row, spec = int(rows[i]), specs[rows[i]]
            if self._rows[row] and spec is not None:
                self._rows[row] = False
                if state.marks[row, st.SEEN] == 0:
                    plant(st.row_of(state, row), plan, spec, self._priors[row], float(values[i]), slots[i])


def plant(row: st.State, plan: st.Plan, spec: ForecastSpec, prior: Prior, load: float, slots: st.Ring) -> None:
    """Write the prior into a cleared row, at the level that its first load tells; slots (seasons, ...) are that load's.

    The kernel starts the row as ever: levels and envelope about the first load, and additive scales times it. What is
    earned or owed stays at nothing: windows, coverage, the debt of the tracker. The cap stays with the largest load.
    """
    floor = floor_offset(spec)
    level = first_level(prior, load, _expected(prior, plan, slots))
    mean_load = float(np.exp(level + prior.log_mean))
    buckets = max(1.0, MEAN_SECONDS / spec.step_seconds)
    scalars, lead_scalars = row.scalars[0], row.lead_scalars
    scalars[st.MEAN] = mean_load
    scalars[st.MEAN_N] = buckets
    scalars[st.DISPERSION] = prior.dispersion
    scalars[st.SPREAD_SUM] = prior.dispersion * prior.dispersion_weight
    scalars[st.SPREAD_WEIGHT] = prior.dispersion_weight
    if row.marks[0, st.FAMILY_OPEN]:
        row.marks[0, st.GAUSSIAN] = prior.family is Family.GAUSSIAN
    row.slot_rise[...] = prior.rises
    for season, visits in enumerate(prior.visits):
        part = slice(int(plan.season_at[season]), int(plan.season_at[season + 1]))
        if visits > 0:
            _plant_shapes(row, prior, part, level, floor, visits * int(plan.visit[season]))
        elif season == 0:
            row.slot_rise[:, part] = 0.0
    lead_scalars[:, RESIDUALS] = prior.residuals
    lead_scalars[:, st.SCALE :] = prior.scales
    lead_scalars[:, st.SCALE + st.N_LOG :] *= _scale_unit(spec, mean_load, buckets, load)
    lead_scalars[:, st.SCALE_N] = prior.scale_windows
    row.slow_fit[...] = prior.slow_fit
    row.fast_fit[...] = prior.fast_fit
    row.bins[...] = prior.bins
    row.pointer_mass[:, :, st.TOTAL] = row.bins.sum(axis=-1)
    row.losses[...] = prior.losses


def _scale_unit(spec: ForecastSpec, mean_load: float, buckets: float, load: float) -> float:
    """Return the mean load with offset, over the first load with its offset, by which the kernel will multiply."""
    share, floor = spec.settings.relative_offset, floor_offset(spec)
    first_mean = mean_load + (load - mean_load) / min(buckets + 1.0, spec.settings.mean_memory)
    return (mean_load * (1.0 + share) + floor) / max(load + share * first_mean + floor, 1e-300)


def _plant_shapes(row: st.State, prior: Prior, part: slice, level: float, floor: float, buckets: int) -> None:
    """Write the templates of one season's slots at a level; they count as `buckets` seen in each slot."""
    known = ~np.isnan(prior.load_shape[part])
    row.slot_load[0, part][known] = _template(prior.load_shape[part][known] + level, floor)
    row.slot_count[0, part][known] = min(buckets, np.iinfo(row.slot_count.dtype).max)
    peaks = known & ~np.isnan(prior.peak_shape[:, part])
    row.slot_peak[:, part][peaks] = _template(prior.peak_shape[:, part][peaks] + level, floor)


def _template(logs: Floats, floor: float) -> Floats:
    """Return log loads with the rest of the offset, in the units of a template."""
    return np.asarray(np.rint(np.logaddexp(logs, np.log(floor) if floor > 0.0 else -np.inf) / st.TEMPLATE_UNIT))


def _expected(prior: Prior, plan: st.Plan, slots: st.Ring) -> float:
    """Return the log load that the longest planted season expects in these slots, minus the level; 0 without one."""
    for season in reversed(range(len(prior.visits))):
        if prior.visits[season] > 0:
            first, end, reach = int(plan.season_at[season]), int(plan.season_at[season + 1]), 2 // plan.visit[season]
            near = prior.load_shape[first + (slots[season] + np.arange(-reach, reach + 1)) % (end - first)]
            if not np.isnan(near).all():
                return float(np.nanmean(near))
    return 0.0


def first_level(prior: Prior, load: float, expected: float) -> float:
    """Return the most probable level of a workload whose first load fell where `expected` (log, minus level) is usual.

    The load is Gamma (a count: negative binomial) about its share of the mean load, a level Student t about the
    group's. A first load of zero leaves the group's level: as it is where zeros are usual, else lowered.
    """
    settings = prior.spec.settings
    zero = np.log(max(settings.relative_offset, 1e-300)) + prior.log_mean
    if load == 0.0 and expected - zero < prior.noise:
        return prior.level
    if load == 0.0 and prior.spec.kind is not Kind.COUNT:
        return prior.level - max(prior.level_spread, LEAST_LEVEL_SPREAD)  # nothing of a rate's scale is told by 0
    share = max(float(np.exp(expected - prior.log_mean)) - settings.relative_offset, LEAST_SHARE)
    told = np.log(load / share) - prior.log_mean if load > 0.0 else prior.level
    shape = 1.0 / max(prior.noise, LEAST_NOISE) ** 2
    spread = max(prior.level_spread, LEAST_LEVEL_SPREAD)
    low, high = min(told, prior.level) - 5.0, max(told, prior.level) + 5.0
    for _ in range(5):
        levels = np.linspace(low, high, 401)
        mean = np.log(share) + levels + prior.log_mean  # a log, as the least loads there are have no mean beside them
        if prior.spec.kind is Kind.COUNT:
            cost = (load + shape) * np.log(np.exp(mean) + shape) - load * mean
        else:
            cost = shape * (mean + np.exp(np.minimum(np.log(load) - mean, st.UNCAPPED)))
        cost += (_TAIL + 1.0) / 2.0 * np.log1p(((levels - prior.level) / spread) ** 2 / _TAIL)
        best = int(np.argmin(cost))
        low, high = levels[max(best - 1, 0)], levels[min(best + 1, 400)]
    return float(levels[best])

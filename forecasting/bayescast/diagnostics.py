"""How a forecast has done so far, and what it rests on."""

from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import state as st
from .predictive import LEVELS
from .spec import Family, ForecastSpec


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What was issued and shown along a history, a row for every bucket; as in Predictive and Diagnostics.

    quantiles: (n, levels) at LEVELS, NaN before the first load. coverage, skill, headroom_lost: (n, levels) by then.
    recent_misses: (n, levels), as bits. disjoint_windows, windows_since_change: (n,). change: (n,) 1 where the bucket
    declared a rise, -1 a fall, else 0. doubted: (n,) zeros in a row up to it that were taken as missing.
    """

    quantiles: NDArray[np.float64]
    coverage: NDArray[np.float64]
    skill: NDArray[np.float64]
    headroom_lost: NDArray[np.float64]
    recent_misses: NDArray[np.float64]
    disjoint_windows: NDArray[np.float64]
    windows_since_change: NDArray[np.float64]
    change: NDArray[np.float64]
    doubted: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Record of one workload and lead; shares and losses are over the scored windows, discounted (memory 4000).

    windows: windows scored. disjoint_windows: how many of them do not overlap; what a coverage figure really rests on.
    coverage: level -> share of windows whose largest load was at most the issued quantile. misses_owed: level -> misses
    beyond the due ones that the calibration still answers (negative: too few). pinball: level -> mean loss, in the unit
    of the load. skill: level -> 1 - pinball over that of the last value times a learned constant. headroom_lost:
    level -> what was lost beyond that rival (negative: less), as the share of the mean load that would cost as much if
    it were held in vain. recent_misses: level -> which of the newest 32 disjoint windows were missed; bits, the newest
    the lowest. effective_samples: windows in the memory of the predictive shape. expert_weights: name -> mean weight
    over the levels. change_point: whether one was declared within the last hour (settings.alarm_hold_seconds);
    change_point_at: start of the bucket that declared the newest one; change_point_rise: whether the load rose there;
    windows_since_change: disjoint windows that have begun and ended since. doubted: zeros in a row, up to the newest
    bucket, that were taken as missing, as the load hardly ever was zero (settings.silence_share).
    """

    windows: int
    disjoint_windows: int
    coverage: dict[float, float]
    misses_owed: dict[float, float]
    pinball: dict[float, float]
    skill: dict[float, float]
    headroom_lost: dict[float, float]
    recent_misses: dict[float, int]
    effective_samples: float
    expert_weights: dict[str, float]
    change_point: bool
    change_point_at: float | None
    change_point_rise: bool
    windows_since_change: int
    family: Family
    buckets_seen: int
    doubted: int


class Shown(NamedTuple):
    """Of a lead's Diagnostics what trust in one level goes by; everything is meant as there."""

    windows: int
    disjoint_windows: int
    coverage: float
    skill: float
    headroom_lost: float
    recent_misses: int
    change_point_at: float | None
    change_point_rise: bool
    windows_since_change: int
    buckets_seen: int
    doubted: int


def track_of(quantiles: NDArray[np.float64], shown: NDArray[np.float64]) -> Track:
    """Return one lead's track from (n, levels) quantiles and the (n, N_SHOWN) that kernels showed."""
    by_level = (
        shown[:, first : first + len(LEVELS)]
        for first in (st.SHOWN_COVERAGE, st.SHOWN_SKILL, st.SHOWN_HEADROOM, st.SHOWN_MISSES)
    )
    counts = (shown[:, column] for column in (st.SHOWN_DISJOINT, st.SHOWN_SINCE, st.SHOWN_CHANGE, st.SHOWN_DOUBTED))
    return Track(quantiles, *by_level, *counts)


def shown_at(state: st.State, row: int, unit: int, level: float, *, step_seconds: float, last_time: float) -> Shown:
    """Read what one level of a unit (row and lead) has shown; live forecasts are judged by it after every bucket."""
    marks, scalars, lead_marks = (
        array.tolist() for array in (state.marks[row], state.scalars[row], state.lead_marks[unit])
    )
    table = state.by_level[unit, :, LEVELS.index(level)].tolist()
    since = (marks[st.CLOCK] - scalars[st.ALARM_AT]) * step_seconds
    alarmed = not isnan(since)
    return Shown(
        windows=lead_marks[st.WINDOWS],
        disjoint_windows=lead_marks[st.DISJOINT],
        coverage=table[st.COVERED],
        skill=_skill(table[st.PINBALL], table[st.NAIVE_PINBALL]),
        headroom_lost=_headroom_lost(table[st.PINBALL], table[st.NAIVE_PINBALL], level, scalars[st.MEAN]),
        recent_misses=int(table[st.RECENT_MISSES]),
        change_point_at=last_time - since if alarmed else None,
        change_point_rise=alarmed and scalars[st.RISE_AT] >= 0.0,
        windows_since_change=lead_marks[st.DISJOINT_SINCE],
        buckets_seen=marks[st.SEEN],
        doubted=marks[st.DOUBTED],
    )


def report(state: st.State, lead: int, spec: ForecastSpec, last_time: float) -> Diagnostics:
    """Read the diagnostics of one lead (by place) from the state of one row."""
    settings, table = spec.settings, state.by_level[lead]
    shown = {
        level: shown_at(state, 0, lead, level, step_seconds=spec.step_seconds, last_time=last_time) for level in LEVELS
    }
    one = shown[LEVELS[0]]
    memory = settings.shape_memory * (1.0 + spec.leads[lead] / settings.shape_lead)
    since = float(state.marks[0, st.CLOCK] - state.scalars[0, st.ALARM_AT]) * spec.step_seconds
    return Diagnostics(
        windows=one.windows,
        disjoint_windows=one.disjoint_windows,
        coverage={level: of.coverage for level, of in shown.items()},
        misses_owed=_by_level(table[st.DEBT] + table[st.HIGH_DEBT]),
        pinball=_by_level(table[st.PINBALL]),
        skill={level: of.skill for level, of in shown.items()},
        headroom_lost={level: of.headroom_lost for level, of in shown.items()},
        recent_misses={level: of.recent_misses for level, of in shown.items()},
        effective_samples=memory * (1.0 - (1.0 - 1.0 / memory) ** one.windows),
        expert_weights=_expert_weights(state.losses[lead], spec),
        change_point=since <= settings.alarm_hold_seconds,
        change_point_at=one.change_point_at,
        change_point_rise=one.change_point_rise,
        windows_since_change=one.windows_since_change,
        family=Family.GAUSSIAN if state.marks[0, st.GAUSSIAN] else Family.POISSON_GAMMA,
        buckets_seen=one.buckets_seen,
        doubted=one.doubted,
    )


def _skill(own: float, rival: float) -> float:
    """Return 1 - own loss over the rival's, 0 while the rival has lost nothing."""
    return 1.0 - own / rival if rival > 0.0 else 0.0


def _headroom_lost(own: float, rival: float, level: float, load: float) -> float:
    """Return what was lost beyond the rival as the share of the load that costs as much when held in vain."""
    cost = (1.0 - level) * load
    return (own - rival) / cost if cost > 0.0 else 0.0


def _by_level(values: NDArray[np.float64]) -> dict[float, float]:
    """Return a dict from level to float."""
    return dict(zip(LEVELS, values.tolist(), strict=True))


def _expert_weights(losses: NDArray[np.float64], spec: ForecastSpec) -> dict[str, float]:
    """Return the weights of the experts, mean over the levels; the law is that of `kernels.hedge.combine`."""
    excess = losses - losses.min(axis=0)
    weights = (1.0 + st.hedge_rates(spec.settings) / 32.0 * excess) ** -32.0 + spec.settings.hedge_share / st.N_EXPERTS
    means = (weights / weights.sum(axis=0)).mean(axis=1)
    return dict(zip(st.EXPERT_NAMES, means.tolist(), strict=True))

"""How the state lies in memory: one record a workload and one a lead of it, so that a bucket touches few places.

Kernels take a `Memory`; settings, plan and scratch are records as well, which are passed on as one pointer. Everybody
else reads and writes the same bytes by the names of `state.State`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayescast.settings import Settings

from .state import (
    FIRST_SLOT,
    N_BINS,
    N_BY_LEVEL,
    N_EXPERTS,
    N_FEATURES,
    N_HISTOGRAMS,
    N_LEAD_MARKS,
    N_LEAD_SCALARS,
    N_LEVEL_BINS,
    N_LEVEL_DISCOUNTS,
    N_LEVELS,
    N_MARKS,
    N_SCALARS,
    N_SPREAD_FEATURES,
    R_FEATURE,
    TOTAL,
    Counts,
    Floats,
    Integers,
    Plan,
    Ring,
    Singles,
    State,
    Templates,
)

Records = NDArray[np.void]
Record = Any  # attributes by name; numba and numpy know their types

MOST_LEADS, MOST_SEASONS, MOST_EVENTS = 8, 4, 4  # of a spec
VECTOR = 4  # numbers worked on at once: rows of the regressions are a multiple of it, with zeros
_MOST_FEATURES = N_FEATURES + 2 * MOST_SEASONS + MOST_EVENTS


def _record(**fields: tuple[str, tuple[int, ...]]) -> np.dtype[np.void]:
    """Return the type of a record of arrays."""
    return np.dtype((np.record, np.dtype([(name, *field) for name, field in fields.items()], align=True)))


WORKLOAD = _record(
    marks=("i8", (N_MARKS,)),
    scalars=("f8", (N_SCALARS,)),
    levels=("f8", (3, N_LEVEL_DISCOUNTS)),
    deviations=("f8", (2 * MOST_SEASONS,)),
)
TRACK = _record(
    marks=("i8", (N_LEAD_MARKS,)),
    scalars=("f8", (N_LEAD_SCALARS,)),
    spread_fit=("f8", (N_SPREAD_FEATURES + 1, N_SPREAD_FEATURES)),
    level_spread=("f8", (N_LEVEL_BINS, 2)),
    by_level=("f8", (N_BY_LEVEL, N_LEVELS)),
    losses=("f8", (N_EXPERTS, N_LEVELS)),
    pointer_mass=("f8", (N_HISTOGRAMS, TOTAL + 1)),
    pointer_bin=("i2", (N_HISTOGRAMS, N_LEVELS)),
    bins=("f4", (N_BINS, N_HISTOGRAMS)),
)


class Memory(NamedTuple):
    """Everything remembered, as kernels take it; axes as in `state`."""

    workloads: Records  # (N,) of WORKLOAD
    tracks: Records  # (U,) of TRACK
    slow_fit: Floats
    fast_fit: Floats
    slot_load: Templates
    slot_count: Counts
    slot_peak: Templates
    slot_rise: Singles
    slot_spread: Singles
    slot_spread_count: Counts
    peak_value: Floats
    peak_at: Integers
    ring_mark: Ring
    ring: Floats
    ring_quantile: Singles


def allocate(capacity: int, plan: Plan) -> Memory:
    """Return zeroed memory for `capacity` rows; `state.clear` makes a row ready."""
    n, units, places = capacity, capacity * len(plan.leads), capacity * int(plan.ring_at[-1])
    n_slots = int(plan.season_at[-1])
    n_seasons = len(plan.visit)
    first = int(plan.season_at[1]) if n_seasons else 0
    d = N_FEATURES + 2 * n_seasons + plan.events
    width = _padded(d)
    return Memory(
        workloads=np.zeros(n, WORKLOAD),
        tracks=np.zeros(units, TRACK),
        slow_fit=np.zeros((units, d + 1, width)),
        fast_fit=np.zeros((units, d + 1, width)),
        slot_load=np.zeros((n, n_slots), np.int16),
        slot_count=np.zeros((n, n_slots), np.uint8),
        slot_peak=np.zeros((units, n_slots), np.int16),
        slot_rise=np.zeros((units, first + plan.hour_slots), np.float32),
        slot_spread=np.zeros((units, first), np.float32),
        slot_spread_count=np.zeros((units, first), np.uint8),
        peak_value=np.zeros(places),
        peak_at=np.zeros(places, np.int64),
        ring_mark=np.zeros((places, FIRST_SLOT + n_seasons), np.int32),
        ring=np.zeros((places, R_FEATURE + d)),
        ring_quantile=np.zeros((places, N_EXPERTS, N_LEVELS), np.float32),
    )


def _padded(length: int) -> int:
    """Return the next multiple of VECTOR."""
    return -(-length // VECTOR) * VECTOR


def named(memory: Memory, plan: Plan) -> State:
    """Return views of the memory by name."""
    workloads, tracks = memory.workloads, memory.tracks
    by_lead = {"lead_marks": tracks["marks"], "lead_scalars": tracks["scalars"], "bins": tracks["bins"].swapaxes(1, 2)}
    parts = {name: tracks[name] for name in TRACK.names or ()} | {
        name: workloads[name] for name in WORKLOAD.names or ()
    }
    parts["deviations"] = parts["deviations"][:, : 2 * len(plan.visit)]
    fits = {name: fit[:, :, : fit.shape[1] - 1] for name, fit in memory._asdict().items() if name.endswith("_fit")}
    found = memory._asdict() | parts | by_lead | fits
    return State(**{name: found[name] for name in State._fields})


def settings_record(settings: Settings) -> Record:
    """Return settings as one record with the same names."""
    values = {name: np.asarray(value) for name, value in settings._asdict().items()}
    return _filled(values, {name: value.shape for name, value in values.items()})


def plan_record(plan: Plan) -> Record:
    """Return a plan as one record with the same names; arrays by lead and by season are as long as any can be."""
    values = {name: np.asarray(value) for name, value in plan._asdict().items()}
    lengths = {"ring_at": MOST_LEADS + 1, "season_at": MOST_SEASONS + 1, "hedge_rate": N_LEVELS}
    lengths |= dict.fromkeys(("visit", "template_gain"), MOST_SEASONS)
    shapes = {name: (lengths.get(name, MOST_LEADS), *v.shape[1:]) if v.ndim else () for name, v in values.items()}
    counts = {"n_leads": len(plan.leads), "n_seasons": len(plan.visit), "places": plan.ring_at[-1]}
    return _filled(values | {k: np.asarray(v) for k, v in counts.items()}, shapes | dict.fromkeys(counts, ()))


def _filled(values: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]]) -> Record:
    """Return a record with these values at the front of arrays of these shapes; numba has no arrays of flags there."""
    types = {name: "u1" if value.dtype == np.bool_ else value.dtype.str for name, value in values.items()}
    made: Any = np.zeros(1, _record(**{name: (types[name], shapes[name]) for name in values}))
    for name, value in values.items():
        made[name][(0, *map(slice, value.shape))] = value
    return made[0]


def make_scratch() -> Record:
    """Allocate the working memory of the kernels."""
    by_level = dict.fromkeys(("combined", "first", "second", "third"), N_LEVELS)
    by_expert = dict.fromkeys(("residual", "residual_bin"), N_EXPERTS)
    by_both = dict.fromkeys(("weight", "quantile"), N_EXPERTS * N_LEVELS)
    by_feature = dict.fromkeys(("gain", "column"), _padded(_MOST_FEATURES))
    lengths = {**by_feature, **by_level, **by_expert, **by_both}
    floats = {name: ("f8", (length,)) for name, length in lengths.items()}
    # The row that comes next, and the quarter of its track that is asked for next.
    return np.zeros(1, _record(**floats, following=("i8", (2,))))[0]

"""What the next workload of a bank will need is asked of memory while the present one is worked on.

No cache holds a bank, and a bucket of one workload touches some 160 lines of memory. They are asked for a few at a
time, between the parts of the work: all at once, they would be waited for. Which bins of its histograms a workload
needs is known only when it is worked on. No result depends on any of it.
"""

import numpy as np

from .jit import kernel, prefetch
from .memory import TRACK, WORKLOAD, Memory, Record
from .state import CLOCK, FIRST_HISTOGRAM, N_BINS, N_EXPERTS, N_LEVELS, Floats, Integers, Ring

LINE = 64  # bytes
NOBODY = -1
_WORKLOAD, _TRACK = WORKLOAD.itemsize, TRACK.itemsize  # bytes
_QUARTER = (_TRACK - TRACK["bins"].itemsize) // 4  # of a track but its histograms, of which a bucket needs little
_BIN = TRACK["bins"].itemsize // N_BINS
_BINS = dict(TRACK.fields or {})["bins"][1]  # where they start in a track
_QUEUE = 16  # places of a queue of the window maximum; which part of a longer one is in use is not known here
_ISSUED = 4 * N_EXPERTS * N_LEVELS  # bytes of a place in ring_quantile


@kernel
def _span(array: np.ndarray, start: int, size: int) -> None:
    """Ask for `size` bytes of an array."""
    for byte in range(start, start + size, LINE):
        prefetch(array, byte)
    prefetch(array, start + size - 1)


@kernel
def slots_of(state: Memory, plan: Record, scratch: Record, rows: Integers, slots: Ring, i: int) -> None:
    """Note which row follows bucket i; ask for its slots, and for the workload after it: its clock tells where to ask.

    The slot of a window's origin is taken to be as far back as the window is long, which a change of clocks makes
    wrong: then something is waited for.
    """
    j = min(i + 1, len(rows) - 1)
    row = rows[j]
    scratch.following[0] = row if row != rows[i] else NOBODY
    if row == rows[i]:  # of one workload alone everything is at hand
        return
    _span(state.workloads, rows[min(i + 2, len(rows) - 1)] * _WORKLOAD, _WORKLOAD)
    n, n_rises = state.slot_load.shape[1], state.slot_rise.shape[1]
    for season in range(plan.n_seasons):
        first, length = plan.season_at[season], plan.season_at[season + 1] - plan.season_at[season]
        now = slots[j, season]
        prefetch(state.slot_load, 2 * (row * n + first + now))
        for lead in range(plan.n_leads):
            unit = row * plan.n_leads + lead
            if season == 0:
                prefetch(state.slot_rise, 4 * (unit * n_rises + n_rises - plan.hour_slots + slots[j, plan.n_seasons]))
            for back in range(2):
                slot = (now - back * plan.leads[lead]) % length
                prefetch(state.slot_count, row * n + first + slot)
                prefetch(state.slot_peak, 2 * (unit * n + first + slot))
                if season == 0:
                    prefetch(state.slot_rise, 4 * (unit * n_rises + slot))
                    prefetch(state.slot_spread, 4 * (unit * length + slot))
                    prefetch(state.slot_spread_count, unit * length + slot)


@kernel
def ring(state: Memory, plan: Record, scratch: Record, lead: int) -> None:
    """Ask for what the following row issued where its window began, for where it will issue next, and its maxima."""
    if scratch.following[0] == NOBODY:
        return
    first = scratch.following[0] * plan.places + plan.ring_at[lead]
    clock = state.workloads[scratch.following[0]].marks[CLOCK]
    size, marks = state.ring.shape[1] * 8, state.ring_mark.shape[1] * 4
    queue = 8 * min(plan.leads[lead] + 1, _QUEUE)
    _span(state.peak_value, first * 8, queue)
    _span(state.peak_at, first * 8, queue)
    for back in range(2):
        place = first + (clock + back) % (plan.leads[lead] + 1)
        prefetch(state.ring_mark, place * marks)
        _span(state.ring, place * size, size)
        _span(state.ring_quantile, place * _ISSUED, _ISSUED)


@kernel
def track(state: Memory, plan: Record, scratch: Record, lead: int) -> None:
    """Ask for the next quarter of the following row's track."""
    if scratch.following[0] == NOBODY:
        return
    unit, quarter = scratch.following[0] * plan.n_leads + lead, scratch.following[1]
    scratch.following[1] = (quarter + 1) % 4
    _span(state.tracks, unit * _TRACK + quarter * _QUARTER, _QUARTER)


@kernel
def fits(state: Memory, plan: Record, scratch: Record, lead: int) -> None:
    """Ask for the following row's regressions."""
    if scratch.following[0] == NOBODY:
        return
    unit = scratch.following[0] * plan.n_leads + lead
    size = 8 * state.slow_fit.shape[1] * state.slow_fit.shape[2]
    _span(state.slow_fit, unit * size, size)
    _span(state.fast_fit, unit * size, size)


@kernel
def bins_of(state: Memory, unit: int, places: Floats) -> None:
    """Ask for the bins that the experts' residuals fell into, of whatever stratum: a bin of all lies together."""
    for e in range(N_EXPERTS):
        prefetch(state.tracks, unit * _TRACK + _BINS + int(places[e]) * _BIN + 4 * FIRST_HISTOGRAM[e])

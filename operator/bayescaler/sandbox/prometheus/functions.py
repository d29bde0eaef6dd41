"""Functions over windows of samples, for all windows of a series at once, and what differs between
Prometheus versions.

Arithmetic as in promql/functions.go of Prometheus.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescaler.sandbox.prometheus.store import Samples, Times, Values

Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What changed between Prometheus 2 and 3 in what is spoken here.

    `left_open`: ranges and the look-back leave out the sample exactly at their start. `zero_last`: rate()
    first caps the extrapolation at half an interval, then at the counter's zero, not the other way round.
    """

    version: str
    left_open: bool
    zero_last: bool


PROMETHEUS_2 = Dialect("2.42.0", left_open=False, zero_last=False)
PROMETHEUS_3 = Dialect("3.5.0", left_open=True, zero_last=True)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The samples [low, high) of one series that fall into (or on) each window ending at `ends`."""

    samples: Samples
    low: Indices
    high: Indices
    ends: Times
    range_ms: int

    @property
    def count(self) -> Indices:
        """Samples in each window."""
        return self.high - self.low

    def reduce(self, ufunc: np.ufunc, values: Values) -> Values:
        """Reduce `values`, one a sample, over each window; NaN where it is empty."""
        return _reduced(ufunc, values, self.low, self.high)


def windows_of(samples: Samples, ends: Times, range_ms: int, dialect: Dialect) -> Windows:
    """The windows of `range_ms` that end at `ends` (ms), over one series."""
    live = samples.without_markers()
    low = np.searchsorted(live.times, ends - range_ms, side="right" if dialect.left_open else "left")
    high = np.searchsorted(live.times, ends, side="right")
    return Windows(live, low, np.maximum(low, high), ends, range_ms)


def _reduced(ufunc: np.ufunc, values: Values, low: Indices, high: Indices) -> Values:
    """Reduce each `values[low:high]`; NaN where it is empty. No running totals, which an infinity would
    spoil.
    """
    filled = high > low
    answer = np.full(low.size, np.nan)
    if filled.any():
        edges = np.column_stack([low[filled], high[filled]]).ravel()
        # reduceat wants indices inside the array: a pad takes the place of the end of the last window.
        answer[filled] = ufunc.reduceat(np.append(values, 0.0), edges)[::2]
    return answer


def _increase(windows: Windows, dialect: Dialect) -> tuple[Values, Mask]:
    """The growth of a counter, resets undone, extrapolated to the window's edges (extrapolatedRate)."""
    present = windows.count >= 2
    times, values, ends = windows.samples.times, windows.samples.values, windows.ends[present]
    low, last = windows.low[present], windows.high[present] - 1
    if not present.any():
        return np.full(present.size, np.nan), present
    lost = np.where(values[1:] < values[:-1], values[:-1], 0.0)  # in the reset after each sample
    first = values[low]
    growth = values[last] - first + _reduced(np.add, lost, low, last)
    sampled = (times[last] - times[low]) / 1000
    spacing = sampled / (last - low)
    to_start = (times[low] - (ends - windows.range_ms)) / 1000
    to_end = (ends - times[last]) / 1000
    to_zero = np.where((growth > 0) & (first >= 0), sampled * (first / growth), np.inf)
    if dialect.zero_last:
        to_start = np.minimum(np.where(to_start >= spacing * 1.1, spacing / 2, to_start), to_zero)
    else:
        to_start = np.minimum(to_start, to_zero)
        to_start = np.where(to_start < spacing * 1.1, to_start, spacing / 2)
    to_end = np.where(to_end < spacing * 1.1, to_end, spacing / 2)
    answer = np.full(present.size, np.nan)
    answer[present] = growth * ((sampled + to_start + to_end) / sampled)
    return answer, present


def _rate(windows: Windows, dialect: Dialect) -> tuple[Values, Mask]:
    values, present = _increase(windows, dialect)
    return values / (windows.range_ms / 1000), present


def _irate(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    """The slope between the last two samples; after a reset, the last value alone."""
    present = windows.count >= 2
    last = windows.high[present] - 1
    newest, before = windows.samples.values[last], windows.samples.values[last - 1]
    rise = np.where(newest < before, newest, newest - before)
    answer = np.full(present.size, np.nan)
    answer[present] = rise / ((windows.samples.times[last] - windows.samples.times[last - 1]) / 1000)
    return answer, present


def _sum_over_time(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    return windows.reduce(np.add, windows.samples.values), windows.count > 0


def _avg_over_time(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    return windows.reduce(np.add, windows.samples.values) / windows.count, windows.count > 0


def _max_over_time(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    return windows.reduce(np.fmax, windows.samples.values), windows.count > 0


def _min_over_time(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    return windows.reduce(np.fmin, windows.samples.values), windows.count > 0


def _count_over_time(windows: Windows, _dialect: Dialect) -> tuple[Values, Mask]:
    return windows.count.astype(np.float64), windows.count > 0


FUNCTIONS: dict[str, Callable[[Windows, Dialect], tuple[Values, Mask]]] = {
    "rate": _rate,
    "increase": _increase,
    "irate": _irate,
    "avg_over_time": _avg_over_time,
    "max_over_time": _max_over_time,
    "min_over_time": _min_over_time,
    "sum_over_time": _sum_over_time,
    "count_over_time": _count_over_time,
}

"""Series of the sandbox's Prometheus: samples on a scrape grid, visible only up to the clock.

A whole future may be put in at once: a reader says until when it may look. Times are kept as Prometheus
keeps them, whole milliseconds since the epoch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = tuple[tuple[str, str], ...]
Times = NDArray[np.int64]
Values = NDArray[np.float64]

NAME = "__name__"
# The NaN with which Prometheus marks the end of a series (model/value/value.go), known by its bits.
STALE = np.array([0x7FF0000000000002], dtype=np.uint64).view(np.float64)


def is_stale(values: Values) -> NDArray[np.bool_]:
    """Tell which values are staleness markers: any shape, contiguous in its last axis."""
    return np.asarray(values.view(np.uint64) == STALE.view(np.uint64)[0])


def labels_of(name: str, labels: Mapping[str, str]) -> Labels:
    """Name and labels in the one order in which label sets are compared."""
    return tuple(sorted({**labels, NAME: name}.items()))


def to_milliseconds(seconds: ArrayLike) -> Times:
    """Epoch seconds as whole milliseconds."""
    return np.rint(np.asarray(seconds, dtype=np.float64) * 1000).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Samples:
    """What a reader sees of one series: `times` increasing (ms), `values` beside them, staleness markers
    included.
    """

    labels: Labels
    times: Times
    values: Values

    def without_markers(self) -> "Samples":
        """The same without staleness markers, as range selectors see it."""
        live = ~is_stale(self.values)
        return self if live.all() else Samples(self.labels, self.times[live], self.values[live])


class Series:
    """One growing series. Room doubles, so that appending costs nothing worth counting."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.counted = 0.0  # a counter's total at `counted_until`, which no scrape need have met
        self.counted_until = -np.inf
        self._times = np.empty(64, dtype=np.int64)
        self._values = np.empty(64)
        self._size = 0

    @property
    def last_ms(self) -> int | None:
        """When the newest sample was taken, of those put in (visible or not)."""
        return int(self._times[self._size - 1]) if self._size else None

    def append(self, times: ArrayLike, values: ArrayLike) -> None:
        """Add samples: `times` epoch seconds, increasing and later than those present; `values` of the same
        length.

        Raises ValueError otherwise, as Prometheus refuses samples out of order.
        """
        self._put(np.atleast_1d(to_milliseconds(times)), np.atleast_1d(np.asarray(values, dtype=np.float64)))

    def end(self, time: float) -> None:
        """Mark the series as gone from `time` on, as a scrape does whose target or series has vanished."""
        self._put(np.atleast_1d(to_milliseconds(time)), STALE)

    def visible(self, until_ms: int) -> Samples:
        """Samples up to and including `until_ms`, as views that cost nothing."""
        count = int(np.searchsorted(self._times[: self._size], until_ms, side="right"))
        return Samples(self.labels, self._times[:count], self._values[:count])

    def _put(self, times: Times, values: Values) -> None:
        if times.shape != values.shape or times.ndim != 1:
            raise ValueError(
                f"{dict(self.labels)}: times {times.shape} and values {values.shape} must be of one length"
            )
        joined = times if self.last_ms is None else np.concatenate([[self.last_ms], times])
        if np.any(np.diff(joined) <= 0):
            raise ValueError(f"{dict(self.labels)}: samples must come in the order of time, each later than the last")
        needed = self._size + times.size
        if needed > self._times.size:
            room = max(needed, 2 * self._times.size)
            self._times = np.resize(self._times, room)
            self._values = np.resize(self._values, room)
        self._times[self._size : needed] = times
        self._values[self._size : needed] = values
        self._size = needed


class SeriesStore:
    """All series, by label set. Scrapes happen at `phase_seconds` after each multiple of `scrape_seconds`."""

    def __init__(self, *, scrape_seconds: float = 15.0, phase_seconds: float = 0.0) -> None:
        if scrape_seconds <= 0:
            raise ValueError(f"scrape_seconds must be above 0, got {scrape_seconds}")
        self.scrape_seconds = scrape_seconds
        self.phase_seconds = phase_seconds
        self._series: dict[Labels, Series] = {}

    def __iter__(self) -> Iterator[Series]:
        return iter(self._series.values())

    def series(self, name: str, labels: Mapping[str, str] | None = None) -> Series:
        """The series of this name and labels, made empty if there is none."""
        key = labels_of(name, labels or {})
        return self._series.setdefault(key, Series(key))

    def remove(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Forget a series with all its past; KeyError if there is none."""
        del self._series[labels_of(name, labels or {})]

    def add_counter(
        self,
        name: str,
        labels: Mapping[str, str] | None,
        times: ArrayLike,
        rate_per_second: ArrayLike,
        *,
        step_seconds: float | None = None,
    ) -> Series:
        """Scrape a counter that grows by `rate_per_second` in the buckets that start at `times`.

        `times` are epoch seconds, increasing; a bucket lasts `step_seconds`, by default the smallest
        distance in `times`. A NaN rate and a hole between buckets are time in which nothing was scraped and
        nothing counted. Called again with later buckets it goes on from where the counter stood. Raises
        ValueError on bad arrays.
        """
        starts, rates, step = _buckets(name, times, rate_per_second, step_seconds)
        if np.any(rates < 0):
            raise ValueError(f"{name}: a counter's rate cannot be below 0")
        series = self.series(name, labels)
        if starts[0] < series.counted_until - 1e-9:
            raise ValueError(
                f"{name}: buckets must start at {series.counted_until:.0f} or later, where the counter stands"
            )
        totals = series.counted + np.concatenate([[0.0], np.cumsum(np.nan_to_num(rates) * step)])
        scrapes, bucket = self._scrapes(series, starts, rates, step)
        series.append(scrapes, totals[bucket] + rates[bucket] * (scrapes - starts[bucket]))
        series.counted, series.counted_until = float(totals[-1]), float(starts[-1] + step)
        return series

    def add_gauge(
        self,
        name: str,
        labels: Mapping[str, str] | None,
        times: ArrayLike,
        values: ArrayLike,
        *,
        step_seconds: float | None = None,
    ) -> Series:
        """Scrape a gauge that stands at `values` in the buckets from `times` on; otherwise as `add_counter`."""
        starts, levels, step = _buckets(name, times, values, step_seconds)
        series = self.series(name, labels)
        scrapes, bucket = self._scrapes(series, starts, levels, step)
        open_end = scrapes < starts[bucket] + step - 1e-6  # on the edge a gauge shows what comes, if anything does
        series.append(scrapes[open_end], levels[bucket[open_end]])
        return series

    def _scrapes(self, series: Series, starts: Values, values: Values, step: float) -> tuple[Values, NDArray[np.intp]]:
        """Scrape instants inside the buckets (their closing edge included) and the bucket each falls into."""
        grid, phase = self.scrape_seconds, self.phase_seconds
        first = np.ceil((starts[0] - phase) / grid - 1e-9)
        last = np.floor((starts[-1] + step - phase) / grid + 1e-9)
        instants = np.arange(first, last + 1) * grid + phase
        if series.last_ms is not None:
            instants = instants[to_milliseconds(instants) > series.last_ms]
        bucket = np.clip(np.searchsorted(starts, instants, side="right") - 1, 0, None)
        # An instant on the edge of a bucket without data still belongs to the one that it closes.
        previous = np.clip(bucket - 1, 0, None)
        closes = np.isnan(values[bucket]) & np.isclose(instants, starts[previous] + step, rtol=0, atol=1e-6)
        bucket = np.where(closes, previous, bucket)
        seen = (instants <= starts[bucket] + step + 1e-6) & ~np.isnan(values[bucket])
        return instants[seen], bucket[seen]


def _buckets(
    name: str, times: ArrayLike, values: ArrayLike, step_seconds: float | None
) -> tuple[Values, Values, float]:
    """Check and unpack buckets: starts, values, width."""
    starts = np.atleast_1d(np.asarray(times, dtype=np.float64))
    held = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if starts.ndim != 1 or starts.shape != held.shape or starts.size == 0:
        raise ValueError(f"{name}: times {starts.shape} and values {held.shape} must be of one length, at least 1")
    gaps = np.diff(starts)
    if step_seconds is None:
        if gaps.size == 0:
            raise ValueError(f"{name}: give step_seconds, a single bucket does not tell its width")
        step_seconds = float(gaps.min())
    if step_seconds <= 0 or np.any(gaps < step_seconds - 1e-9):
        raise ValueError(f"{name}: buckets of {step_seconds} s must increase and not overlap")
    return starts, held, step_seconds

"""A series laid over the wall clock: what the load was, is and will be at any instant."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.traces import Series


class Load:
    """Load over time, constant within a bucket: `rate` at an instant, `total` since the start.

    What lies before `now` is the history to backfill, the rest goes on live; after the last bucket its value
    stays.  `hold` and `play` change the future.  Times are epoch seconds.
    """

    def __init__(self, series: Series, *, history_seconds: float, now: float) -> None:
        if not 0 < history_seconds <= series.seconds:
            raise ValueError(f"{series.name} lasts {series.seconds:g} s, history wants {history_seconds:g} s")
        step = series.step_seconds
        self.begins = now // step * step - round(history_seconds / step) * step
        self._lay(series.values, series.starts(self.begins))

    @classmethod
    def steady(cls, rate: float, *, now: float) -> Self:
        """Give a load of `rate` that began a minute before `now`."""
        return cls(Series("steady", np.array([rate, rate]), 60.0), history_seconds=60.0, now=now)

    def rate(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the load at each time, shape of `times`; NaN where the series lacks a reading."""
        starts, values, _ = self._laid
        return values[np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(values) - 1)]

    def total(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the integral of the load from the start to each time; a missing reading adds nothing."""
        starts, values, totals = self._laid
        at = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(values) - 1)
        return totals[at] + np.nan_to_num(values[at]) * np.maximum(times - starts[at], 0.0)

    def hold(self, rate: float, *, now: float) -> None:
        """From `now` on the load is `rate`."""
        self._lay_from(np.array([rate]), np.array([now]))

    def play(self, series: Series, *, now: float) -> None:
        """From `now` on the load is that of `series`, from its first bucket."""
        self._lay_from(series.values, series.starts(now))

    def _lay_from(self, values: NDArray[np.float64], starts: NDArray[np.float64]) -> None:
        old_starts, old_values, _ = self._laid
        past = old_starts < starts[0]
        self._lay(np.concatenate([old_values[past], values]), np.concatenate([old_starts[past], starts]))

    def _lay(self, values: NDArray[np.float64], starts: NDArray[np.float64]) -> None:
        added = np.nan_to_num(values[:-1]) * np.diff(starts)
        # One assignment: the exporter's thread reads either the old future or the new one.
        self._laid = (starts, values, np.concatenate([[0.0], np.cumsum(added)]))

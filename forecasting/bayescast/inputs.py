"""Checks of what callers hand in: every load is finite, not negative and plausible, or it is missing."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue

MOST_LOAD = 1e15  # anything larger is no load of a workload
MOST_TIME = 253_402_300_800.0  # the year 10000; epoch milliseconds of today lie beyond it

Ranges = Iterable[tuple[float, float]]  # (start, end) in epoch seconds, the end not included


def numbers(given: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return an array of floats of its own, NaN where a masked array is masked; InvalidValue for what is no number."""
    try:
        array = given if isinstance(given, np.ma.MaskedArray) else np.asarray(given)
        if array.dtype.kind in "biufO":
            return np.array(np.ma.filled(array.astype(np.float64), np.nan))
        fault = f"they are {array.dtype}"
    except (TypeError, ValueError, OverflowError) as error:
        fault = str(error)
    cure = "epoch seconds" if name == "times" else "numbers, NaN where there is none"
    raise InvalidValue(f"{name} cannot be read ({fault}): give {cure}, in one dimension")


def excluded(times: ArrayLike, step_seconds: float, ranges: Ranges) -> NDArray[np.bool_]:
    """Return which buckets reach into one of the ranges, (n,); InvalidValue names a range that is none."""
    starts = numbers(times, "times")
    inside = np.zeros(starts.shape, dtype=np.bool_)
    for i, given in enumerate(ranges):
        try:
            start, end = map(float, given)
            fits = start < end < np.inf and start > -np.inf
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InvalidValue(f"exclude[{i}] = {given!r}: give (start, end) in epoch seconds, start before end")
        inside |= (starts < end) & (starts + step_seconds > start)
    return inside


def checked(
    times: NDArray[np.float64],
    values: ArrayLike,
    saturated: ArrayLike | None,
    healthy: ArrayLike | None,
    left_out: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (loads, NaN where missing, not healthy or left out; saturated flags); InvalidValue names the first fault.

    A load that is not believed may be anything.
    """
    loads = numbers(values, "values")
    if times.ndim != 1 or loads.shape != times.shape:
        raise InvalidValue(
            f"times has shape {times.shape}, values {loads.shape}: give one load a time, in one dimension"
        )
    if not np.all(np.abs(times) < MOST_TIME):
        i = int(np.flatnonzero(~(np.abs(times) < MOST_TIME))[0])
        raise InvalidValue(f"times[{i}] = {times[i]:.15g}: give epoch seconds, before the year 10000")
    if healthy is not None:
        loads[~_flags(healthy, loads.shape, "healthy")] = np.nan
    if left_out is not None:
        loads[left_out] = np.nan
    faults = np.flatnonzero((loads < 0.0) | (loads > MOST_LOAD))
    if faults.size:
        i = int(faults[0])
        raise InvalidValue(
            f"values[{i}] = {loads[i]:g} at time {times[i]:.0f} ({faults.size} such): "
            f"a load lies between 0 and {MOST_LOAD:g}; give NaN for a bucket without one"
        )
    return loads, np.zeros(loads.shape, dtype=np.bool_) if saturated is None else _flags(
        saturated, loads.shape, "saturated"
    )


def _flags(given: ArrayLike, shape: tuple[int, ...], name: str) -> NDArray[np.bool_]:
    """Return a flag a bucket; a single flag holds for all."""
    flags = np.asarray(given, dtype=np.bool_)
    if flags.shape not in ((), shape):
        raise InvalidValue(f"{name} has shape {flags.shape}, values {shape}: give one flag a bucket")
    return np.broadcast_to(flags, shape).copy()

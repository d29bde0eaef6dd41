"""Checks of what callers hand in: every load is finite, not negative and plausible, or it is missing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidValue

MOST_LOAD = 1e15  # anything larger is no load of a workload


def checked(
    times: NDArray[np.float64], values: ArrayLike, saturated: ArrayLike | None, healthy: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (loads, NaN where missing or not healthy; saturated flags); InvalidValue names the first fault."""
    loads = np.array(values, dtype=np.float64)
    if times.ndim != 1 or loads.shape != times.shape:
        raise InvalidValue(
            f"times has shape {times.shape}, values {loads.shape}: give one load a time, in one dimension"
        )
    if not np.isfinite(times).all():
        i = int(np.flatnonzero(~np.isfinite(times))[0])
        raise InvalidValue(f"times[{i}] = {times[i]}: give epoch seconds")
    if healthy is not None:
        loads[~_flags(healthy, loads.shape, "healthy")] = np.nan
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

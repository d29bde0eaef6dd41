"""Slots of the seasons by a zone's local clock, vectorised, right across changes of the clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidSpec

MOST_SLOTS = 10080  # of one season: a week of minutes; bounds the memory of a workload
_HOUR, _DAY = 3600, 86400
_FIRST_YEAR_AT, _LAST_YEAR_AT = 0.0, 7258118400.0  # 1970 and 2200: what is tabulated


def layout(
    step_seconds: float, seasons: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the periods in use (rising, of two slots or more), their numbers of slots, and the buckets of a slot."""
    periods, slots, visits = [], [], []
    for period in sorted(set(seasons)):
        visit = max(1, int(np.ceil(period / step_seconds / MOST_SLOTS - 1e-9)))
        n = int(np.ceil(period / (step_seconds * visit) - 1e-9))
        if n >= 2:
            periods.append(float(period))
            slots.append(n)
            visits.append(visit)
    return tuple(periods), tuple(slots), tuple(visits)


def hour_slots(step_seconds: float) -> int:
    """Return the slots of an hour: jobs run on the clock, whatever the hour of the day."""
    return max(1, int(np.ceil(_HOUR / step_seconds - 1e-9)))


def zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database, or raise InvalidSpec."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSpec(
            f"time_zone = {name!r} is not in the IANA database: give a name like 'Europe/Berlin'"
        ) from error


def utc_offsets(times: NDArray[np.float64], time_zone: str) -> NDArray[np.float64]:
    """Return the zone's offset from UTC in seconds at each time (epoch seconds; any shape)."""
    if time_zone == "UTC" or times.size == 0:
        return np.zeros(times.shape)
    years = range(_year(float(times.min())), _year(float(times.max())) + 1)
    tables = [_year_offsets(time_zone, year) for year in years]
    starts = np.concatenate([table[0] for table in tables])
    offsets = np.concatenate([table[1] for table in tables])
    return np.asarray(offsets[np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)])


def offsets_of(zones: Sequence[str], numbers: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offset from UTC in seconds of each time in the zone of its number, (n,)."""
    offsets = np.zeros(len(times))
    for number, name in enumerate(zones):
        if name != "UTC":
            chosen = numbers == number
            offsets[chosen] = utc_offsets(times[chosen], name)
    return offsets


def slots_of(
    times: NDArray[np.float64],
    offsets: NDArray[np.float64],
    slot_seconds: NDArray[np.float64],
    slots: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Return (n, seasons) slots of buckets that start at `times`, on the local clock `times + offsets`.

    A season is `slots` slots of `slot_seconds` each, counted from local midnight of 1 January 1970.
    """
    number = np.floor((times + offsets) / slot_seconds[:, None] + 1e-6).astype(np.int64)
    return np.ascontiguousarray((number % slots[:, None]).T, dtype=np.int32)


def _year(time: float) -> int:
    """Return the UTC year of a time, within what is tabulated."""
    seconds = min(max(time, _FIRST_YEAR_AT), _LAST_YEAR_AT)
    return datetime.fromtimestamp(seconds, UTC).year


@lru_cache(maxsize=4096)
def _year_offsets(time_zone: str, year: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return when offsets start within one UTC year, and the offsets; found by bisection of its days."""
    clock = zone(time_zone)

    def offset(at: int) -> float:
        delta = datetime.fromtimestamp(at, UTC).astimezone(clock).utcoffset()
        return (delta or timedelta()).total_seconds()

    begin = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    starts, offsets = [begin], [offset(begin)]
    for day in range(begin + _DAY, end + 1, _DAY):
        if (new := offset(day)) == offsets[-1]:
            continue
        low, high = day - _DAY, day
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        if high < end:
            starts.append(high)
            offsets.append(new)
    return np.array(starts, dtype=np.float64), np.array(offsets, dtype=np.float64)

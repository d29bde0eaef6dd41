"""Schedules: when the windows of a cron expression are open, and which floor and ceiling that puts in force.

A window opens at each start of its expression, by the clock of its time zone, and stays open for its duration in
elapsed time. Across changes of that clock the starts are those of Debian's cron: what falls into the skipped hour
happens at the jump, what falls into the repeated one happens once; an expression whose minutes or hours begin with a
star follows the elapsed time instead. A floor is held a lead time before its window opens, so that its pods are ready
when it does; a ceiling holds from its start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from math import inf, nan
from zoneinfo import ZoneInfo

import numpy as np
from cronsim import CronSim, CronSimError
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# More than clocks are set back by: what is sought by local time is sought from so much further off.
_SET_BACK = timedelta(hours=3)
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Schedule:
    """At least `min_replicas`, at most `max_replicas` (one may be None) while a window is open; `start` is cron."""

    name: str
    start: str
    duration_seconds: float
    time_zone: str = "UTC"
    min_replicas: int | None = None
    max_replicas: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.duration_seconds < inf:
            raise ValueError(f"schedule {self.name}: {self.duration_seconds} s is no duration; give seconds above 0")
        if self.min_replicas is None and self.max_replicas is None:
            raise ValueError(f"schedule {self.name}: limits nothing; give min_replicas or max_replicas")
        check_start(self.start)
        _starts_of(self.start, self.time_zone)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a schedule, epoch seconds."""

    schedule: Schedule
    opens: float
    closes: float


@dataclass(frozen=True, slots=True)
class InForce:
    """The windows that give the highest floor and the lowest ceiling, None without."""

    floor: Window | None = None
    ceiling: Window | None = None

    @property
    def columns(self) -> tuple[float, float]:
        """Return floor and ceiling as the rules read them, NaN for none."""
        least = None if self.floor is None else self.floor.schedule.min_replicas
        most = None if self.ceiling is None else self.ceiling.schedule.max_replicas
        return nan if least is None else float(least), nan if most is None else float(most)


NOTHING = InForce()


def in_force(schedules: Sequence[Schedule], *, lead_seconds: float, now: float) -> InForce:
    """Return what holds at `now`; of equal floors or ceilings the first one listed is named."""
    if not schedules:
        return NOTHING
    floor: Window | None = None
    ceiling: Window | None = None
    for schedule in schedules:
        least, most = schedule.min_replicas, schedule.max_replicas
        if least is not None and (window := _window(schedule, lead_seconds, now)) is not None:
            floor = window if floor is None or least > (floor.schedule.min_replicas or 0) else floor
        if most is not None and (window := _window(schedule, 0.0, now)) is not None:
            ceiling = window if ceiling is None or most < (ceiling.schedule.max_replicas or 0) else ceiling
    return InForce(floor, ceiling)


def along(schedules: Sequence[Schedule], instants: Floats, *, lead_seconds: float) -> tuple[Floats, Floats]:
    """Return the floor and the ceiling at each of rising `instants` (epoch seconds), shapes (n,); NaN for none."""
    floors, ceilings = np.full(len(instants), nan), np.full(len(instants), nan)
    if not len(instants):
        return floors, ceilings
    for schedule in schedules:
        starts = _starts_of(schedule.start, schedule.time_zone)
        first, last = float(instants[0]) - schedule.duration_seconds, float(instants[-1]) + lead_seconds
        opens = np.array([-inf, *starts.between(first, last)])
        for limit, lead, made, pick in (
            (schedule.min_replicas, lead_seconds, floors, np.fmax),
            (schedule.max_replicas, 0.0, ceilings, np.fmin),
        ):
            if limit is not None:
                newest = opens[np.searchsorted(opens, instants + lead, side="right") - 1]
                is_open = newest + schedule.duration_seconds > instants
                made[is_open] = pick(made[is_open], float(limit))
    return floors, ceilings


def check_start(start: str) -> None:
    """Raise ValueError, with the cure, for what is no cron expression of five fields or never comes about."""
    advice = 'write minute, hour, day of month, month and day of week, such as "0 8 * * 5"'
    if len(start.split()) != 5:
        raise ValueError(f"start {start!r} has not five fields: {advice}")
    try:
        first = next(CronSim(start, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise ValueError(f"start {start!r} is no cron expression ({str(error).lower()}): {advice}") from error
    if first is None:
        raise ValueError(f"start {start!r} never comes about: {advice}")


def _window(schedule: Schedule, lead_seconds: float, now: float) -> Window | None:
    """Return the window that is open or about to open: of all that have begun, the last one closes last."""
    opens = _starts_of(schedule.start, schedule.time_zone).last(now + lead_seconds)
    closes = opens + schedule.duration_seconds
    return Window(schedule, opens, closes) if closes > now else None


class _Starts:
    """The starts of one expression in one time zone, epoch seconds; remembers the two around the last question."""

    def __init__(self, start: str, zone: ZoneInfo) -> None:
        self._start, self._zone = start, zone
        self._around = (inf, -inf)

    def last(self, at: float) -> float:
        """Return the last start that is not after `at`, -inf if there was none in half a century."""
        before, after = self._around
        if not before <= at < after:
            before = next((start for start in self._from(at, reverse=True) if start <= at), -inf)
            after = next((start for start in self._from(at) if start > at), inf)
            self._around = before, after
        return before

    def between(self, first: float, last: float) -> Iterator[float]:
        """Yield the starts after `first` and up to `last`, rising."""
        for start in takewhile(lambda start: start <= last, self._from(first)):
            if start > first:
                yield start

    def _from(self, at: float, *, reverse: bool = False) -> Iterator[float]:
        """Yield starts in order from before `at` (from after it, in reverse): a clock set back hides some from `at`."""
        local = datetime.fromtimestamp(at, self._zone)
        begin = local + _SET_BACK if reverse else local - _SET_BACK
        for moment in CronSim(self._start, begin.replace(fold=0), reverse=reverse):
            yield moment.timestamp()


@lru_cache(maxsize=_KEPT)
def _starts_of(start: str, time_zone: str) -> _Starts:
    """Return the starts that all schedules of one expression and zone share."""
    return _Starts(start, ZoneInfo(time_zone))

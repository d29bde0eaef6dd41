"""What Prometheus remembers of a load: whether it is enough to forecast it, and whether it is always there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy.explain import amount, percent, span

from .finding import Finding, Level, Topic

Floats = NDArray[np.float64]
HOURS, DAY_SECONDS = 24, 86400.0
SEASONS_NEEDED = 2.0
FULL = 0.9  # of a season or of the history asked for: what is one in all but its ragged edges
NIGHT_MISSING, DAY_MISSING = 0.7, 0.2
LEAST_DAYS = 3.0
GAPS_SHARE = 0.05
CAPPED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Past:
    """The load of the buckets that start at `times` (epoch seconds, `step_seconds` apart), NaN where there is none.

    It is what Prometheus has of the last `asked_seconds` (`forecast.history`), in the unit of the capacity.
    """

    times: Floats
    values: Floats
    step_seconds: float
    asked_seconds: float
    where: str = "load"

    @property
    def seen(self) -> Floats:
        """The loads that there are."""
        return self.values[~np.isnan(self.values)]

    @property
    def reach_seconds(self) -> float:
        """How far back the oldest load lies; 0 without any."""
        return len(self.since_first().values) * self.step_seconds

    def since_first(self) -> "Past":
        """Return it from its first load on."""
        known = np.flatnonzero(~np.isnan(self.values))
        first = known[0] if len(known) else len(self.values)
        return replace(self, times=self.times[first:], values=self.values[first:])


def check_history(past: Past, seasons: Sequence[float], zone: str) -> list[Finding]:
    """Judge a past for seasons (seconds), on the clock of an IANA zone."""
    if not len(past.seen):
        what = f"there is no load in the last {span(past.asked_seconds)}"
        return [Finding(Level.ERROR, Topic.HISTORY, past.where, what, "see the findings on the query")]
    found = [*_long_enough(past, seasons), *_gaps(past.since_first(), zone), *_plausible(past)]
    if found:
        return found
    told = f"{span(past.reach_seconds)} of load, {percent(1.0 - _missing(past.since_first()))} of it there"
    return [Finding(Level.OK, Topic.HISTORY, past.where, told)]


def _long_enough(past: Past, seasons: Sequence[float]) -> Iterator[Finding]:
    asked, reach, longest = past.asked_seconds, past.reach_seconds, max(seasons, default=0.0)
    if SEASONS_NEEDED * longest > asked:
        what = f"forecast.history of {span(asked)} holds less than two seasons of {span(longest)}: it is not learned"
        cure = f"set forecast.history: {round(SEASONS_NEEDED * longest / DAY_SECONDS)}d, or leave the season out"
        yield Finding(Level.WARNING, Topic.HISTORY, "spec.forecast.history", what, cure)
    if reach < FULL * SEASONS_NEEDED * longest and reach < FULL * asked:
        what = f"load goes back {span(reach)}, less than two seasons of {span(longest)}"
        cure = "wait: it is learned on the way; or keep more in Prometheus (--storage.tsdb.retention.time)"
        yield Finding(Level.WARNING, Topic.HISTORY, past.where, what, cure)
    elif reach < FULL * asked:
        what = f"load goes back {span(reach)}, forecast.history asks for {span(asked)}"
        cure = "nothing, if the workload is young; else keep more in Prometheus (--storage.tsdb.retention.time)"
        yield Finding(Level.INFO, Topic.HISTORY, past.where, what, cure)


def _gaps(past: Past, zone: str) -> Iterator[Finding]:
    hours = silent_hours(past, zone)
    if hours:
        what = f"no load at regular hours, {_ranges(hours)} {zone}: absent is not zero, so nothing is scaled in then"
        cure = "if silence means no load, append `or vector(0)` to the query; else have the series scraped at all hours"
        yield Finding(Level.WARNING, Topic.HISTORY, past.where, what, cure)
    elif _missing(past) > GAPS_SHARE:
        what = f"{percent(round(_missing(past), 3))} of the buckets since the first load have none"
        cure = "see whether targets or Prometheus were down; a load.step below the scrape interval does it too"
        yield Finding(Level.WARNING, Topic.HISTORY, past.where, what, cure)


def _plausible(past: Past) -> Iterator[Finding]:
    if not np.any(past.seen):
        what = "all loads are zero"
        yield Finding(
            Level.WARNING, Topic.HISTORY, past.where, what, "see whether the query counts what costs capacity"
        )
    elif _only_grows(past):
        what = "the load only ever grows, as a counter without rate() does"
        yield Finding(Level.WARNING, Topic.HISTORY, past.where, what, "wrap the counter in rate()")


def _only_grows(past: Past) -> bool:
    """Whether nearly each bucket is above the one before it, resets aside."""
    steps = np.diff(past.seen)
    return len(steps) >= 100 and bool(np.mean(steps >= 0.0) > 0.995) and bool(np.mean(steps > 0.0) > 0.5)


def check_room(past: Past, most: int, low_capacity: float) -> list[Finding]:
    """Judge how often the load was above what maxReplicas serve, at the capacity that decisions go by."""
    serves, seen = most * low_capacity, past.seen
    share = float(np.mean(seen > serves)) if len(seen) else 0.0
    if share <= 0.0:
        return []
    what = (
        f"load was above the {amount(serves)} that {most} replicas serve for {percent(round(share, 4))} of the time, "
        f"{amount(float(seen.max()))} at most"
    )
    cure = f"raise maxReplicas to {int(np.ceil(seen.max() / low_capacity))}, if the cluster has room"
    level = Level.WARNING if share > CAPPED_SHARE else Level.INFO
    return [Finding(level, Topic.HISTORY, "spec.maxReplicas", what, cure)]


def silent_hours(past: Past, zone: str) -> list[int]:
    """Return the hours of the local day in which load is missing on most days, while at others it is there."""
    if len(past.times) * past.step_seconds < LEAST_DAYS * DAY_SECONDS:
        return []
    place = ZoneInfo(zone)
    starts = past.times - past.times % 3600.0
    whole, back = np.unique(starts, return_inverse=True)
    clock = np.array([datetime.fromtimestamp(at, UTC).astimezone(place).hour for at in whole.tolist()])[back]
    count = np.bincount(clock, minlength=HOURS)
    missing = np.bincount(clock, weights=np.isnan(past.values), minlength=HOURS) / np.maximum(count, 1)
    silent = np.flatnonzero(missing >= NIGHT_MISSING)
    return silent.tolist() if len(silent) < HOURS and np.any(missing <= DAY_MISSING) else []


def _ranges(hours: Sequence[int]) -> str:
    """Return hours of a day as ranges, over midnight too: 22:00 to 05:00."""
    hourly = set(hours)
    starts = [hour for hour in sorted(hourly) if (hour - 1) % HOURS not in hourly]
    ends = [next(h for h in range(start + 1, start + HOURS + 1) if h % HOURS not in hourly) % HOURS for start in starts]
    return " and ".join(f"{start:02d}:00 to {end:02d}:00" for start, end in zip(starts, ends, strict=True))


def _missing(past: Past) -> float:
    return float(np.mean(np.isnan(past.values))) if len(past.values) else 0.0

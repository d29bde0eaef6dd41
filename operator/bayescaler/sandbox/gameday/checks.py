"""What has to hold of what was seen, each check a pure function of it with the figure it judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bayescaler.policy.reasons import Rung
from bayescaler.replay.service import outcome

MISSES_ALLOWED = 1.5
"""As often as promised, times this: more is what a forecast loses trust for."""

MOST_TURNS = 2
SWING = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """What the cluster showed at one tick: load per second as it truly was, replicas, and the object's status."""

    at: float
    load: float
    replicas: int
    ready: int
    rung: str
    is_ready: bool
    is_rolling: bool


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A scenario as it was seen; trouble began at `begin` and ended at `end`, `calibration` is the status' last."""

    moments: Sequence[Moment]
    begin: float
    end: float
    capacity: float
    step_seconds: float
    calibration: Mapping[str, Any]
    lead_time_seconds: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: the figure, the most (`at_least`: the least) it may be, in `unit`, and whether it holds.

    A figure that is None was not to be had: what it waits for has not come.
    """

    check: str
    figure: float | None
    limit: float
    unit: str
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure is there and within its limit."""
        if self.figure is None:
            return False
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


Check = Callable[[Seen], Verdict]


def never_lowered(*, after_seconds: float = 0.0, more_seconds: float = 0.0) -> Check:
    """Nothing is lowered from `after_seconds` into the trouble to its end and `more_seconds` on."""

    def check(seen: Seen) -> Verdict:
        low, high = seen.begin + after_seconds, seen.end + more_seconds
        pairs = [(earlier, later) for earlier, later in pairwise(seen.moments) if low <= later.at <= high]
        lowered = sum(later.replicas < earlier.replicas for earlier, later in pairs) if pairs else None
        return Verdict("scale-ins on it", lowered, 0, "")

    return check


def not_lowered_while_rolling(seen: Seen) -> Verdict:
    """Nothing is lowered while pods of two templates run."""
    pairs = [(a, b) for a, b in pairwise(seen.moments) if a.is_rolling and b.is_rolling]
    lowered = sum(later.replicas < earlier.replicas for earlier, later in pairs) if pairs else None
    return Verdict("scale-ins while it rolls", lowered, 0, "")


def promise_kept(seen: Seen) -> Verdict:
    """The operator's own record: the quantile missed no more than one and a half times as often as promised."""
    nominal, coverage = seen.calibration.get("nominal"), seen.calibration.get("coverage")
    least = 0.0 if nominal is None else round(1.0 - MISSES_ALLOWED * (1.0 - nominal), 6)
    return Verdict("coverage kept", coverage, least, "share", at_least=True)


def calm(seen: Seen) -> Verdict:
    """Replicas go up and come back, or the other way round, and once again at the most; swings of a tenth do not count,
    as they do not for an HPA.
    """
    return Verdict("turns up and down", turns([m.replicas for m in seen.moments]), MOST_TURNS, "")


def turns(replicas: Sequence[int]) -> int:
    """Return how often a course turns: each time it has come back from its last extreme by more than a tenth of it."""
    lowest = highest = replicas[0]
    rises: bool | None = None
    found = 0
    for count in replicas:
        lowest, highest = min(lowest, count), max(highest, count)
        down, up = count < highest * (1 - SWING), count > lowest * (1 + SWING)
        if (down and rises is not False) or (up and rises is not True):
            found += rises is not None
            rises, lowest, highest = up, count, count
        elif rises is True:
            lowest = highest
        elif rises is False:
            highest = lowest
    return found


def short_no_longer_than(seconds: float) -> Check:
    """From the trouble on load is above what is ready for no longer than this in all."""

    def check(seen: Seen) -> Verdict:
        since = [m for m in seen.moments if m.at >= seen.begin]
        short = outcome(
            [m.load for m in since],
            [m.replicas for m in since],
            [m.ready for m in since],
            capacity=seen.capacity,
            step_seconds=seen.step_seconds,
        ).violating_seconds
        return Verdict("short of replicas", short, seconds, "seconds")

    return check


def decides_again_within(seconds: float) -> Check:
    """After the trouble's end the object is Ready and its forecast decides, for good, within this time."""
    return _recovers("forecast decides again", seconds, lambda m, _: m.is_ready and m.rung == Rung.PREDICTIVE)


def served_again_within(seconds: float) -> Check:
    """After the trouble's end what is ready serves the load, for good, within this time."""
    return _recovers("load served again", seconds, lambda m, capacity: m.ready * capacity >= m.load)


def given_back_within(seconds: float, *, at_most: float) -> Check:
    """After the trouble's end replicas come down to `at_most` times what the load needs and one more, within this time.

    Not for good: what they do later on is the business of the load as it is then.
    """

    def fits(moment: Moment, capacity: float) -> bool:
        return moment.replicas <= at_most * moment.load / capacity + 1.0

    return _recovers("replicas given back", seconds, fits, for_good=False)


def _recovers(name: str, seconds: float, well: Callable[[Moment, float], bool], *, for_good: bool = True) -> Check:
    def check(seen: Seen) -> Verdict:
        after = [m for m in seen.moments if m.at > seen.end]
        is_well = [well(m, seen.capacity) for m in after]
        last = len(after) if for_good else 1
        first = next((at for at in range(len(after)) if all(is_well[at : at + last])), None)
        took = None if first is None else after[first].at - seen.end
        return Verdict(name, took, seconds, "seconds")

    return check


def lead_time_learned(least: float) -> Check:
    """The start-up time that the operator has learned is at least this."""

    def check(seen: Seen) -> Verdict:
        return Verdict("lead time learned", seen.lead_time_seconds, least, "seconds", at_least=True)

    return check

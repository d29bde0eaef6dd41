"""What is to be forecast: the spec of one workload, checked when it is made."""

import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from . import seasons as _seasons
from .errors import InvalidSpec
from .events import MAX_EVENTS, Event
from .settings import Settings

Member = TypeVar("Member", bound=StrEnum)

MAX_LEADS = 8
MAX_LEAD_BUCKETS = 5760  # a day of 15 s buckets
MAX_SEASONS = 4
_MOST_SEASON_SECONDS = 366 * 86400.0


class Family(StrEnum):
    """Likelihood of the level bank."""

    AUTO = "Auto"
    POISSON_GAMMA = "PoissonGamma"
    GAUSSIAN = "Gaussian"


class Kind(StrEnum):
    """What the values are: events per bucket, a rate per second, or a level."""

    COUNT = "count"
    RATE = "rate"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    """What is to be forecast of one workload; InvalidSpec names the field that cannot be honoured.

    step_seconds: width of a bucket. leads: window lengths in buckets; the quantiles issued after a bucket are of the
    largest load in the next `lead` buckets. seasons: periods in seconds (up to four); one of fewer than two buckets is
    ignored, one of more than 10080 buckets gets slots of several buckets. time_zone: IANA name; slots follow its local
    clock, through changes of the clock. events: kinds of known events (up to four) and when they take place. family:
    Auto starts with PoissonGamma for counts and rates, with Gaussian for gauges, and keeps to the one that errs less.
    """

    step_seconds: float
    leads: tuple[int, ...]
    kind: Kind = Kind.RATE
    family: Family = Family.AUTO
    seasons: tuple[float, ...] = (86400.0, 604800.0)
    time_zone: str = "UTC"
    events: tuple[Event, ...] = ()
    settings: Settings = Settings()  # noqa: RUF009  # a tuple cannot be changed

    def __post_init__(self) -> None:
        step = _number(self.step_seconds, "step_seconds")
        if not 1.0 <= step <= 86400.0:
            raise InvalidSpec(f"step_seconds = {step:g}: give the width of a bucket, from 1 s to a day")
        leads = tuple(self.leads)
        if not 1 <= len(leads) <= MAX_LEADS or len(set(leads)) != len(leads):
            raise InvalidSpec(f"leads = {leads}: give one to {MAX_LEADS} different window lengths in buckets")
        for lead in leads:
            if not isinstance(lead, int) or isinstance(lead, bool) or not 1 <= lead <= MAX_LEAD_BUCKETS:
                raise InvalidSpec(f"leads holds {lead!r}: give whole buckets from 1 to {MAX_LEAD_BUCKETS}")
        periods = tuple(_number(period, "seasons") for period in self.seasons)
        if len(periods) > MAX_SEASONS or any(not 0.0 < p <= _MOST_SEASON_SECONDS for p in periods):
            raise InvalidSpec(f"seasons = {periods}: give at most {MAX_SEASONS} periods in seconds, each up to a year")
        _seasons.zone(self.time_zone)
        events = tuple(self.events)
        if len(events) > MAX_EVENTS or not all(isinstance(event, Event) for event in events):
            raise InvalidSpec(f"events = {events}: give at most {MAX_EVENTS} bayescast.Event")
        if len({event.name for event in events}) != len(events):
            raise InvalidSpec(f"events = {[e.name for e in events]}: give each kind once, with all its ranges")
        if not isinstance(self.settings, Settings):
            raise InvalidSpec("settings: give a bayescast.Settings")
        checked = {
            "step_seconds": step,
            "leads": leads,
            "kind": _member(Kind, self.kind, "kind"),
            "family": _member(Family, self.family, "family"),
            "seasons": periods,
            "events": events,
            "settings": self.settings.checked(),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def resolved_family(self) -> Family:
        """The family asked for, or the one Auto starts from (a bank changes it when the other one errs less)."""
        if self.family is not Family.AUTO:
            return self.family
        return Family.GAUSSIAN if self.kind is Kind.GAUGE else Family.POISSON_GAMMA

    def differences(self, other: "ForecastSpec", *, shape_only: bool = False) -> list[str]:
        """Return the names of fields that differ; `shape_only` leaves out those that rows of one bank may differ in."""
        own = {"kind", "family", "time_zone", "events"} if shape_only else {"events"}
        differing = [
            f.name for f in fields(self) if f.name not in own and getattr(self, f.name) != getattr(other, f.name)
        ]
        return differing + ["events"] * (self.event_names != other.event_names)

    def plain(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them; of events the kinds alone, which is what a state depends on."""
        return asdict(self) | {"events": self.event_names, "settings": self.settings._asdict()}

    @property
    def event_names(self) -> tuple[str, ...]:
        """The kinds of events, in the order their effects are kept in."""
        return tuple(event.name for event in self.events)


def _number(value: object, name: str) -> float:
    """Return a finite float, or raise InvalidSpec."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidSpec(f"{name} holds {value!r}: give a finite number of seconds")
    return number


def _member(kind: type[Member], value: str, name: str) -> Member:
    """Return the member of an enum, or raise InvalidSpec."""
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidSpec(f"{name} = {value!r}: give one of {', '.join(kind)}") from error

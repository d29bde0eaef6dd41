"""`spec.forecast` of a BayesianAutoscaler: what the forecaster learns from, and a canary of other settings."""

from typing import Annotated, Literal

from pydantic import Field

from .durations import Duration, Horizon, between
from .rules import Model, Rule
from .zones import TimeZone

MAX_SEASONS = 4
MAX_HISTORY_BUCKETS = 250_000
DEFAULT_AFTER = Duration("1d")  # a load has its day, and no part of it speaks for the whole

Family = Literal["Auto", "PoissonGamma", "Gaussian"]
Seasons = Annotated[
    list[Duration],
    Rule(
        "seasons must differ: 24h and 1d are the same",
        "self.all(season, self.exists_one(other, other == season))",
        lambda seasons: len({season.seconds for season in seasons}) == len(seasons),
    ),
    Rule(
        "seasons must lie between 10m and 4w",
        "self.all(season, season >= duration('600s') && season <= duration('2419200s'))",
        lambda seasons: all(600 <= season.seconds <= 2_419_200 for season in seasons),
    ),
]


class CanarySpec(Model):
    """Other settings of the forecaster, tried beside the live ones."""

    rules = (
        Rule(
            "give one of canary.family, canary.history, canary.seasons and canary.timeZone at least",
            "has(self.family) || has(self.history) || has(self.seasons) || has(self.timeZone)",
            lambda canary: bool(canary.given),
        ),
    )

    family: Family | None = Field(
        default=None,
        description="Likelihood of the load, as `forecast.family`. Default: that one.",
        examples=["Gaussian"],
    )
    history: Annotated[Duration, between("history", "2h", "8w")] | None = Field(
        default=None,
        description=f"How much history is read at the start, a duration, as `forecast.history`; at most "
        f"{MAX_HISTORY_BUCKETS} buckets of `load.step`. Default: that one.",
        examples=["4w"],
    )
    seasons: Seasons | None = Field(
        default=None,
        max_length=MAX_SEASONS,
        description="Periods in which load repeats, as `forecast.seasons`. [] is none. Default: those.",
        examples=[["24h", "168h"]],
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="IANA time zone of the seasons, as `forecast.timeZone`. Default: that one.",
        examples=["Europe/Berlin"],
    )
    promote: Literal["Auto", "Never"] | None = Field(
        default=None,
        description="What follows when the canary measurably loses less: Auto lets it forecast in place of the live "
        "settings, the spec stays as it is; Never only says so. One that loses more is rolled back in any case. "
        "Default: Auto.",
        examples=["Never"],
    )
    after: Annotated[Duration, between("after", "10m", "8w")] | None = Field(
        default=None,
        description=f"How long it runs at least before anything follows, a duration. Default: {DEFAULT_AFTER}.",
        examples=["1w"],
    )

    @property
    def given(self) -> dict[str, object]:
        """What it would have otherwise: name in Python -> value."""
        fields = ("family", "history", "seasons", "time_zone")
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}

    @property
    def promotes(self) -> bool:
        """Whether one that is better takes over."""
        return self.promote != "Never"

    @property
    def after_seconds(self) -> float:
        """How long it runs at least."""
        return (self.after or DEFAULT_AFTER).seconds


def _differs(forecast: "ForecastSection") -> bool:
    given = {} if forecast.canary is None else forecast.canary.given
    return all(_measured(value) != _measured(getattr(forecast, name)) for name, value in given.items())


def _measured(value: object) -> object:
    """Return durations as seconds: 24h and 1d are the same."""
    if isinstance(value, list):
        return [_measured(one) for one in value]
    return value.seconds if isinstance(value, Duration) else value


class ForecastSection(Model):
    """What the forecaster learns from and looks ahead to."""

    rules = (
        Rule(
            "canary must differ from forecast in every field it gives: leave out what is the same, and remove the "
            "canary when its fields have been moved here",
            "!has(self.canary) || ((!has(self.canary.family) || self.canary.family != self.family)"
            " && (!has(self.canary.history) || self.canary.history != self.history)"
            " && (!has(self.canary.seasons) || self.canary.seasons != self.seasons)"
            " && (!has(self.canary.timeZone) || self.canary.timeZone != self.timeZone))",
            _differs,
            ".canary",
        ),
    )

    family: Family = Field(
        default="Auto",
        description="Likelihood of the load: PoissonGamma for counts and rates, Gaussian (on the log scale) "
        "for levels; Auto takes the one that suits `load.kind`.",
        examples=["PoissonGamma"],
    )
    history: Annotated[Duration, between("history", "2h", "8w")] = Field(
        default=Duration("14d"),
        description=f"How much history is read at the start, a duration; at most {MAX_HISTORY_BUCKETS} "
        "buckets of `load.step`.",
        examples=["4w"],
    )
    seasons: Seasons = Field(
        default_factory=lambda: [Duration("24h"), Duration("168h")],
        max_length=MAX_SEASONS,
        description="Periods in which load repeats, durations, each a multiple of `load.step`. [] is none.",
        examples=[["24h"]],
        json_schema_extra={"default": ["24h", "168h"], "x-kubernetes-list-type": "atomic"},
    )
    time_zone: TimeZone = Field(
        default="UTC",
        description="IANA time zone whose clock the users of the workload live by; seasons follow it across "
        "changes of daylight saving time.",
        examples=["Europe/Berlin"],
    )
    horizon: Annotated[
        Horizon,
        Rule(
            "horizon must be Auto or lie between 1s and 6h",
            "self == 'Auto' || (duration(self) >= duration('1s') && duration(self) <= duration('6h'))",
            lambda horizon: horizon.fixed_seconds is None or 1 <= horizon.fixed_seconds <= 21_600,
        ),
    ] = Field(
        default=Horizon("Auto"),
        description="How far ahead load must be served, a duration: the time from wanting a replica to its "
        "serving. Auto adds the P90 of the start-up times of the workload's own pods (at first the one that the "
        "operator assumes), the operator's interval, the delay of the metrics, and half of what the range of the "
        "query's rate() exceeds `load.step` by.",
        examples=["3m"],
    )
    canary: CanarySpec | None = Field(
        default=None,
        description="Other settings, tried on the same load beside these without deciding anything: promoted when "
        "they measurably lose less, rolled back when they lose more; `status.canary` tells how they do. "
        "Default: none.",
        examples=[{"seasons": ["24h", "168h"], "after": "1w"}],
    )

    def with_canary(self) -> "ForecastSection":
        """Return what is forecast by where the canary's settings are the live ones; itself without one."""
        return self if self.canary is None else self.model_copy(update=self.canary.given)

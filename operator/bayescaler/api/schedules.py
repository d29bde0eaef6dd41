"""`spec.schedules` of a BayesianAutoscaler: floors and ceilings by the calendar."""

import re
from datetime import UTC, datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from .behavior import Count
from .durations import Duration, between
from .rules import Model, Rule
from .zones import TimeZone

MAX_REPLICAS = 100_000
MAX_SCHEDULES = 16
ADVICE = 'write minute, hour, day of month, month and day of week, such as "0 8 * * 5"'


def _field(value: str, *more: str) -> str:
    """Return the pattern of one field: a list of stars, values, ranges and steps, or of what only this field knows."""
    items = "|".join((f"([*]|{value}(-{value})?)(/[0-9]{{1,2}})?", *more))
    return f"({items})(,({items}))*"


_NAME = "[A-Za-z]{3}"
CRON = "^{} +{} +{} +{} +{}$".format(
    _field("[0-5]?[0-9]"),
    _field("([01]?[0-9]|2[0-3])"),
    _field("(0?[1-9]|[12][0-9]|3[01])", "LW?"),
    _field(f"(0?[1-9]|1[0-2]|{_NAME})"),
    _field(f"(0?[0-7]|{_NAME})", f"(0?[0-7]|{_NAME})#[1-5]", "[0-7]L"),
)


def _comes_about(start: str) -> str:
    try:
        comes = next(CronSim(start, datetime(2000, 1, 1, tzinfo=UTC)), None) is not None
        why = "never comes about"
    except CronSimError as error:
        comes, why = False, f"is no cron expression ({str(error).lower()})"
    if not comes:
        advice = f"{why}: {ADVICE}"
        raise PydanticCustomError("cron", "{advice}", {"advice": advice})
    return start


class ScheduleSpec(Model):
    """Windows that open by the calendar, and what holds in them."""

    rules = (
        Rule(
            "a schedule needs minReplicas or maxReplicas, or it would limit nothing",
            "has(self.minReplicas) || has(self.maxReplicas)",
            lambda schedule: schedule.min_replicas is not None or schedule.max_replicas is not None,
        ),
        Rule(
            "minReplicas of a schedule must not exceed its maxReplicas",
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            lambda schedule: (
                (schedule.min_replicas or 0)
                <= (MAX_REPLICAS if schedule.max_replicas is None else schedule.max_replicas)
            ),
            ".minReplicas",
        ),
    )

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Name of the schedule, as decisions speak of it.",
        examples=["sale"],
    )
    start: Annotated[
        str,
        Rule(
            f"start is no cron expression of five fields: {ADVICE}",
            f"self.matches('{CRON}')",
            lambda text: re.fullmatch(CRON, text, re.ASCII) is not None,
        ),
        AfterValidator(_comes_about),
    ] = Field(
        min_length=1,
        max_length=128,
        description="When a window opens, in cron's five fields: minute, hour, day of month, month, day of week, as "
        "Debian's cron reads them. A start in the hour that a change of the clock skips happens at the jump, one in "
        "the repeated hour once.",
        examples=["0 8 * * 5"],
    )
    duration: Annotated[Duration, between("duration", "1m", "8w")] = Field(
        description="How long a window stays open, a duration of elapsed time.",
        examples=["4h"],
    )
    time_zone: TimeZone | None = Field(
        default=None,
        description="IANA time zone by whose clock windows open. Default: `forecast.timeZone`.",
        examples=["Europe/Berlin"],
    )
    min_replicas: Count | None = Field(
        default=None,
        ge=1,
        le=MAX_REPLICAS,
        description="Never fewer replicas than this while a window is open, and from one horizon before it opens, so "
        "that they are ready when it does. Default: no floor.",
        examples=[20],
    )
    max_replicas: Count | None = Field(
        default=None,
        ge=0,
        le=MAX_REPLICAS,
        description="Never more replicas than this while a window is open. Default: no ceiling.",
        examples=[30],
    )

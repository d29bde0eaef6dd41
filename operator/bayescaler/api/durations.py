"""Durations as users write them, such as 14d, 1w, 1d12h or 90s: whole numbers with units, largest first."""

import re
from functools import lru_cache
from typing import Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .rules import Rule

UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
# The digits are bounded so that no sum overflows the API server's nanoseconds.
PATTERN = "^([1-9][0-9]{0,2}w)?([1-9][0-9]{0,3}d)?([1-9][0-9]{0,4}h)?([1-9][0-9]{0,5}m)?([1-9][0-9]{0,6}s)?$"
SHORT_PATTERN = "^(Auto|([1-9][0-9]?h)?([1-9][0-9]{0,3}m)?([1-9][0-9]{0,4}s)?)$"
LENGTHS = {"minLength": 2, "maxLength": 32}
ADVICE = "write whole numbers with units, largest first (w, d, h, m, s), such as 14d, 1d12h or 90s"


def seconds(text: str) -> float:
    """Return the seconds of a duration such as `1d12h`.

    Raises:
        ValueError: the text is no duration; the message says how to write one.
    """
    if len(text) > LENGTHS["maxLength"] or not text or re.fullmatch(PATTERN, text, re.ASCII) is None:
        raise ValueError(f"{text[:40]!r} is not a duration: {ADVICE}")
    return float(sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(\w)", text)))


@lru_cache(maxsize=256)
def duration_text(value_seconds: float) -> str:
    """Return whole seconds as a duration, `0s` for less than half of one: the inverse of `seconds`."""
    rest = round(value_seconds)
    parts = []
    for unit, size in UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


class Duration(str):
    """A duration that keeps the text its user wrote."""

    __slots__ = ()
    pattern = PATTERN
    advice = ADVICE

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return seconds(self)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the text and keep it."""
        if not LENGTHS["minLength"] <= len(text) <= LENGTHS["maxLength"] or not re.fullmatch(cls.pattern, text):
            raise PydanticCustomError("duration", "is not a duration: {advice}", {"advice": cls.advice})
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema(strict=True))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "duration", "pattern": cls.pattern} | LENGTHS


class Horizon(Duration):
    """A duration in h, m and s, or `Auto`."""

    __slots__ = ()
    pattern = SHORT_PATTERN
    advice = "write Auto, or whole numbers with units, largest first (h, m, s), such as 5m or 1m30s"

    @property
    def fixed_seconds(self) -> float | None:
        """The horizon in seconds; None is `Auto`."""
        return None if self == "Auto" else seconds(self)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": cls.pattern} | LENGTHS


def between(field: str, shortest: str, longest: str) -> Rule:
    """Return the rule that a duration lies between two, ends included."""
    low, high = seconds(shortest), seconds(longest)
    return Rule(
        f"{field} must lie between {shortest} and {longest}",
        f"self >= duration('{low:.0f}s') && self <= duration('{high:.0f}s')",
        lambda value: low <= value.seconds <= high,
    )

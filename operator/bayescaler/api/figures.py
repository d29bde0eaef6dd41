"""The scalars of a status: times, counts, numbers to six digits, clipped text; how they are made, and their schema."""

from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

MESSAGE_CHARACTERS = 1024
WORD_CHARACTERS = 128
WHY_CHARACTERS = 256
ATOMIC_MAP: dict[str, Any] = {"x-kubernetes-map-type": "atomic"}


def clip(text: str) -> str:
    """Return a message no longer than the schema lets it be."""
    return text if len(text) <= MESSAGE_CHARACTERS else text[: MESSAGE_CHARACTERS - 1] + "…"


def clip_why(text: str) -> str:
    """Return a clause no longer than the schema lets it be."""
    return text if len(text) <= WHY_CHARACTERS else text[: WHY_CHARACTERS - 1] + "…"


@lru_cache(maxsize=256)
def rfc3339(at: float) -> str:
    """Return epoch seconds as the API writes times, to the second; one tick speaks of few of them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def figure(number: float | None) -> float | None:
    """Return a number to six digits, None for one that JSON does not know."""
    return None if number is None or not isfinite(number) else float("%.6g" % number)  # noqa: UP031 - a quarter quicker


def known(given: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what is not known (None)."""
    return {key: value for key, value in given.items() if value is not None}


Timestamp = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Whole = Annotated[int, Field(ge=0)]
Generation = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
Message = Annotated[str, WithJsonSchema({"type": "string", "maxLength": MESSAGE_CHARACTERS})]
Why = Annotated[str, WithJsonSchema({"type": "string", "maxLength": WHY_CHARACTERS})]
Figure = Annotated[float | None, WithJsonSchema({"type": "number"})]

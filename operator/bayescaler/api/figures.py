"""The scalars of a status: times, counts, numbers to six digits, text that is clipped."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

MESSAGE_CHARACTERS = 1024
WORD_CHARACTERS = 128
SIGNIFICANT_DIGITS = 6
WHY_CHARACTERS = 256
ATOMIC_MAP: dict[str, Any] = {"x-kubernetes-map-type": "atomic"}


def _clip(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS else text[: MESSAGE_CHARACTERS - 1] + "…"


def _clip_why(text: str) -> str:
    return text if len(text) <= WHY_CHARACTERS else text[: WHY_CHARACTERS - 1] + "…"


def _from_rfc3339(given: object) -> object:
    return datetime.fromisoformat(given).timestamp() if isinstance(given, str) else given


def _to_rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _finite(given: object) -> object:
    return None if isinstance(given, float) and not math.isfinite(given) else given


def _short(number: float) -> float:
    return float(f"{number:.{SIGNIFICANT_DIGITS}g}")


Timestamp = Annotated[
    float,
    BeforeValidator(_from_rfc3339),
    PlainSerializer(_to_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Whole = Annotated[int, Field(ge=0)]
Generation = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
Message = Annotated[str, AfterValidator(_clip), WithJsonSchema({"type": "string", "maxLength": MESSAGE_CHARACTERS})]
Why = Annotated[str, AfterValidator(_clip_why), WithJsonSchema({"type": "string", "maxLength": WHY_CHARACTERS})]
Figure = Annotated[
    Annotated[float, PlainSerializer(_short, return_type=float)] | None,
    BeforeValidator(_finite),
    WithJsonSchema({"type": "number"}),
]

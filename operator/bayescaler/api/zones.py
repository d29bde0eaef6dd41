"""Time zones as users name them."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from .rules import Rule


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown; a folder of the database; a path that leaves it
        return False
    return True


TimeZone = Annotated[
    str,
    Field(max_length=64, pattern="^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$"),
    Rule("timeZone is not a time zone of the IANA database, such as Europe/Berlin", None, _is_known),
]

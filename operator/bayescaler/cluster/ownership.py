"""Whose a field is, as managedFields tell."""

from .client import FIELD_MANAGER
from .paths import Json


def manager_of(metadata: Json, field: str) -> str | None:
    """The field manager whose `spec.<field>` is, as far as managedFields tell.

    A field may be of several who want the same value. It is then of who has declared it by an apply rather than of who
    has written it once, of others rather than of us, and of the later one: an entry's time is that of any of its
    fields, so it comes last.
    """
    found = [
        (
            entry.get("manager") != FIELD_MANAGER,
            entry.get("operation") == "Apply",
            str(entry.get("time") or ""),
            str(entry.get("manager") or ""),
        )
        for entry in metadata.get("managedFields") or ()
        if f"f:{field}" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    return max(found)[-1] if found else None

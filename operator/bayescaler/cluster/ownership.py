"""Who wrote a field last, as managedFields tell."""

from .paths import Json


def manager_of(metadata: Json, field: str) -> str | None:
    """The field manager that wrote `spec.<field>` last, as far as managedFields tell."""
    found = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in metadata.get("managedFields") or ()
        if f"f:{field}" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    return max(found)[1] if found else None

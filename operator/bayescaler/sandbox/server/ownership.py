"""Field ownership: `managedFields` of every write, and server-side apply with its conflicts.

Ownership is kept for one schema version; a manager's fields are not converted between versions.
"""

from collections.abc import Mapping
from typing import Any

from .errors import Json, StatusError
from .fieldsets import (
    Tree,
    changed,
    difference,
    fields_of,
    intersection,
    leaves,
    merge,
    owned_part,
    prune,
    union,
    with_metadata,
    without,
)


def _identity(entry: Json) -> tuple[str, str, str]:
    return entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", "")


def _entry(manager: str, operation: str, subresource: str, api_version: str, now: str, fields: Tree) -> Json:
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version,
        "time": now,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return entry | ({"subresource": subresource} if subresource else {})


def track(
    old: Json | None, new: Json, schema: Mapping[str, Any], *, manager: str, subresource: str, now: str
) -> list[Json]:
    """The managedFields after a write that was no apply: what it changed belongs to `manager` alone."""
    typed = with_metadata(schema)
    before, after = owned_part(old) if old else {}, owned_part(new)
    entries: list[Json] = list(old["metadata"].get("managedFields", ())) if old else []
    touched = changed(before, after, typed)
    if touched is None and fields_of(before, typed) == fields_of(after, typed):
        return entries
    touched = touched or {}
    mine = (manager, "Update", subresource)
    kept: list[Json] = []
    own: Tree = touched
    for entry in entries:
        fields = prune(entry["fieldsV1"], after, typed)
        if _identity(entry) == mine:
            own = union(fields, touched)
            continue
        fields = difference(fields, touched)
        if fields:
            kept.append(entry if fields == entry["fieldsV1"] else {**entry, "fieldsV1": fields})
    if own:
        kept.append(_entry(manager, "Update", subresource, new["apiVersion"], now, own))
    return kept


def apply(
    live: Json | None,
    applied: Json,
    schema: Mapping[str, Any],
    *,
    manager: str,
    subresource: str,
    force: bool,
    now: str,
) -> Json:
    """`live` after `manager` applied `applied`, with managedFields; 409 with one cause a field that another manages."""
    typed = with_metadata(schema)
    wanted = owned_part(applied)
    mine = (manager, "Apply", subresource)
    own = fields_of(wanted, typed)
    if live is None:
        entry = _entry(manager, "Apply", subresource, applied["apiVersion"], now, own)
        return {**applied, "metadata": {**applied["metadata"], "managedFields": [entry]}}
    entries: list[Json] = live["metadata"].get("managedFields", [])
    have = owned_part(live)
    differing = changed(have, merge(have, wanted, typed), typed) or {}
    contested = intersection(own, differing)
    others = [entry for entry in entries if _identity(entry) != mine]
    clashes = [(entry, shared) for entry in others if (shared := intersection(entry["fieldsV1"], contested))]
    if clashes and not force:
        raise _conflict(clashes)
    kept = [{**entry, "fieldsV1": fields} for entry in others if (fields := difference(entry["fieldsV1"], contested))]
    before: Tree = next((entry["fieldsV1"] for entry in entries if _identity(entry) == mine), {})
    abandoned = difference(before, own)
    for entry in kept:
        abandoned = difference(abandoned, entry["fieldsV1"])
    result = merge(without(have, abandoned, typed), wanted, typed)
    system = {key: value for key, value in live["metadata"].items() if key not in have.get("metadata", {})}
    previous = next((entry for entry in entries if _identity(entry) == mine), None)
    entry = _entry(manager, "Apply", subresource, applied["apiVersion"], now, own)
    if previous is not None and previous["fieldsV1"] == own and result == have:
        entry["time"] = previous["time"]
    metadata = {**system, **result.pop("metadata", {}), "managedFields": [*kept, entry]}
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata, **result}


def _conflict(clashes: list[tuple[Json, Tree]]) -> StatusError:
    causes, told = [], []
    for entry, shared in clashes:
        who = f'conflict with "{entry["manager"]}"'
        if entry.get("subresource"):
            who += f' with subresource "{entry["subresource"]}"'
        if entry["operation"] == "Update":
            who += f" using {entry['apiVersion']}"
        paths = sorted(leaves(shared))
        causes += [{"reason": "FieldManagerConflict", "message": who, "field": path} for path in paths]
        told.append(f"{who}: {paths[0]}" if len(paths) == 1 else f"{who}:\n" + "\n".join(f"- {path}" for path in paths))
    plural = "conflict" if len(causes) == 1 else "conflicts"
    return StatusError(
        409,
        "Conflict",
        f"Apply failed with {len(causes)} {plural}: " + "\n".join(told),
        details={"causes": causes},
    )

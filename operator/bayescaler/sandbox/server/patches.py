"""The four patch types: JSON Patch, JSON merge patch, strategic merge patch, and (in `ownership`) server-side apply."""

import json
from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from .errors import Json, bad_request, patch_test_failed

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


def json_patch(current: Json, operations: Any) -> Json:
    """RFC 6902 as the API server has it: a `test` for null passes on an absent member, a `replace` of one adds it.

    What cannot be applied is a 422.
    """
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Any = json.loads(json.dumps(current))  # a copy, made several times as quickly as by copy.deepcopy
    for operation in operations:
        if _is_absent(document, operation):
            if operation.get("op") == "test" and operation.get("value") is None:
                continue
            if operation.get("op") == "replace":
                operation = {**operation, "op": "add"}  # noqa: PLW2901 - the operation as it is meant
        try:
            document = jsonpatch.apply_patch(document, [operation], in_place=True)
        except (jsonpatch.InvalidJsonPatch, TypeError, AttributeError) as error:
            raise bad_request(f"error decoding patch: {error}") from error
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
            raise patch_test_failed() from error
    if not isinstance(document, dict):
        raise bad_request("a patch must leave an object")
    return document


def _is_absent(document: Any, operation: Any) -> bool:
    if not isinstance(operation, dict):
        return False
    missing = object()
    try:
        return jsonpointer.resolve_pointer(document, operation.get("path", ""), missing) is missing
    except jsonpointer.JsonPointerException:
        return False


def merge_patch(current: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_patch(current: Any, patch: Any, schema: Mapping[str, Any]) -> Any:
    """Kubernetes' strategic merge: as merge patch, but lists with a merge key merge item by item."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    merged = dict(current) if isinstance(current, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, values in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            merged[name] = [item for item in merged.get(name, []) if item not in values]
    for key, value in patch.items():
        if key.startswith(_DIRECTIVES):
            continue
        below = _below(schema, key)
        if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        elif isinstance(value, list) and below.get("x-kubernetes-patch-strategy") == "merge":
            merged[key] = _merge_list(merged.get(key) or [], value, below, patch.get(f"$setElementOrder/{key}"))
        else:
            merged[key] = strategic_patch(merged.get(key), value, below)
    return merged


def _below(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else {}


def _merge_list(current: list[Any], patch: list[Any], schema: Mapping[str, Any], order: list[Any] | None) -> list[Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return current + [item for item in patch if item not in current]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    merged = list(current)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((i for i, have in enumerate(merged) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [have for have in merged if have.get(key) != item[key]]
        elif at is None:
            merged.append(strategic_patch({}, item, schema.get("items", {})))
        else:
            merged[at] = strategic_patch(merged[at], item, schema.get("items", {}))
    if order:
        rank = {entry.get(key): i for i, entry in enumerate(order) if isinstance(entry, dict)}
        merged.sort(key=lambda item: rank.get(item.get(key), len(rank)))
    return merged

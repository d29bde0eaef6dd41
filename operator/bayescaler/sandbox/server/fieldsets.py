"""Sets of fields as `fieldsV1` writes them: a tree of `f:name`, `k:{...}` and `v:...` members, leaves empty.

Lists of type map are walked by their keys, lists of type set by their values; any other list is one leaf.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Json

Tree = dict[str, Any]
_GRANULAR_METADATA: Json = {
    "properties": {
        "finalizers": {"x-kubernetes-list-type": "set"},
        "ownerReferences": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"]},
    }
}
_SYSTEM_METADATA = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "generateName",
        "selfLink",
    }
)
ITSELF = "."


def owned_part(obj: Json) -> Json:
    """What of an object can be owned: neither its envelope nor what the server writes."""
    body = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata"}}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _SYSTEM_METADATA}
    return body | ({"metadata": metadata} if metadata else {})


def with_metadata(schema: Mapping[str, Any]) -> Json:
    """`schema` with the list types of ObjectMeta."""
    return {**schema, "properties": {**schema.get("properties", {}), "metadata": _GRANULAR_METADATA}}


def members(value: Any, schema: Mapping[str, Any]) -> dict[str, tuple[Any, Mapping[str, Any]]] | None:
    """The members of a map or an associative list by their path element; None for a leaf."""
    if isinstance(value, dict) and schema.get("x-kubernetes-map-type") != "atomic":
        return {f"f:{key}": (member, _below(schema, key)) for key, member in value.items()}
    if isinstance(value, list):
        list_type = schema.get("x-kubernetes-list-type")
        if list_type == "map":
            return {_key_element(item, schema): (item, schema.get("items", {})) for item in value}
        if list_type == "set":
            return {f"v:{json.dumps(item)}": (item, {}) for item in value}
    return None


def _below(schema: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else {}


def _key_element(item: Json, schema: Mapping[str, Any]) -> str:
    defaults = {"protocol": "TCP"}
    keys = {key: item.get(key, defaults.get(key)) for key in schema["x-kubernetes-list-map-keys"]}
    return "k:" + json.dumps(keys, separators=(",", ":"), sort_keys=True)


def fields_of(value: Any, schema: Mapping[str, Any]) -> Tree:
    """Every field of `value`."""
    found = members(value, schema)
    if not found:
        return {}
    return {
        element: ({ITSELF: {}} if element.startswith("k:") else {}) | fields_of(member, below)
        for element, (member, below) in found.items()
    }


def changed(old: Any, new: Any, schema: Mapping[str, Any]) -> Tree | None:
    """The fields of `new` that `old` has not, or has otherwise; None for none, {} where `new` itself is one."""
    if old == new:
        return None
    before, after = members(old, schema), members(new, schema)
    if before is None or after is None or type(old) is not type(new):
        return fields_of(new, schema)
    tree: Tree = {}
    for element, (member, below) in after.items():
        if element not in before:
            tree[element] = ({ITSELF: {}} if element.startswith("k:") else {}) | fields_of(member, below)
        else:
            difference = changed(before[element][0], member, below)
            if difference is not None:
                tree[element] = difference
    return tree or None


def union(a: Tree, b: Tree) -> Tree:
    """Fields of either."""
    return {key: union(a.get(key, {}), b.get(key, {})) for key in (*a, *(k for k in b if k not in a))}


def difference(a: Tree, b: Tree) -> Tree:
    """Fields of `a` without those of `b`; an inner node left empty goes too."""
    kept: Tree = {}
    for key, below in a.items():
        if key not in b:
            kept[key] = below
        elif below and b[key]:
            rest = difference(below, b[key])
            if rest:
                kept[key] = rest
    return kept


def intersection(a: Tree, b: Tree) -> Tree:
    """Fields of both: a leaf of one covers what the other has below it."""
    common: Tree = {}
    for key in a.keys() & b.keys():
        if not a[key] or not b[key]:
            common[key] = a[key] or b[key]
        else:
            below = intersection(a[key], b[key])
            if below:
                common[key] = below
    return common


def leaves(tree: Tree, prefix: str = "") -> Iterator[str]:
    """The leaves as dotted paths: .spec.template.spec.containers[name="web"].image."""
    for element, below in tree.items():
        kind, _, name = element.partition(":")
        if element == ITSELF:
            continue
        if kind == "k":
            keys = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(name).items())
            path = f"{prefix}[{keys}]"
        else:
            path = f"{prefix}.{name}" if kind == "f" else f"{prefix}[={name}]"
        if below.keys() - {ITSELF}:
            yield from leaves(below, path)
        else:
            yield path


def prune(tree: Tree, value: Any, schema: Mapping[str, Any]) -> Tree:
    """The fields of `tree` that `value` still has."""
    found = members(value, schema)
    if found is None:
        return {}
    return {
        element: prune(below, *found[element]) if element != ITSELF else {}
        for element, below in tree.items()
        if element == ITSELF or element in found
    }


def without(value: Any, tree: Tree, schema: Mapping[str, Any]) -> Any:
    """`value` without the fields of `tree`; containers emptied by that go too."""
    found = members(value, schema)
    if found is None:
        return value
    kept = []
    for element, (member, below) in found.items():
        if element not in tree:
            kept.append((element, member))
        elif ITSELF not in tree[element] and tree[element]:
            rest = without(member, tree[element], below)
            if rest not in ({}, []):
                kept.append((element, rest))
    if isinstance(value, list):
        return [member for _, member in kept]
    return {element.partition(":")[2]: member for element, member in kept}


def merge(live: Any, applied: Any, schema: Mapping[str, Any]) -> Any:
    """`live` with everything `applied` says; associative lists are merged by key, live order first."""
    after = members(applied, schema)
    before = members(live, schema)
    if before is None or after is None or type(live) is not type(applied):
        return applied
    merged = {element: member for element, (member, _) in before.items()}
    for element, (member, below) in after.items():
        merged[element] = merge(merged[element], member, below) if element in merged else member
    if isinstance(applied, list):
        return list(merged.values())
    return {element.partition(":")[2]: member for element, member in merged.items()}

"""From pydantic's JSON Schema to a structural OpenAPI v3 schema as a CustomResourceDefinition wants it.

References are put in place, `null` alternatives and titles go, exclusive bounds become flags (OpenAPI 3.0),
and each description ends with the default and an example, so that `kubectl explain` shows them.
"""

import json
from collections.abc import Mapping
from typing import Any

from .rules import Model

Schema = dict[str, Any]
DROPPED = ("title", "additionalProperties", "examples", "$defs")
ORDER = ("description", "type", "format", "default", "required", "properties")


def structural(model: type[Model]) -> Schema:
    """Return the structural schema of a model, validation side, camelCase names."""
    described = model.model_json_schema(by_alias=True)
    return _structural(described, described.get("$defs", {}))


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any], *, required: bool = False) -> Schema:
    merged = _in_place(node, definitions)
    schema = {key: value for key, value in merged.items() if key not in DROPPED}
    if "properties" in schema:
        schema["properties"] = {
            name: _structural(child, definitions, required=name in schema.get("required", ()))
            for name, child in schema["properties"].items()
        }
    if "items" in schema:
        schema["items"] = _structural(schema["items"], definitions)
    for bound in ("Minimum", "Maximum"):
        if (value := schema.pop(f"exclusive{bound}", None)) is not None:
            schema |= {bound.lower(): value, f"exclusive{bound}": True}
    if schema.get("type") == "integer":
        schema.setdefault("format", "int32")
    if schema.get("default", ...) is None:
        del schema["default"]
    if "description" in schema:
        schema["description"] = _told(schema, merged.get("examples", ()), required=required)
    return {key: schema[key] for key in sorted(schema, key=_place)}


def _place(key: str) -> tuple[int, str]:
    return (ORDER.index(key), "") if key in ORDER else (len(ORDER), key)


def _in_place(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Put a reference or the non-null alternative in place; what stands beside it wins."""
    merged = dict(node)
    if "anyOf" in merged:
        (alternative,) = [option for option in merged.pop("anyOf") if option != {"type": "null"}]
        merged = {**_in_place(alternative, definitions), **merged}
    if "$ref" in merged:
        target = definitions[merged.pop("$ref").rpartition("/")[2]]
        rules = "x-kubernetes-validations"
        both = [*target.get(rules, ()), *merged.get(rules, ())]
        merged = {**_in_place(target, definitions), **merged} | ({rules: both} if both else {})
    return merged


def _told(schema: Schema, examples: Any, *, required: bool) -> str:
    text = " ".join(str(schema["description"]).split())
    if required:
        text += " Required."
    if schema.get("default") not in (None, {}, ""):
        text += f" Default: {_plain(schema['default'])}."
    if examples:
        text += f" Example: {_plain(examples[0])}."
    return text


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")

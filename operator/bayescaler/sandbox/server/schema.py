"""Structural schemas: pruning, defaulting and validation of objects, in the API server's own words."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from .errors import FieldError, Json
from .rules import Rules, go_duration

_ENVELOPE = ("apiVersion", "kind", "metadata")
_BLOCKING = frozenset(
    {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"}
)
_UNCHECKED = FieldError(
    "",
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)
_formats = FormatChecker(formats=())


@_formats.checks("duration", raises=ValueError)
def _is_duration(value: object) -> bool:
    return not isinstance(value, str) or go_duration(value) is not None


@_formats.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class StructuralSchema:
    """One version's schema. `custom` schemas leave metadata alone and know null; built-in ones read null as absent."""

    def __init__(self, schema: Json, *, custom: bool) -> None:
        self.schema = schema
        self.custom = custom
        self._validator = _Validator(schema, format_checker=_formats)
        self._rules = Rules(schema) if custom else None

    def conform(self, obj: Json) -> tuple[Json, list[str]]:
        """Return a copy with defaults set and unknown fields dropped, and the paths of what was dropped."""
        unknown: list[str] = []
        if not self.custom:
            return self._conform(obj, self.schema, "", unknown), unknown
        body = {key: value for key, value in obj.items() if key not in _ENVELOPE}
        envelope = {key: obj[key] for key in _ENVELOPE if key in obj}
        return envelope | self._conform(body, _without_envelope(self.schema), "", unknown), unknown

    def _conform(self, value: Any, schema: Mapping[str, Any], path: str, unknown: list[str]) -> Any:
        if isinstance(value, list):
            items = schema.get("items")
            if not isinstance(items, dict):
                return value
            return [self._conform(item, items, f"{path}[{i}]", unknown) for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        properties: Json = schema.get("properties", {})
        known: Json = {}
        for key, member in value.items():
            below = properties.get(key, schema.get("additionalProperties"))
            at = f"{path}.{key}" if path else key
            if isinstance(below, dict):
                if member is not None or (self.custom and ("default" not in below or below.get("nullable"))):
                    known[key] = self._conform(member, below, at, unknown)
            elif below is True or _keeps(schema, key):
                known[key] = member
            else:
                unknown.append(at)
        for key, below in properties.items():
            if key not in known and "default" in below:
                known[key] = self._conform(below["default"], below, f"{path}.{key}", unknown)
        return known

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        """The faults of `obj`; those of values that `old` already had are let pass, as the API server ratchets."""
        body = {key: value for key, value in obj.items() if not self.custom or key != "metadata"}
        validator = (
            self._validator if old is None else self._validator.evolve(schema=_of_change(self.schema, body, old))
        )
        errors = [
            _phrase(error)
            for error in sorted(validator.iter_errors(body), key=lambda e: [str(p) for p in e.path])
            if old is None or not _same(error.absolute_path, obj, old)
        ]
        if self._rules is None:
            return errors
        if any(error.type in _BLOCKING for error in errors):
            return [*errors, _UNCHECKED]
        return errors + self._rules.check(obj, old)


def _of_change(schema: Json, new: Json, old: Json) -> Json:
    """A schema without what it says of members that are as they were: their faults would be let pass, at some cost."""
    kept = {}
    for key, below in schema.get("properties", {}).items():
        value, before = new.get(key), old.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and value != before:
            kept[key] = _of_change(below, value, before)
        elif key in new and (key not in old or value != before):
            kept[key] = below
    return {**schema, "properties": kept}


def _without_envelope(schema: Json) -> Json:
    properties = {key: value for key, value in schema.get("properties", {}).items() if key not in _ENVELOPE}
    return {**schema, "properties": properties}


def _keeps(schema: Mapping[str, Any], key: str) -> bool:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    return bool(schema.get("x-kubernetes-embedded-resource")) and key in _ENVELOPE


def _same(path: Sequence[str | int], obj: Json, old: Json) -> bool:
    new_value: Any = obj
    old_value: Any = old
    for step in path:
        try:
            new_value, old_value = new_value[step], old_value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return bool(new_value == old_value)


def _check_type(validator: Any, types: Any, instance: Any, schema: Json) -> Iterator[ValidationError]:
    if instance is None and schema.get("nullable"):
        return
    yield from Draft4Validator.VALIDATORS["type"](validator, types, instance, schema)


def _check_int_or_string(_: Any, wanted: Any, instance: Any, schema: Json) -> Iterator[ValidationError]:
    allowed = isinstance(instance, int | str) and not isinstance(instance, bool)
    if wanted and not allowed and not (instance is None and schema.get("nullable")):
        yield ValidationError("not an integer or a string")


def _check_list_type(_: Any, list_type: str, instance: Any, schema: Json) -> Iterator[ValidationError]:
    if not isinstance(instance, list) or list_type == "atomic":
        return
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: set[str] = set()
    for index, item in enumerate(instance):
        identity = {key: item.get(key) for key in keys} if list_type == "map" and isinstance(item, dict) else item
        text = json.dumps(identity, sort_keys=True)
        if text in seen:
            yield ValidationError("duplicate", path=(index,), instance=identity)
        seen.add(text)


_Validator: Any = extend(  # type: ignore[no-untyped-call]  # jsonschema leaves it untyped
    Draft4Validator,
    {
        "type": _check_type,
        "x-kubernetes-int-or-string": _check_int_or_string,
        "x-kubernetes-list-type": _check_list_type,
    },
)


def field_path(steps: Sequence[str | int]) -> str:
    """`spec.schedules[1].name`."""
    return re.sub(r"^\.", "", "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps))


def shown(value: Any) -> str:
    """A value as field.Error shows it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _type_name(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


_INVALID, _TYPE = "FieldValueInvalid", "FieldValueTypeInvalid"
_IN_BODY = "Invalid value: {value}: {path} in body "
# Keyword -> type of the field error, and its words.
_PHRASES: dict[str, tuple[str, str]] = {
    "type": (_TYPE, "Invalid value: {got}: {path} in body must be of type {limit}: {got}"),
    "x-kubernetes-int-or-string": (_TYPE, "Invalid value: {got}: {path} in body must be of type integer,string: {got}"),
    "format": (_TYPE, _IN_BODY + "must be of type {limit}: {value}"),
    "enum": ("FieldValueNotSupported", "Unsupported value: {value}: supported values: {allowed}"),
    "minimum": (_INVALID, _IN_BODY + "should be greater than {above}{limit}"),
    "maximum": (_INVALID, _IN_BODY + "should be less than {below}{limit}"),
    "multipleOf": (_INVALID, _IN_BODY + "should be a multiple of {limit}"),
    "minLength": (_INVALID, _IN_BODY + "should be at least {limit} chars long"),
    "maxLength": ("FieldValueTooLong", "Too long: may not be more than {limit} bytes"),
    "pattern": (_INVALID, _IN_BODY + "should match '{limit}'"),
    "minItems": (_INVALID, "Invalid value: {size}: {path} in body should have at least {limit} items"),
    "maxItems": ("FieldValueTooMany", "Too many: {size}: must have at most {limit} items"),
    "maxProperties": ("FieldValueTooMany", "Too many: {size}: must have at most {limit} items"),
    "minProperties": (_INVALID, _IN_BODY + "should have at least {limit} properties"),
    "x-kubernetes-list-type": ("FieldValueDuplicate", "Duplicate value: {value}"),
    "oneOf": (_INVALID, _IN_BODY + "must validate one and only one schema (oneOf)"),
    "anyOf": (_INVALID, _IN_BODY + "must validate at least one schema (anyOf)"),
    "allOf": (_INVALID, _IN_BODY + "must validate all the schemas (allOf)"),
    "not": (_INVALID, _IN_BODY + "must not validate the schema (not)"),
}


def _phrase(error: ValidationError) -> FieldError:
    path = field_path(error.absolute_path)
    if error.validator == "required":
        missing = error.message.split("'")[1]
        return FieldError(f"{path}.{missing}" if path else missing, "FieldValueRequired", "Required value")
    kind, words = _PHRASES[str(error.validator)]
    limit: Any = error.validator_value
    schema: Json = error.schema if isinstance(error.schema, dict) else {}
    value: Any = error.instance
    said = words.format(
        path=path,
        limit=limit[0] if isinstance(limit, list) and limit else limit,
        value=shown(value),
        got=shown(_type_name(value)),
        allowed=", ".join(map(shown, limit)) if error.validator == "enum" else "",
        size=len(value) if isinstance(value, list | dict) else 0,
        above="" if schema.get("exclusiveMinimum") else "or equal to ",
        below="" if schema.get("exclusiveMaximum") else "or equal to ",
    )
    return FieldError(path, kind, said)

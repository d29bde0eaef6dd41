"""CEL: the `x-kubernetes-validations` of a schema, compiled once and evaluated on each write.

The values a rule sees carry the types their schema gives them (`format: duration` is a duration, `type: number` a
double), as in the API server.
"""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

import cel
from cel.stdlib import add_stdlib_to_context

from .errors import FieldError, Json

_REASONS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueDuplicate": "Duplicate value",
}
_DURATION = re.compile(r"([0-9]*\.?[0-9]+)\s*([a-zµ]+)")
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
    "wk": 604800.0,
}
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?$")


def go_duration(text: str) -> timedelta | None:
    """A duration as strfmt reads it (Go's units, days and weeks), or None."""
    body = text.strip().lstrip("+-")
    matches = _DURATION.findall(body)
    if not matches or _DURATION.sub("", body).strip():
        return None
    seconds = 0.0
    for number, unit in matches:
        scale = _UNITS.get(unit, _UNITS.get(unit.rstrip("s")))
        if scale is None:
            return None
        seconds += float(number) * scale
    return timedelta(seconds=-seconds if text.strip().startswith("-") else seconds)


def quantity(text: object) -> Decimal:
    """The value of a Kubernetes quantity; raises ValueError on what is none."""
    match = _QUANTITY.match(str(text))
    if not match:
        raise ValueError(f"{text!r} is not a quantity; write a number with an optional suffix such as 500m or 2Gi")
    try:
        return Decimal(match.group(1)) * _SUFFIXES[match.group(2) or ""]
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a quantity") from error


def _is_quantity(text: object) -> bool:
    try:
        quantity(text)
    except ValueError:
        return False
    return True


# Quantities live in CEL as doubles: the binding carries no foreign types, and limits compare well within 2**53.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "quantity": lambda text: float(quantity(text)),
    "isQuantity": _is_quantity,
    "compareTo": lambda a, b: (a > b) - (a < b),
    "isGreaterThan": lambda a, b: a > b,
    "isLessThan": lambda a, b: a < b,
    "asApproximateFloat": float,
    "asInteger": int,
    "isInteger": lambda a: float(a).is_integer(),
    "sign": lambda a: (a > 0) - (a < 0),
    "isSorted": lambda items: all(a <= b for a, b in pairwise(items)),
    "sum": sum,
    "min": min,
    "max": max,
    "find": lambda text, pattern: (re.search(pattern, text) or [""])[0],
    "findAll": lambda text, pattern: [match.group(0) for match in re.finditer(pattern, text)],
}


@dataclass(frozen=True, slots=True)
class _Rule:
    text: str
    program: cel.Program
    message: str
    message_program: cel.Program | None
    reason: str
    field: str
    is_transition: bool
    old_is_optional: bool


class Rules:
    """All rules of one schema; `errors` lists those that do not compile."""

    def __init__(self, schema: Json) -> None:
        self.errors: list[FieldError] = []
        self._rules: dict[int, list[_Rule]] = {}
        self._has_below: dict[int, bool] = {}
        self._schema = schema
        self._context = cel.Context()
        add_stdlib_to_context(self._context)
        for name, function in _FUNCTIONS.items():
            self._context.add_function(name, function)
        self._compile(schema, "openAPIV3Schema")

    def _compile(self, schema: Json, path: str) -> bool:
        rules = []
        for index, raw in enumerate(schema.get("x-kubernetes-validations", ())):
            try:
                rules.append(_compiled(raw))
            except ValueError as error:
                self.errors.append(
                    FieldError(
                        f"{path}.x-kubernetes-validations[{index}].rule",
                        "FieldValueInvalid",
                        f"Invalid value: {json.dumps(raw.get('rule'))}: compilation failed: {error}",
                    )
                )
        self._rules[id(schema)] = rules
        below = [self._compile(child, f"{path}.{name}") for name, child in _children(schema)]
        self._has_below[id(schema)] = bool(rules) or any(below)
        return self._has_below[id(schema)]

    def check(self, obj: Json, old: Json | None) -> list[FieldError]:
        """Evaluate every rule that applies to `obj`, transition rules where `old` has the value too."""
        return list(self._check(self._schema, obj, old, ""))

    def _check(self, schema: Json, value: Any, old: Any, path: str) -> Iterator[FieldError]:
        if value is None or not self._has_below[id(schema)]:
            return
        for rule in self._rules[id(schema)]:
            error = self._evaluate(rule, schema, value, old, path)
            if error is not None:
                yield error
        if isinstance(value, dict):
            for key, child in schema.get("properties", {}).items():
                if key in value:
                    before = old.get(key) if isinstance(old, dict) else None
                    yield from self._check(child, value[key], before, f"{path}.{key}" if path else key)
            additional = schema.get("additionalProperties")
            if isinstance(additional, dict):
                for key in value.keys() - schema.get("properties", {}).keys():
                    before = old.get(key) if isinstance(old, dict) else None
                    yield from self._check(additional, value[key], before, f"{path}[{key}]")
        elif isinstance(value, list) and isinstance(schema.get("items"), dict):
            known = _by_key(schema, old)
            for index, item in enumerate(value):
                yield from self._check(schema["items"], item, known.get(_identity(schema, item)), f"{path}[{index}]")

    def _evaluate(self, rule: _Rule, schema: Json, value: Any, old: Any, path: str) -> FieldError | None:
        if rule.is_transition and old is None and not rule.old_is_optional:
            return None
        if not rule.is_transition and old is not None and value == old:
            return None  # ratcheting: an unchanged value is let pass
        self._context.add_variable("self", typed(value, schema))
        if rule.is_transition:
            before = typed(old, schema) if old is not None else None
            optional = cel.OptionalValue.none() if old is None else cel.OptionalValue.of(before)
            self._context.add_variable("oldSelf", optional if rule.old_is_optional else before)
        at = path + rule.field
        try:
            if rule.program.execute(self._context) is True:
                return None
            message = str(rule.message_program.execute(self._context)) if rule.message_program else rule.message
        except Exception as error:  # noqa: BLE001 - whatever a rule raises is the answer to the object, as in the API server
            return FieldError(
                at, "FieldValueInvalid", f"{_invalid(value)}{_told(error)} evaluating rule: {rule.message}"
            )
        if rule.reason == "FieldValueInvalid":
            return FieldError(at.lstrip("."), rule.reason, f"{_invalid(value)}{message}")
        return FieldError(at.lstrip("."), rule.reason, f"{_REASONS[rule.reason]}: {message}")


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    return str(error).split("\n", maxsplit=1)[0].split(". ", maxsplit=1)[0]


def _invalid(value: Any) -> str:
    if isinstance(value, dict | list):
        return "Invalid value: "
    return f"Invalid value: {json.dumps(value, ensure_ascii=False)}: "


def _compiled(raw: Json) -> _Rule:
    text = raw["rule"]
    program = cel.compile(text)
    expression = raw.get("messageExpression")
    return _Rule(
        text,
        program,
        raw.get("message") or f"failed rule: {text}",
        cel.compile(expression) if expression else None,
        raw.get("reason", "FieldValueInvalid"),
        raw.get("fieldPath", ""),
        "oldSelf" in program.variables(),
        bool(raw.get("optionalOldSelf")),
    )


def _children(schema: Json) -> Iterator[tuple[str, Json]]:
    for name, child in schema.get("properties", {}).items():
        yield f"properties[{name}]", child
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield name, schema[name]


def _identity(schema: Json, item: Any) -> str:
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(item, dict):
        return ""
    return json.dumps([item.get(key) for key in schema.get("x-kubernetes-list-map-keys", ())])


def _by_key(schema: Json, old: Any) -> dict[str, Any]:
    if not isinstance(old, list) or schema.get("x-kubernetes-list-type") != "map":
        return {}
    return {_identity(schema, item): item for item in old}


def typed(value: Any, schema: Json) -> Any:
    """`value` with the CEL types its schema gives."""
    if isinstance(value, dict):
        properties, additional = schema.get("properties", {}), schema.get("additionalProperties")
        fallback = additional if isinstance(additional, dict) else {}
        return {
            (_escaped(key) if key in properties else key): typed(member, properties.get(key, fallback))
            for key, member in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items")
        return [typed(item, items if isinstance(items, dict) else {}) for item in value]
    if isinstance(value, str):
        return _typed_text(value, schema.get("format"))
    if schema.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _typed_text(value: str, text_format: str | None) -> Any:
    if text_format == "duration":
        return go_duration(value)
    if text_format == "date-time":
        return datetime.fromisoformat(value)
    if text_format == "byte":
        return b64decode(value)
    return value


def _escaped(name: str) -> str:
    return (
        name.replace("__", "__underscores__").replace(".", "__dot__").replace("-", "__dash__").replace("/", "__slash__")
    )

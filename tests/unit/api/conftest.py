"""What an API server does with an object under our CRD: defaults, schema, CEL; enough for these tests."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import cel
import jsonschema
import pytest

from bayescaler.api import crd

FORMATS = jsonschema.FormatChecker(formats=())
UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.fixture
def schema() -> dict[str, Any]:
    (version,) = crd()["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


@pytest.fixture
def defaulted(schema) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        return _defaulted(schema, copy.deepcopy(value))

    return apply


@pytest.fixture
def refusals(schema) -> Callable[..., list[str]]:
    """Return `path: message` of every refusal of an object, after defaulting, as admission would."""

    def admit(obj: Any, old: Any = None) -> list[str]:
        obj = _defaulted(schema, copy.deepcopy(obj))
        errors = jsonschema.Draft4Validator(schema).iter_errors(obj)
        found = [f"{_path(error)}: {error.message}" for error in errors]
        return found or list(_broken(schema, obj, old, ""))

    return admit


def _path(error: jsonschema.ValidationError) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")


def _defaulted(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if "default" in child and value.get(name) is None:
                value[name] = copy.deepcopy(child["default"])
            if name in value:
                value[name] = _defaulted(child, value[name])
    if isinstance(value, list) and "items" in schema:
        return [_defaulted(schema["items"], item) for item in value]
    return value


def _native(schema: dict[str, Any], value: Any) -> Any:
    if schema.get("format") == "duration":
        return timedelta(seconds=sum(int(n) * UNITS[u] for n, u in re.findall(r"(\d+)(\w)", value)))
    if isinstance(value, dict):
        return {name: _native(schema.get("properties", {}).get(name, {}), item) for name, item in value.items()}
    if isinstance(value, list):
        return [_native(schema.get("items", {}), item) for item in value]
    return value


def _broken(schema: dict[str, Any], value: Any, old: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        names = {"self": _native(schema, value)}
        if "oldSelf" in rule["rule"]:
            if old is None:
                continue
            names["oldSelf"] = _native(schema, old)
        if cel.evaluate(rule["rule"], names) is not True:
            yield f"{path}{rule.get('fieldPath', '')}: {rule['message']}"
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                before = old.get(name) if isinstance(old, dict) else None
                yield from _broken(child, value[name], before, f"{path}.{name}".lstrip("."))
    if isinstance(value, list):
        for index, item in enumerate(value):  # an atomic list has no old items
            yield from _broken(schema.get("items", {}), item, None, f"{path}[{index}]")

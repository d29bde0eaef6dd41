"""CustomResourceDefinitions: what is refused, what is filled in, and the kinds that an accepted one serves."""

from collections.abc import Iterator
from typing import Any

from .columns import custom_columns, json_path
from .errors import FieldError, Json
from .kinds import Kind, Path, ScalePaths
from .rules import Rules

_NO_SCHEMA: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def fill(crd: Json, now: str) -> Json:
    """Names defaulted, and the status of an accepted definition."""
    spec = crd["spec"]
    names = {"singular": spec["names"]["kind"].lower(), "listKind": spec["names"]["kind"] + "List", **spec["names"]}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [version["name"] for version in spec["versions"] if version["storage"]]
    status = {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}
    return {
        **crd,
        "spec": {"conversion": {"strategy": "None"}, **spec, "names": names},
        "status": crd.get("status") or status,
    }


def check(crd: Json) -> list[FieldError]:
    """The faults of a definition."""
    spec, name = crd["spec"], crd["metadata"]["name"]
    errors = []
    if name != f"{spec['names']['plural']}.{spec['group']}":
        errors.append(
            FieldError(
                "metadata.name",
                "FieldValueInvalid",
                f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group',
            )
        )
    if spec["scope"] not in {"Namespaced", "Cluster"}:
        errors.append(
            FieldError(
                "spec.scope",
                "FieldValueNotSupported",
                f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"',
            )
        )
    if sum(bool(version["storage"]) for version in spec["versions"]) != 1:
        errors.append(
            FieldError(
                "spec.versions",
                "FieldValueInvalid",
                "Invalid value: must have exactly one version marked as storage version",
            )
        )
    for index, version in enumerate(spec["versions"]):
        errors += _version_errors(version, f"spec.versions[{index}]")
    return errors


def _version_errors(version: Json, path: str) -> Iterator[FieldError]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        yield FieldError(f"{path}.schema.openAPIV3Schema", "FieldValueRequired", "Required value: schemas are required")
        return
    yield from _structural_errors(schema, f"{path}.schema.openAPIV3Schema")
    for error in Rules(schema).errors:
        yield FieldError(f"{path}.schema.{error.path}", error.type, error.message)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            json_path(column["jsonPath"])
        except ValueError as error:
            yield FieldError(
                f"{path}.additionalPrinterColumns[{index}].jsonPath", "FieldValueInvalid", f"Invalid value: {error}"
            )


def _structural_errors(schema: Json, path: str) -> Iterator[FieldError]:
    typeless = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not typeless:
        yield FieldError(
            f"{path}.type", "FieldValueRequired", "Required value: must not be empty for specified object fields"
        )
    if schema.get("type") == "array" and "items" not in schema:
        yield FieldError(f"{path}.items", "FieldValueRequired", "Required value: must be specified")
    if schema.get("properties") and isinstance(schema.get("additionalProperties"), dict):
        yield FieldError(
            f"{path}.additionalProperties",
            "FieldValueForbidden",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        )
    for name, below in schema.get("properties", {}).items():
        yield from _structural_errors(below, f"{path}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _structural_errors(schema[name], f"{path}.{name}")


def kinds_of(crd: Json) -> Iterator[Kind]:
    """The kinds that the served versions of an accepted definition make."""
    spec = crd["spec"]
    stored = next(version["name"] for version in spec["versions"] if version["storage"])
    for version in spec["versions"]:
        if version["served"]:
            yield _kind_of(spec, version, stored)


def _kind_of(spec: Json, version: Json, stored: str) -> Kind:
    names, subresources = spec["names"], version.get("subresources") or {}
    return Kind(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        spec["scope"] == "Namespaced",
        tuple(names.get("shortNames") or ()),
        tuple(names.get("categories") or ()),
        singular=names["singular"],
        columns=custom_columns(version.get("additionalPrinterColumns") or []),
        scale=_scale(subresources.get("scale")),
        has_status="status" in subresources,
        counts_generations=True,
        unconditional_update=False,
        selectable=tuple(field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()),
        custom_schema=(version.get("schema") or {}).get("openAPIV3Schema") or _NO_SCHEMA,
        stored_version=stored,
        custom=True,
    )


def _scale(declared: Any) -> ScalePaths | None:
    if declared is None:
        return None
    selector = declared.get("labelSelectorPath")
    return ScalePaths(
        _path(declared["specReplicasPath"]),
        _path(declared["statusReplicasPath"]),
        _path(selector) if selector else None,
    )


def _path(text: str) -> Path:
    return tuple(text.strip(".").split("."))

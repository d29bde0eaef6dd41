"""What must hold of a body before its kind's own rules: kind, namespace, name, the types of its metadata."""

import re

from .errors import FieldError, Json, bad_request, invalid_field
from .kinds import Kind

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LOOSELY_NAMED = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


def enveloped(kind: Kind, namespace: str, obj: Json) -> Json:
    """`obj` with apiVersion, kind and namespace filled in (metadata is a copy); raises where they say else."""
    if not isinstance(obj, dict) or not isinstance(obj.get("metadata", {}), dict):
        raise bad_request(f"the request body must be a {kind.kind} object")
    _check_type(kind, obj)
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if value is not None}
    if kind.namespaced and metadata.setdefault("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    for name in ("labels", "annotations"):
        values = metadata.get(name, {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise bad_request(
                f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: cannot unmarshal '
                f"into Go struct field ObjectMeta.metadata.{name} of type string"
            )
    return {"apiVersion": kind.api_version, "kind": kind.kind, **obj, "metadata": metadata}


def _check_type(kind: Kind, obj: Json) -> None:
    api_version, name = obj.get("apiVersion", kind.api_version), obj.get("kind", kind.kind)
    if api_version != kind.api_version:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"
        )
    if name == kind.kind:
        return
    if kind.custom:
        error = FieldError("kind", "FieldValueInvalid", f'Invalid value: "{name}": must be {kind.kind}')
        raise invalid_field(name, kind.group, str(obj.get("metadata", {}).get("name", "")), error)
    raise bad_request(
        f'{name} in version "{kind.version}" cannot be handled as a {kind.kind}: converting ({api_version}.{name}) to '
        f"({kind.api_version}.{kind.kind}): unknown conversion"
    )


def checked_name(kind: Kind, metadata: Json) -> str:
    """The name, or 422 where it is missing or no DNS name."""
    name = str(metadata.get("name") or "")
    if not name:
        why = "Required value: name or generateName is required"
        raise invalid_field(kind.kind, kind.group, "", FieldError("metadata.name", "FieldValueRequired", why))
    if not _NAME.match(name) and kind.kind not in _LOOSELY_NAMED:
        why = f'Invalid value: "{name}": {_NAME_RULE}'
        raise invalid_field(kind.kind, kind.group, name, FieldError("metadata.name", "FieldValueInvalid", why))
    return name

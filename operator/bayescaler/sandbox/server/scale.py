"""The scale subresource: an object seen as autoscaling/v1 Scale, and a Scale written back into its object."""

from typing import Any

from .columns import dig
from .errors import FieldError, Json, StatusError, conflict, invalid, uid_mismatch
from .kinds import Kind, Path, ScalePaths
from .selectors import selector_text

_SHOWN_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def _paths(kind: Kind) -> ScalePaths:
    if kind.scale is None:
        raise TypeError(f"{kind.kind} has no scale subresource")
    return kind.scale


def read(kind: Kind, obj: Json, *, for_update: bool = False) -> Json:
    """The Scale of `obj`. A zero is left out of spec, as omitempty does; absent replicas of a custom kind are a 500."""
    paths = _paths(kind)
    replicas = dig(obj, *paths.spec_replicas)
    if replicas is None and kind.custom and not for_update:
        raise StatusError(
            500,
            "InternalError",
            f'Internal error occurred: the spec replicas field ".{".".join(paths.spec_replicas)}" does not exist',
        )
    status: Json = {"replicas": dig(obj, *paths.status_replicas, default=0)}
    selector = dig(obj, *paths.selector) if paths.selector else None
    if selector:
        status["selector"] = selector if isinstance(selector, str) else selector_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in _SHOWN_METADATA if key in obj["metadata"]},
        "spec": {"replicas": replicas} if replicas else {},
        "status": status,
    }


def write(kind: Kind, obj: Json, scale: Json) -> Json:
    """`obj` with the replicas of a written Scale, whose resourceVersion becomes the object's precondition."""
    paths = _paths(kind)
    metadata, name = scale.get("metadata") or {}, obj["metadata"]["name"]
    replicas = dig(scale, "spec", "replicas", default=0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise StatusError(
            400,
            "BadRequest",
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal '
            f"{type(replicas).__name__} into Go struct field ScaleSpec.spec.replicas of type int32",
        )
    if replicas < 0:
        raise invalid(
            "Scale",
            "autoscaling",
            name,
            [
                FieldError(
                    "spec.replicas",
                    "FieldValueInvalid",
                    f"Invalid value: {replicas}: must be greater than or equal to 0",
                )
            ],
        )
    uid = metadata.get("uid")
    if paths.checks_uid and uid and uid != obj["metadata"]["uid"]:
        raise conflict(f"{kind.plural}/scale", kind.group, name, uid_mismatch(uid, obj["metadata"]["uid"]))
    version = metadata.get("resourceVersion") or obj["metadata"]["resourceVersion"]
    scaled = _set(obj, paths.spec_replicas, replicas)
    return {**scaled, "metadata": {**obj["metadata"], "resourceVersion": version}}


def applied(kind: Kind, scale: Json) -> Json:
    """An applied Scale as the part of its object that it stands for."""
    own = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": scale["metadata"]}
    replicas = dig(scale, "spec", "replicas")
    return own if replicas is None else dict(_set(own, _paths(kind).spec_replicas, replicas))


def _set(obj: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    below = obj.get(path[0]) if isinstance(obj, dict) else None
    return {**(obj or {}), path[0]: _set(below, path[1:], value)}

"""The few messages that kubectl sends as protobuf: `kubectl create namespace`, `create deployment`, `auth can-i` ...

kubectl's generators speak protobuf only.  The field numbers are those of the API's own .proto files; a message that
sets a field not listed here is refused, never stored in part.
"""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import Json, StatusError

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_STATUS = None  # a status in a body that creates, which the server drops whatever it says


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: Any  # "text" | "bytes" | "number" | "flag" | a message (dict)
    repeated: bool = False
    is_map: bool = False


def _text(name: str) -> _Field:
    return _Field(name, "text")


def _map(name: str, of: str = "text") -> _Field:
    return _Field(name, of, is_map=True)


_Message = dict[int, _Field | None]
_META: _Message = {
    1: _text("name"),
    2: _text("generateName"),
    3: _text("namespace"),
    5: _text("uid"),
    6: _text("resourceVersion"),
    11: _map("labels"),
    12: _map("annotations"),
    14: _Field("finalizers", "text", repeated=True),
}
_META_FIELD = _Field("metadata", _META)
_PORT: _Message = {1: _text("name"), 3: _Field("containerPort", "number"), 4: _text("protocol")}
_CONTAINER: _Message = {
    1: _text("name"),
    2: _text("image"),
    3: _Field("command", "text", repeated=True),
    4: _Field("args", "text", repeated=True),
    6: _Field("ports", _PORT, repeated=True),
    8: _Field("resources", {}),
    14: _text("imagePullPolicy"),
}
_POD_SPEC: _Message = {
    2: _Field("containers", _CONTAINER, repeated=True),
    3: _text("restartPolicy"),
    6: _text("dnsPolicy"),
    8: _text("serviceAccountName"),
    10: _text("nodeName"),
}
_TEMPLATE: _Message = {1: _META_FIELD, 2: _Field("spec", _POD_SPEC)}
_DEPLOYMENT_SPEC: _Message = {
    1: _Field("replicas", "number"),
    2: _Field("selector", {1: _map("matchLabels")}),
    3: _Field("template", _TEMPLATE),
    4: _Field("strategy", {}),
}
_RESOURCE: _Message = {
    1: _text("namespace"),
    2: _text("verb"),
    3: _text("group"),
    4: _text("version"),
    5: _text("resource"),
    6: _text("subresource"),
    7: _text("name"),
}
_ACCESS_SPEC: _Message = {
    1: _Field("resourceAttributes", _RESOURCE),
    2: _Field("nonResourceAttributes", {1: _text("path"), 2: _text("verb")}),
}
_TOKEN_SPEC: _Message = {1: _Field("audiences", "text", repeated=True), 4: _Field("expirationSeconds", "number")}
_REFERENCE: _Message = {1: _text("kind"), 2: _text("name"), 3: _text("apiVersion")}
_AUTOSCALER_SPEC: _Message = {
    1: _Field("scaleTargetRef", _REFERENCE),
    2: _Field("minReplicas", "number"),
    3: _Field("maxReplicas", "number"),
}
_MESSAGES: dict[str, _Message] = {
    "Namespace": {1: _META_FIELD, 2: _STATUS, 3: _STATUS},
    "ConfigMap": {1: _META_FIELD, 2: _map("data"), 3: _map("binaryData", "bytes"), 4: _Field("immutable", "flag")},
    "Secret": {1: _META_FIELD, 2: _map("data", "bytes"), 3: _text("type"), 4: _map("stringData")},
    "ServiceAccount": {1: _META_FIELD},
    "Deployment": {1: _META_FIELD, 2: _Field("spec", _DEPLOYMENT_SPEC), 3: _STATUS},
    "HorizontalPodAutoscaler": {1: _META_FIELD, 2: _Field("spec", _AUTOSCALER_SPEC), 3: _STATUS},
    "SelfSubjectAccessReview": {1: _META_FIELD, 2: _Field("spec", _ACCESS_SPEC), 3: _STATUS},
    "SelfSubjectReview": {1: _META_FIELD, 2: _STATUS},
    "DeleteOptions": {
        1: _Field("gracePeriodSeconds", "number"),
        2: _Field("preconditions", {1: _text("uid"), 2: _text("resourceVersion")}),
        4: _text("propagationPolicy"),
        5: _Field("dryRun", "text", repeated=True),
    },
    "TokenRequest": {1: _META_FIELD, 2: _Field("spec", _TOKEN_SPEC), 3: _STATUS},
}


def decode(body: bytes) -> Json:
    """The object in a protobuf body; 415 for a kind or a field that is not known here."""
    if not body.startswith(_MAGIC):
        raise _refusal("a body that does not start as Kubernetes' protobuf does")
    envelope = dict(_fields(body[len(_MAGIC) :]))
    about = {number: value.decode() for number, value in _fields(envelope[1])}
    kind = about.get(2, "")
    if kind not in _MESSAGES:
        raise _refusal(f"protobuf of kind {kind!r}")
    return {"apiVersion": about.get(1, ""), "kind": kind, **_message(envelope.get(2, b""), _MESSAGES[kind], kind)}


def _refusal(what: str) -> StatusError:
    return StatusError(
        415,
        "UnsupportedMediaType",
        f"the sandbox cannot read {what}; send JSON: kubectl create ... --dry-run=client -o json | kubectl apply -f -",
    )


def _message(data: bytes, fields: _Message, path: str) -> Json:
    made: Json = {}
    for number, raw in _fields(data):
        if number not in fields:
            if not raw:
                continue  # Go writes zeros too
            raise _refusal(f"field {number} of {path} in protobuf")
        field = fields[number]
        if field is None:
            continue
        if field.is_map:
            pair = dict(_fields(raw))
            made.setdefault(field.name, {})[pair.get(1, b"").decode()] = _value(pair.get(2, b""), field, path)
        elif field.repeated:
            made.setdefault(field.name, []).append(_value(raw, field, path))
        else:
            value = _value(raw, field, path)
            if value != "":
                made[field.name] = value
    return made


def _value(raw: Any, field: _Field, path: str) -> Any:
    if isinstance(field.type, dict):
        return _message(raw, field.type, f"{path}.{field.name}")
    if field.type == "text":
        return raw.decode()
    if field.type == "bytes":
        return base64.b64encode(raw).decode()
    return bool(raw) if field.type == "flag" else raw


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and raw values of one message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif wire == _BYTES:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        elif wire in {_FIXED64, _FIXED32}:
            size = 8 if wire == _FIXED64 else 4
            yield number, struct.unpack("<q" if size == 8 else "<i", data[at : at + size])[0]
            at += size
        else:
            raise _refusal(f"wire type {wire} in protobuf")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result, at
        shift += 7

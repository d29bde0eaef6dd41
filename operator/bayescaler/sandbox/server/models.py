"""OpenAPI schemas of the built-in kinds, derived from the models of the `kubernetes` client library."""

import re
from functools import cache

from kubernetes.aio.client import models

from .errors import Json

_CONTAINER = re.compile(r"^(List|Dict)\[(?:str, )?(.+)\]$")
_SCALARS: dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "bytes": {"type": "string", "format": "byte"},
    "datetime": {"type": "string"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}
# The models call every quantity a string; the API takes numbers for them too.
_QUANTITY: Json = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_QUANTITY_FIELDS = frozenset(
    {
        "limits",
        "requests",
        "capacity",
        "allocatable",
        "hard",
        "used",
        "overhead",
        "averageValue",
        "value",
        "sizeLimit",
        "divisor",
    }
)
_OPAQUE = frozenset({"V1JSONSchemaProps", "V1FieldsV1"})  # recursive, or any JSON

# Lists that are merged by key: the patchMergeKey of the API types, by model and field.
MERGE_KEYS: dict[str, dict[str, str]] = {
    "V1PodSpec": {
        "containers": "name",
        "initContainers": "name",
        "ephemeralContainers": "name",
        "volumes": "name",
        "imagePullSecrets": "name",
        "hostAliases": "ip",
        "topologySpreadConstraints": "topologyKey",
        "resourceClaims": "name",
        "schedulingGates": "name",
    },
    "V1Container": {
        "env": "name",
        "ports": "containerPort",
        "volumeMounts": "mountPath",
        "volumeDevices": "devicePath",
    },
    "V1ServiceSpec": {"ports": "port"},
    "V1ServiceAccount": {"secrets": "name"},
    "V1ObjectMeta": {"ownerReferences": "uid"},
    **{
        f"{kind}Status": {"conditions": "type"}
        for kind in (
            "V1Deployment",
            "V1StatefulSet",
            "V1ReplicaSet",
            "V1Pod",
            "V1Node",
            "V1Namespace",
            "V1Service",
            "V2HorizontalPodAutoscaler",
            "V1CustomResourceDefinition",
            "V1FlowSchema",
            "V1PodDisruptionBudget",
        )
    },
}
# Where the merge key is not what identifies an item for server-side apply.
_LIST_MAP_KEYS = {"containerPort": ["containerPort", "protocol"], "port": ["port", "protocol"]}
_MERGED_SETS = {"V1ObjectMeta": ("finalizers",)}


@cache
def schema(name: str) -> Json:
    """The structural schema of model `name`, nested models in place (shared, not copied); treat it as frozen."""
    model = getattr(models, name)  # the package imports a model when it is first asked for
    properties: Json = {}
    required: list[str] = []
    for attribute, type_text in model.openapi_types.items():
        field, key = model.model_fields.get(attribute), model.attribute_map[attribute]
        properties[key] = dict(_typed(type_text, quantity=key in _QUANTITY_FIELDS))
        if field is not None and field.description:
            properties[key]["description"] = field.description
        if field is not None and field.is_required() and not name.endswith("Status"):  # zeros may be left out there
            required.append(key)
    for key, merge_key in MERGE_KEYS.get(name, {}).items():
        if key in properties:
            properties[key] |= {
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": merge_key,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": _LIST_MAP_KEYS.get(merge_key, [merge_key]),
            }
    for key in _MERGED_SETS.get(name, ()):
        properties[key] |= {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-list-type": "set"}
    described = (model.__doc__ or "").split("Attributes:")[0].strip()
    return {"type": "object", "description": described, "properties": properties} | (
        {"required": required} if required else {}
    )


def _typed(text: str, *, quantity: bool) -> Json:
    if text in _SCALARS:
        return _QUANTITY if quantity and text == "str" else _SCALARS[text]
    if container := _CONTAINER.match(text):
        inner = _typed(container.group(2), quantity=quantity)
        if container.group(1) == "List":
            return {"type": "array", "items": inner, "x-kubernetes-list-type": "atomic"}
        return {"type": "object", "additionalProperties": inner}
    if text in _OPAQUE:
        return _SCALARS["object"]
    return schema(text)

"""/openapi/v3: one document a group version, enough for `kubectl explain` and for kubectl's validation."""

import hashlib
from typing import Any

from .errors import Json
from .kinds import Kind, Kinds
from .patches import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from .store import encode

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_OBJECT_META: Json = {
    "type": "object",
    "description": "ObjectMeta is metadata that all persisted resources must have.",
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "generateName": {"type": "string"},
        "uid": {"type": "string"},
        "resourceVersion": {"type": "string"},
        "generation": {"type": "integer"},
        "creationTimestamp": {"type": "string"},
        "deletionTimestamp": {"type": "string"},
        "deletionGracePeriodSeconds": {"type": "integer"},
        "selfLink": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
        "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"},
        "ownerReferences": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "x-kubernetes-patch-merge-key": "uid",
            "x-kubernetes-patch-strategy": "merge",
        },
        "managedFields": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    },
}


def group_versions(kinds: Kinds) -> dict[str, list[Kind]]:
    """The kinds by the path of their document: apis/apps/v1, api/v1."""
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        found.setdefault(f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}", []).append(kind)
    return found


class OpenAPI:
    """The documents, made when first asked for and again when the served kinds change."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._documents: dict[str, bytes] = {}
        self._generation = 0
        kinds.on_change(self._forget)

    def _forget(self) -> None:
        self._documents.clear()
        self._generation += 1

    def index(self) -> Json:
        """GET /openapi/v3. The hash changes with every change of the served kinds."""
        return {
            "paths": {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._hash(path)}"}
                for path in group_versions(self._kinds)
            }
        }

    def _hash(self, path: str) -> str:
        # A client's cache outlives the server: the hash must be of what is served, not of a counter alone.
        schemas = [(k.plural, k.custom_schema) for k in group_versions(self._kinds)[path]]
        return hashlib.sha256(encode([path, schemas])).hexdigest()[:32].upper()

    def document(self, path: str) -> bytes | None:
        """GET of one document, or None where no such group version is served."""
        served = group_versions(self._kinds).get(path)
        if served is None:
            return None
        if path not in self._documents:
            self._documents[path] = encode(_document(path, served))
        return self._documents[path]


def _name(kind: Kind) -> str:
    if kind.custom or not kind.model:
        return f"{'.'.join(reversed(kind.group.split('.')))}.{kind.version}.{kind.kind}"
    return f"io.k8s.api.{kind.group.split('.')[0] or 'core'}.{kind.version}.{kind.kind}"


def _gvk(kind: Kind) -> Json:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _document(path: str, served: list[Kind]) -> Json:
    schemas: Json = {_METADATA: _OBJECT_META}
    paths: Json = {}
    for kind in served:
        schemas[_name(kind)] = _schema(kind)
        base = f"/{path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{path}/{kind.plural}"
        paths[base] = {
            "get": _operation(kind, "list", []),
            "post": _operation(kind, "post", ["fieldValidation", "dryRun"]),
        }
        paths[base + "/{name}"] = {
            "get": _operation(kind, "get", []),
            "put": _operation(kind, "put", ["fieldValidation", "dryRun"]),
            "patch": _operation(kind, "patch", ["fieldValidation", "dryRun", "fieldManager", "force"])
            | {"requestBody": {"content": {patch: {"schema": {"type": "object"}} for patch in _patches(kind)}}},
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _patches(kind: Kind) -> list[str]:
    return [APPLY_PATCH, JSON_PATCH, MERGE_PATCH, *([] if kind.custom else [STRATEGIC_PATCH])]


def _operation(kind: Kind, action: str, parameters: list[str]) -> Json:
    return {
        "operationId": f"{action}{kind.kind}",
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(kind),
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters],
        "responses": {
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_name(kind)}"}}},
            }
        },
    }


def _schema(kind: Kind) -> Json:
    base: Any = kind.structural.schema if kind.structural else {"type": "object"}
    reference = {"allOf": [{"$ref": f"#/components/schemas/{_METADATA}"}], "description": "Standard object's metadata."}
    envelope = {
        "apiVersion": {
            "type": "string",
            "description": "APIVersion defines the versioned schema of this representation of an object.",
        },
        "kind": {
            "type": "string",
            "description": "Kind is a string value representing the REST resource this object represents.",
        },
        "metadata": reference,
    }
    return {
        **base,
        "properties": {**envelope, **base.get("properties", {}), "metadata": reference},
        "x-kubernetes-group-version-kind": [_gvk(kind)],
    }

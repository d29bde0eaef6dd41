"""Where objects live on the API server, and the guard that keeps a name from being a path."""

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from .errors import BadName

Json = dict[str, Any]


def segment(text: str, *, what: str = "name") -> str:
    """`text` as one segment of a path; BadName where the API server would refuse it too, or where it would
    lead elsewhere.
    """
    if not text or text in {".", ".."} or "/" in text or "%" in text:
        raise BadName(f"{what} {text!r} cannot be part of a path: give the plain {what} of an object")
    return quote(text, safe="")


def group_path(group_version: str) -> str:
    """The root of one group and version: "v1" is /api/v1, "apps/v1" is /apis/apps/v1."""
    if "/" not in group_version:
        return f"/api/{segment(group_version, what='version')}"
    group, version = group_version.split("/", 1)
    return f"/apis/{segment(group, what='group')}/{segment(version, what='version')}"


@lru_cache(maxsize=4096)
def collection(group_version: str, plural: str, namespace: str | None = None) -> str:
    """All objects of a resource, in one namespace or (None) in all."""
    root = group_path(group_version)
    if namespace is None:
        return f"{root}/{plural}"
    return f"{root}/namespaces/{segment(namespace, what='namespace')}/{plural}"


def item(group_version: str, plural: str, namespace: str, name: str, subresource: str | None = None) -> str:
    """One object, or a subresource of it."""
    path = f"{collection(group_version, plural, namespace)}/{segment(name)}"
    return path if subresource is None else f"{path}/{subresource}"

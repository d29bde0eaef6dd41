"""What one request asks for, read from its method, path and query as RequestInfo of the real API server."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the fields of a resource are empty for paths such as /version."""

    method: str
    path: str
    verb: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    user: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether the path names a resource."""
        return bool(self.resource)

    def flag(self, name: str) -> bool:
        """A boolean of the query; absent is False, an empty value is True, as the real one reads it."""
        value = self.query.get(name)
        return value is not None and value.lower() not in {"0", "false"}

    def number(self, name: str) -> int | None:
        """A whole number of the query; absent or not a number is None."""
        value = self.query.get(name, "")
        return int(value) if value.isdigit() else None


def parse(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None, user: str = ""
) -> Request:
    """Read `path`; a path outside /api and /apis has the method's lower case as its verb."""
    parts = [part for part in path.split("/") if part]
    rest: list[str] = []
    group = version = ""
    if len(parts) > 2 and parts[0] == "api":
        version, rest = parts[1], parts[2:]
    elif len(parts) > 3 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    if not rest:
        return Request(method, path, method.lower(), query, headers or {}, user=user)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and not (len(rest) == 3 and rest[2] in _NAMESPACE_SUBRESOURCES):
            rest = rest[2:]
    resource, name, subresource = (*rest[:3], "", "", "")[:3]
    return Request(
        method,
        path,
        _verb(method, name, query),
        query,
        headers or {},
        group,
        version,
        "" if resource == "namespaces" else namespace,
        resource,
        name,
        subresource,
        user,
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in {"GET", "HEAD"}:
        if query.get("watch", "false").lower() not in {"false", "0"}:
            return "watch"
        return "get" if name else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return _VERBS.get(method, method.lower())

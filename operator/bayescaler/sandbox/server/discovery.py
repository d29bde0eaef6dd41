"""Discovery: /api, /apis, the resource lists of each group version, and /version."""

from collections import defaultdict

from .errors import Json
from .kinds import Kind, Kinds
from .logs import PODS

VERSION: Json = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2",
    "gitCommit": "sandbox",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "sandbox/python",
}
_SCALE: Json = {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def core_versions() -> Json:
    """GET /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _versions(kinds: Kinds) -> dict[str, list[str]]:
    versions: defaultdict[str, list[str]] = defaultdict(list)
    for kind in kinds:
        if kind.group and kind.version not in versions[kind.group]:
            versions[kind.group].append(kind.version)
    return versions


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def groups(kinds: Kinds) -> Json:
    """GET /apis."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, versions) for name, versions in _versions(kinds).items()],
    }


def group(kinds: Kinds, name: str) -> Json | None:
    """GET /apis/NAME, or None where no such group is served."""
    versions = _versions(kinds).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resources(kinds: Kinds, group_name: str, version: str) -> Json | None:
    """GET of a group version, or None where it is not served."""
    served = [kind for kind in kinds if (kind.group, kind.version) == (group_name, version)]
    if not served:
        return None
    listed = [entry for kind in served for entry in _entries(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served[0].api_version, "resources": listed}


def _entries(kind: Kind) -> list[Json]:
    entry: Json = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    entries = [entry]
    for name in kind.subresources:
        below: Json = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": "Scale" if name == "scale" else kind.kind,
            "verbs": ["get", "patch", "update"],
        }
        entries.append(below | ({k: v for k, v in _SCALE.items() if k != "kind"} if name == "scale" else {}))
    if kind.plural == "serviceaccounts" and not kind.group:
        entries.append(
            {
                "name": "serviceaccounts/token",
                "singularName": "",
                "namespaced": True,
                "group": "authentication.k8s.io",
                "version": "v1",
                "kind": "TokenRequest",
                "verbs": ["create"],
            }
        )
    if kind.plural == PODS and not kind.group:
        entries.append({"name": f"{PODS}/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]})
    return entries

"""Printer columns: what `kubectl get` shows of each built-in kind, and the JSONPaths of a CRD's own columns."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bayescaler.sandbox.clock import epoch

from .errors import Json

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400
_AGES: tuple[tuple[float, int, str, int, str], ...] = (  # below this age: in units of, with a rest in units of
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (math.inf, _YEAR, "y", _DAY, "d"),
)

Cell = Callable[[Json, float], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `priority` above 0 shows with -o wide; `cell` takes the object and the time now."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


def dig(obj: Any, *path: str, default: Any = None) -> Any:
    """The value at a path of keys, or `default` where any step is absent or null."""
    for key in path:
        if not isinstance(obj, Mapping) or obj.get(key) is None:
            return default
        obj = obj[key]
    return obj


def short_duration(seconds: float) -> str:
    """An age as kubectl shows it: 8s, 3m12s, 5m, 2h5m, 30h, 3d4h, 12d, 2y31d."""
    whole = max(0, int(seconds))
    for below, unit, name, rest_unit, rest_name in _AGES:
        if whole < below:
            count, rest = divmod(whole, unit)
            rest = rest // rest_unit if rest_unit else 0
            return f"{count}{name}{rest}{rest_name}" if rest else f"{count}{name}"
    raise ValueError(f"{seconds} seconds is no age")


def age(*path: str) -> Cell:
    """The age of the time at `path`."""

    def cell(obj: Json, now: float) -> str:
        at = dig(obj, *path)
        return short_duration(now - epoch(at)) if at else "<unknown>"

    return cell


def at(*path: str, default: Any = "<none>") -> Cell:
    """The value at `path`."""
    return lambda obj, _now: dig(obj, *path, default=default)


NAME = Column("Name", at("metadata", "name"), format="name")
AGE = Column("Age", age("metadata", "creationTimestamp"))
CREATED_AT = Column("Created At", at("metadata", "creationTimestamp"))


def _ratio(top: tuple[str, ...], bottom: tuple[str, ...], default: int) -> Cell:
    return lambda obj, _now: f"{dig(obj, *top, default=0)}/{dig(obj, *bottom, default=default)}"


def _containers(field: str) -> Cell:
    def cell(obj: Json, _now: float) -> str:
        return ",".join(c.get(field, "") for c in dig(obj, "spec", "template", "spec", "containers", default=()))

    return cell


def _selector(*path: str) -> Cell:
    return lambda obj, _now: ",".join(f"{k}={v}" for k, v in sorted(dig(obj, *path, default={}).items())) or "<none>"


def _pod_ready(obj: Json, _now: float) -> str:
    statuses = dig(obj, "status", "containerStatuses", default=())
    return f"{sum(bool(s.get('ready')) for s in statuses)}/{len(dig(obj, 'spec', 'containers', default=()))}"


def _pod_status(obj: Json, _now: float) -> str:
    if dig(obj, "metadata", "deletionTimestamp"):
        return "Terminating"
    for status in dig(obj, "status", "containerStatuses", default=()):
        if reason := dig(status, "state", "waiting", "reason"):
            return str(reason)
    return str(dig(obj, "status", "reason") or dig(obj, "status", "phase", default="Unknown"))


def _restarts(obj: Json, _now: float) -> int:
    return sum(int(s.get("restartCount", 0)) for s in dig(obj, "status", "containerStatuses", default=()))


def _ports(obj: Json, _now: float) -> str:
    ports = dig(obj, "spec", "ports", default=())
    return ",".join(f"{p['port']}/{p.get('protocol', 'TCP')}" for p in ports) or "<none>"


def _hpa_targets(obj: Json, _now: float) -> str:
    said = []
    for metric in dig(obj, "spec", "metrics", default=()):
        source = metric.get(metric["type"][:1].lower() + metric["type"][1:], {})
        target = source.get("target", {})
        wanted = target.get("averageUtilization") or target.get("averageValue") or target.get("value")
        said.append(f"<unknown>/{wanted}{'%' if target.get('averageUtilization') else ''}")
    return ", ".join(said) or "<none>"


def _reference(path: str) -> Cell:
    def cell(obj: Json, _now: float) -> str:
        ref = dig(obj, *path.split("."), default={})
        return f"{ref.get('kind', '')}/{ref.get('name', '')}"

    return cell


def _event_object(obj: Json, _now: float) -> str:
    ref = obj.get("involvedObject") or obj.get("regarding") or {}
    return f"{ref.get('kind', '').lower()}/{ref.get('name', '')}"


def _event_seen(obj: Json, now: float) -> str:
    seen = (
        dig(obj, "series", "lastObservedTime")
        or obj.get("lastTimestamp")
        or obj.get("deprecatedLastTimestamp")
        or obj.get("eventTime")
    )
    return short_duration(now - epoch(seen)) if seen else "<unknown>"


def _node_status(obj: Json, _now: float) -> str:
    ready = [c for c in dig(obj, "status", "conditions", default=()) if c.get("type") == "Ready"]
    return "Ready" if ready and ready[0].get("status") == "True" else "NotReady" if ready else "Unknown"


_WIDE = (
    Column("Containers", _containers("name"), priority=1),
    Column("Images", _containers("image"), priority=1),
)
_SELECTOR = Column("Selector", _selector("spec", "selector", "matchLabels"), priority=1)

BUILT_IN: dict[str, tuple[Column, ...]] = {
    "Pod": (
        NAME,
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _restarts, "integer"),
        AGE,
        Column("IP", at("status", "podIP"), priority=1),
        Column("Node", at("spec", "nodeName"), priority=1),
    ),
    "Deployment": (
        NAME,
        Column("Ready", _ratio(("status", "readyReplicas"), ("spec", "replicas"), 1)),
        Column("Up-to-date", at("status", "updatedReplicas", default=0), "integer"),
        Column("Available", at("status", "availableReplicas", default=0), "integer"),
        AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "StatefulSet": (NAME, Column("Ready", _ratio(("status", "readyReplicas"), ("spec", "replicas"), 1)), AGE, *_WIDE),
    "ReplicaSet": (
        NAME,
        Column("Desired", at("spec", "replicas", default=1), "integer"),
        Column("Current", at("status", "replicas", default=0), "integer"),
        Column("Ready", at("status", "readyReplicas", default=0), "integer"),
        AGE,
        *_WIDE,
        _SELECTOR,
    ),
    "Service": (
        NAME,
        Column("Type", at("spec", "type")),
        Column("Cluster-IP", at("spec", "clusterIP")),
        Column("External-IP", at("spec", "externalName")),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", _selector("spec", "selector"), priority=1),
    ),
    "ConfigMap": (NAME, Column("Data", lambda obj, _now: len(obj.get("data") or ()), "integer"), AGE),
    "Secret": (
        NAME,
        Column("Type", at("type")),
        Column("Data", lambda obj, _now: len(obj.get("data") or ()), "integer"),
        AGE,
    ),
    "ServiceAccount": (NAME, AGE),
    "Namespace": (NAME, Column("Status", at("status", "phase")), AGE),
    "Node": (NAME, Column("Status", _node_status), AGE, Column("Version", at("status", "nodeInfo", "kubeletVersion"))),
    "HorizontalPodAutoscaler": (
        NAME,
        Column("Reference", _reference("spec.scaleTargetRef")),
        Column("Targets", _hpa_targets),
        Column("MinPods", at("spec", "minReplicas", default=1)),
        Column("MaxPods", at("spec", "maxReplicas"), "integer"),
        Column("Replicas", at("status", "currentReplicas", default=0), "integer"),
        AGE,
    ),
    "Lease": (NAME, Column("Holder", at("spec", "holderIdentity")), AGE),
    "Event": (
        Column("Last Seen", _event_seen),
        Column("Type", at("type")),
        Column("Reason", at("reason")),
        Column("Object", _event_object),
        Column("Message", lambda obj, _now: obj.get("message") or obj.get("note") or ""),
        Column("Name", at("metadata", "name"), format="name", priority=1),
    ),
    "RoleBinding": (NAME, Column("Role", _reference("roleRef")), AGE),
    "ClusterRoleBinding": (NAME, Column("Role", _reference("roleRef")), AGE),
}


def default_columns(kind: str) -> tuple[Column, ...]:
    """The columns of a built-in kind."""
    return BUILT_IN.get(kind, (NAME, CREATED_AT))


_STEP = re.compile(
    r"\.([A-Za-z0-9_-]+)|\.?\[(\d+)\]|\.?\['([^']+)'\]|\[\?\(@\.([\w.]+)\s*==\s*[\"']([^\"']*)[\"']\)\]|(\[\*\])"
)


def json_path(path: str) -> Callable[[Any], list[Any]]:
    """The values at a JSONPath of the kind that printer columns use; raises ValueError on anything richer."""
    steps = list(_STEP.finditer(path))
    if "".join(step.group(0) for step in steps) != path.replace("\\.", "."):
        raise ValueError(
            f'the sandbox cannot read the JSONPath {path!r}; use fields, indices, [*] and [?(@.key=="value")]'
        )

    def walk(obj: Any) -> list[Any]:
        values = [obj]
        for step in steps:
            values = [found for value in values for found in _take(value, step)]
        return values

    return walk


def _take(value: Any, step: re.Match[str]) -> list[Any]:
    key, index, quoted, filter_key, filter_value, everything = step.groups()
    if key or quoted:
        found = dig(value, key or quoted)
        return [] if found is None else [found]
    if not isinstance(value, list):
        return []
    if index is not None:
        return value[int(index) : int(index) + 1]
    if everything:
        return list(value)
    return [item for item in value if str(dig(item, *filter_key.split("."))) == filter_value]


def custom_columns(declared: list[Json]) -> tuple[Column, ...]:
    """Name, then a CRD's own columns (or the age where it declares none)."""
    columns = [
        Column(
            raw["name"],
            _json_path_cell(raw["jsonPath"], raw["type"]),
            raw["type"],
            raw.get("priority", 0),
            raw.get("format", ""),
            raw.get("description") or f"Custom resource definition column (in JSONPath format): {raw['jsonPath']}",
        )
        for raw in declared
    ]
    return NAME, *(columns or [AGE])


def _json_path_cell(path: str, column_type: str) -> Cell:
    walk = json_path(path)

    def cell(obj: Json, now: float) -> Any:
        values = walk(obj)
        if not values:
            return None
        if column_type == "date":
            return short_duration(now - epoch(values[0]))
        if column_type == "string":
            return ",".join(map(_text, values))
        return values[0]

    return cell


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

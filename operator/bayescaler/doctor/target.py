"""The target of an object: what its pods request, whether a quota has room, and who else moves it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .finding import Finding, Level, Topic
from .gitops import keeper_of

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Other:
    """Another autoscaler: what it is called, and by which ScaledObject it was made, if by one."""

    kind: str
    name: str
    made_by: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Quota:
    """One line of a ResourceQuota: what of it (pods, requests.cpu in cores, ...), its limit, and what is used."""

    name: str
    resource: str
    hard: float
    used: float


def check_requests(target: Json, where: str) -> list[Finding]:
    """Judge whether every container of the pod template requests CPU; a target without a template is not judged."""
    pod = ((target.get("spec") or {}).get("template") or {}).get("spec") or {}
    if not pod:
        return []
    bare = [container["name"] for container in _containers(pod) if cpu_of(container) is None]
    if not bare or cpu_of(pod) is not None:
        return [Finding(Level.OK, Topic.TARGET, where, "every container requests CPU")]
    what = (
        f"{_named('container', bare)} without a CPU request: the fallback on CPU cannot work, nodes are overcommitted"
    )
    cure = f"set resources.requests.cpu of {', '.join(bare)} in the pod template"
    return [Finding(Level.WARNING, Topic.TARGET, where, what, cure)]


def check_quota(quotas: Sequence[Quota], more: int, per_pod: Mapping[str, float]) -> list[Finding]:
    """Judge whether quotas have room for so many more pods, that need `per_pod` of each resource (pods: 1)."""
    found = []
    for quota in quotas:
        need = more * per_pod.get(quota.resource, 0.0)
        left = max(quota.hard - quota.used, 0.0)
        if need > left + 1e-9:
            room = max(int(left / per_pod[quota.resource] + 1e-9), 0)
            what = (
                f"{quota.resource}: {quota.used:g} of {quota.hard:g} used, so {room} more pods fit, "
                f"and maxReplicas are {more} more"
            )
            cure = f"raise the quota to {quota.used + need:g}, or lower maxReplicas"
            level = Level.WARNING if room else Level.ERROR
            found.append(Finding(level, Topic.TARGET, f"ResourceQuota {quota.name}", what, cure))
    return found


def check_conflicts(others: Sequence[Other], mode: str, where: str) -> list[Finding]:
    """Judge the other autoscalers of the target, in a mode of ours."""
    ours = [other for other in others if other.kind == "BayesianAutoscaler"]
    rest = [other for other in others if other.kind != "BayesianAutoscaler" and not other.made_by]
    found = []
    if ours:
        what = f"{_joined(ours)} sizes it too: the oldest of them does, the others wait"
        found.append(Finding(Level.ERROR, Topic.CONFLICT, where, what, f"delete {_joined(ours)}, or this one"))
    if rest and mode == "Auto":
        what = f"{_joined(rest)} scales it too, so decisions are not applied"
        cure = f"delete {_joined(rest)}, or let both work by mode: Floor"
        found.append(Finding(Level.ERROR, Topic.CONFLICT, where, what, cure))
    if not rest and mode == "Floor":
        what = "mode is Floor, and no HPA or ScaledObject is on it: nothing is raised"
        found.append(Finding(Level.ERROR, Topic.CONFLICT, where, what, "create one, or set mode: Auto"))
    if len(rest) > 1 and mode == "Floor":
        what = f"{_joined(rest)} are on it: which floor is meant is not known"
        found.append(Finding(Level.ERROR, Topic.CONFLICT, where, what, "delete all but one"))
    return found or [Finding(Level.OK, Topic.CONFLICT, where, "nobody else sizes it")]


def check_gitops(target: Json, where: str, mode: str) -> list[Finding]:
    """Judge whether somebody keeps the target as a manifest has it, its replicas with it."""
    metadata = target.get("metadata") or {}
    keeper = keeper_of(metadata)
    if keeper is None or mode != "Auto":
        return []
    sets = sorted(set(_managers_of_replicas(metadata)))
    by = f"; its replicas were set by {', '.join(sets)}" if sets else ""
    cure = "take spec.replicas out of its manifest (Argo CD: or list /spec/replicas in ignoreDifferences)"
    return [Finding(Level.INFO, Topic.CONFLICT, where, f"{keeper.name} applies it, and {keeper.does}{by}", cure)]


def _managers_of_replicas(metadata: Json) -> Iterator[str]:
    for entry in metadata.get("managedFields") or ():
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            yield str(entry.get("manager") or "?")


def cpu_of(holder: Json) -> str | None:
    """Return the CPU that a container, or a whole pod, requests, as written."""
    given = ((holder.get("resources") or {}).get("requests") or {}).get("cpu")
    return None if given is None else str(given)


def _containers(pod: Json) -> Iterator[Json]:
    yield from pod.get("containers") or ()
    yield from (one for one in pod.get("initContainers") or () if one.get("restartPolicy") == "Always")


def _named(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _joined(others: Sequence[Other]) -> str:
    return " and ".join(map(str, others))

"""What an object does not say and its user may know; and what a pod of its target requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from .given import Given, Quantity, Reference, read


class _Resources(Given):
    requests: dict[str, Quantity | None] = Field(default_factory=dict)
    limits: dict[str, Quantity | None] = Field(default_factory=dict)


class _Container(Given):
    name: str
    restart_policy: str | None = None
    resources: _Resources = Field(default_factory=_Resources)


class _Pod(Given):
    containers: list[_Container]
    init_containers: list[_Container] = Field(default_factory=list)


class _Template(Given):
    spec: _Pod


class _Replicated(Given):
    template: _Template


class _Workload(Given):
    spec: _Replicated


@dataclass(frozen=True, slots=True)
class Unsaid:
    """What the user adds to one object.

    query: PromQL of its metric. chosen: index of the metric or trigger to convert, None for all. requests: per
    resource, what a pod (of a container's metric, the container) requests, in cores or bytes. namespace: of objects
    that name none. workloads: manifests among which the target, and so its requests, may be found.
    """

    query: str | None = None
    chosen: int | None = None
    requests: Mapping[str, float] = field(default_factory=dict)
    namespace: str | None = None
    workloads: tuple[Mapping[str, Any], ...] = ()


def requested(
    unsaid: Unsaid, target: Reference, namespace: str | None, resource: str, container: str | None
) -> tuple[float, str] | None:
    """Return what one pod requests and who says so, None where nobody does."""
    if resource in unsaid.requests:
        return unsaid.requests[resource], f"as given by --requests-{resource}"
    for workload in unsaid.workloads:
        meta = workload.get("metadata", {})
        same = workload.get("kind") == target.kind and meta.get("name") == target.name
        if same and (meta.get("namespace") or unsaid.namespace) == namespace:
            total = _sum(_containers(workload, container), resource)
            if total is not None:
                return total, f"as {target.kind} {target.name} beside it says"
    return None


def _containers(workload: Mapping[str, Any], only: str | None) -> list[_Container]:
    pod = read(_Workload, workload, str(workload.get("kind"))).spec.template.spec
    sidecars = [c for c in pod.init_containers if c.restart_policy == "Always"]
    return [c for c in (*pod.containers, *sidecars) if only in (None, c.name)]


def _sum(containers: list[_Container], resource: str) -> float | None:
    amounts = [c.resources.requests.get(resource) or c.resources.limits.get(resource) for c in containers]
    known = [amount for amount in amounts if amount is not None]
    # Where one says nothing the HPA has no utilization either, unless a LimitRange sets a request.
    return sum(known) if known and len(known) == len(amounts) else None

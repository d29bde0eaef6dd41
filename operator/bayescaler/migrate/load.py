"""What a metric is as a load: one PromQL query of the whole workload, and what one replica serves of it.

An HPA with an average target T wants ceil(metric / T), and so does perReplica = T on the same total. With a target
of type Value it wants ceil(ready replicas * metric / T): there the load is metric times ready replicas.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .given import Reference
from .notes import MigrateError, Notes, Topic
from .unsaid import Unsaid, requested

STEP = "1m"
QUERY_PATH, CAPACITY_PATH = "spec.load.prometheus.query", "spec.capacity.perReplica"
PER_SECOND = re.compile(r"\bi?rate\s*\(")
# By kind: the shape of its pods' names behind its own, and the gauge and label of its ready replicas.
POD_SUFFIXES = {"Deployment": "-[a-z0-9]+-[a-z0-9]{5}", "StatefulSet": "-[0-9]+", "ReplicaSet": "-[a-z0-9]{5}"}
READY_GAUGES = {
    "Deployment": "kube_deployment_status_replicas_ready",
    "StatefulSet": "kube_statefulset_status_replicas_ready",
    "ReplicaSet": "kube_replicaset_status_ready_replicas",
}
USAGE = {
    "cpu": "sum(rate(container_cpu_usage_seconds_total{{{}}}[" + STEP + "]))",
    "memory": "sum(container_memory_working_set_bytes{{{}}})",
}
UNITS = {"cpu": "CPU cores", "memory": "bytes of memory"}


@dataclass(frozen=True, slots=True)
class Load:
    """One metric as a load. `query` or `per_replica` None: only the user can know; `wanted` then says what.

    `title` names the metric as the user wrote it; `server` and `auth` are where it is read, None for the default.
    `activation` is what the load has to be above for any replica to be wanted.
    """

    title: str
    query: str | None
    per_replica: float | None
    kind: Literal["Rate", "Gauge"] = "Gauge"
    wanted: str = ""
    server: str | None = None
    auth: str | None = None
    activation: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """The target of an autoscaler and where it lives."""

    target: Reference
    namespace: str | None

    @property
    def pods(self) -> str:
        """Label matchers of its pods."""
        name, suffix = self.target.name.replace(".", "[.]"), POD_SUFFIXES.get(self.target.kind or "", "-.+")
        return f'{self._place},pod=~"{name}{suffix}"'

    def ready(self) -> str | None:
        """PromQL of its ready replicas (kube-state-metrics), at least one; None for a kind that has no such gauge."""
        kind, name = self.target.kind or "", self.target.name
        if kind not in READY_GAUGES:
            return None
        # At 0 replicas an HPA takes the ratio itself. A series that is not there makes NaN, not zero.
        gauge = f'{READY_GAUGES[kind]}{{{self._place},{kind.lower()}="{name}"}}'
        return f"scalar(clamp_min({gauge}, 1))"

    @property
    def _place(self) -> str:
        if self.namespace is None:
            raise MigrateError("names no namespace, which its queries need: give --namespace")
        return f'namespace="{self.namespace}"'


def kind_of(query: str) -> Literal["Rate", "Gauge"]:
    """Return the kind of a query by its text: rate() gives events per second, anything else is a level."""
    return "Rate" if PER_SECOND.search(query) else "Gauge"


def number(value: float) -> str:
    """Return a number as PromQL and YAML read it back exactly."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def usage_load(
    title: str,
    resource: str,
    container: str | None,
    workload: Workload,
    *,
    utilization: float | None,
    average: float | None,
    unsaid: Unsaid,
    notes: Notes,
) -> Load:
    """Return the use of CPU or memory as a load; the target is a utilization in percent or an average value."""
    if resource not in USAGE:
        raise MigrateError(
            f"{title}: only cpu and memory can be read as a load: write a query for it, as a Pods metric"
        )
    if unsaid.query is not None:
        query = unsaid.query
    else:
        chosen = f'container="{container}"' if container else 'container!="",container!="POD"'
        query = USAGE[resource].format(f"{workload.pods},{chosen}")
        notes.add(Topic.ASSUMED, f"{title}: Prometheus scrapes cAdvisor, and pods are named as {workload.pods}")
    notes.add(Topic.DIFFERS, f"{title}: every pod's use counts, ready or not; an HPA sets unready pods apart")
    if resource == "memory":
        notes.add(Topic.DIFFERS, f"{title}: memory seldom falls when pods are added: a load of requests sizes better")
    if average is not None:
        return Load(title, query, average)
    asked = requested(unsaid, workload.target, workload.namespace, resource, container)
    of = f"container {container}" if container else "one replica"
    share = number((utilization or 0) / 100)
    if asked is None:
        return Load(title, query, None, wanted=f"{UNITS[resource]} that {of} requests, times {share}")
    requests, says = asked
    # The limit on digits takes out the noise of the product.
    per_replica = float(f"{requests * (utilization or 0) / 100:.12g}")
    notes.add(Topic.ASSUMED, f"perReplica {number(per_replica)}: {of} requests {number(requests)}, {says}, at {share}")
    return Load(title, query, per_replica)


def valued(load: Load, workload: Workload, notes: Notes) -> Load:
    """Return the load of a target of type Value: the metric times ready replicas."""
    ready = workload.ready()
    if ready is None:
        kind = workload.target.kind
        raise MigrateError(f"{load.title}: a target of type Value needs the ready replicas of {kind}: use AverageValue")
    notes.add(
        Topic.DIFFERS,
        f"{load.title}: a target of type Value is steered to by ratio, so the load is the metric times ready replicas, "
        "as kube-state-metrics has them; if the metric is a total, take it alone and set perReplica",
    )
    if load.query is None:
        return replace(load, wanted=f"{load.wanted}; all of it times {ready}", kind="Gauge")
    return replace(load, query=f"({load.query}) * {ready}", kind="Gauge")


def combined(loads: Sequence[Load], option: str, notes: Notes) -> Load:
    """Return one load for several metrics, of which the HPA takes the highest number of replicas.

    Raises:
        MigrateError: they cannot be one query; names all, and the option that chooses.
    """
    if len(loads) == 1:
        return loads[0]
    unknown = [load.title for load in loads if load.query is None or load.per_replica is None]
    places = {(load.server, load.auth) for load in loads}
    if unknown or len(places) > 1:
        why = f"{unknown[0]} is not known well enough" if unknown else "they are read in different places"
        titles = ", ".join(load.title for load in loads)
        raise MigrateError(f"{titles}: these cannot be made into one query, as {why}: choose one with {option} N")
    shares = [f"({load.query}) / {number(load.per_replica or 1)}" for load in loads]
    query = shares[0]
    for share in shares[1:]:
        # Not `or`: when either series is missing, the higher of the two is missing, too.
        query = f"clamp_min({query}, scalar({share}))"
    notes.add(
        Topic.ASSUMED,
        f"{' and '.join(load.title for load in loads)}: made into one load in replicas, the highest that one asks for; "
        f"the load of one alone is forecast better: {option} N",
    )
    return Load("the highest of all", query, 1.0, server=loads[0].server, auth=loads[0].auth)

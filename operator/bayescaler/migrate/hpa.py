"""A HorizontalPodAutoscaler of autoscaling/v2 or v1 as a BayesianAutoscaler."""

from collections.abc import Mapping
from typing import Any

from .behavior import behavior_of
from .given import HpaSpec, Metric, Object, Source, Target, read
from .load import STEP, Load, Workload, combined, kind_of, usage_load, valued
from .manifest import Plan, migrate
from .notes import Migrated, MigrateError, Notes, Topic
from .unsaid import Unsaid

KIND = "HorizontalPodAutoscaler"
V2, V1 = ("autoscaling/v2", "autoscaling/v2beta2"), "autoscaling/v1"
HIDDEN = ("autoscaling.alpha.kubernetes.io/metrics", "autoscaling.alpha.kubernetes.io/behavior")
DEFAULT_UTILIZATION = 80.0
# Who serves a metric that only has a name.
APIS = {"Pods": "custom.metrics.k8s.io", "Object": "custom.metrics.k8s.io", "External": "external.metrics.k8s.io"}


def from_hpa(obj: Mapping[str, Any], unsaid: Unsaid | None = None) -> Migrated:
    """Return the BayesianAutoscaler, in mode Observe, that behaves like this HPA.

    Raises:
        MigrateError: it cannot be carried over; names the object, the field and the cure.
    """
    return migrate(obj, unsaid, KIND, _plan)


def _plan(obj: Object, unsaid: Unsaid, notes: Notes) -> Plan:
    _check_version(obj)
    spec = read(HpaSpec, obj.spec, "spec")
    notes.leave_out(spec.unread("spec"))
    if spec.scale_target_ref.kind is None:
        raise MigrateError("spec.scaleTargetRef.kind: is required")
    # Without a group the HPA looks in the core one.
    target = spec.scale_target_ref.model_copy(update={"api_version": spec.scale_target_ref.api_version or "v1"})
    metrics = spec.metrics or [_cpu(spec.target_cpu_utilization_percentage or DEFAULT_UTILIZATION)]
    workload = Workload(target, obj.metadata.namespace or unsaid.namespace)
    return Plan(
        target,
        spec.min_replicas,
        spec.max_replicas,
        combined(_loads(metrics, workload, unsaid, notes), "--metric", notes),
        behavior_of(spec.behavior, "spec.behavior", notes),
    )


def _check_version(obj: Object) -> None:
    owner = next((o.name for o in obj.metadata.owner_references if o.kind == "ScaledObject"), None)
    if owner is not None:
        raise MigrateError(
            f"made by KEDA from ScaledObject {owner}: give that to bayescaler generate from-scaledobject"
        )
    again = f"get it as v2: kubectl get hpa.v2.autoscaling {obj.metadata.name} -o yaml"
    if obj.api_version not in (*V2, V1):
        raise MigrateError(f"apiVersion {obj.api_version} is not read: {again}")
    hidden = [name for name in HIDDEN if name in obj.metadata.annotations]
    if hidden:
        raise MigrateError(f"annotation {hidden[0]} holds what v1 cannot say: {again}")


def _cpu(percent: float) -> Metric:
    return Metric(type="Resource", resource=Source(name="cpu", target=Target(average_utilization=percent)))


def _loads(metrics: list[Metric], workload: Workload, unsaid: Unsaid, notes: Notes) -> list[Load]:
    titles = [_title(index, metric) for index, metric in enumerate(metrics)]
    if unsaid.chosen is not None and not 0 <= unsaid.chosen < len(metrics):
        raise MigrateError(f"has no metric {unsaid.chosen}: choose of {', '.join(titles)}")
    if unsaid.query is not None and unsaid.chosen is None and len(metrics) > 1:
        raise MigrateError(f"--query is of one metric: choose one with --metric N of {', '.join(titles)}")
    loads = []
    for index, (title, metric) in enumerate(zip(titles, metrics, strict=True)):
        if unsaid.chosen in (None, index):
            loads.append(_load(title, f"spec.metrics[{index}]", metric, workload, unsaid, notes))
        else:
            notes.add(Topic.LEFT_OUT, f"{title}: --metric {unsaid.chosen} was chosen")
    return loads


def _load(title: str, path: str, metric: Metric, workload: Workload, unsaid: Unsaid, notes: Notes) -> Load:
    source = _source(metric)
    if source is None:
        raise MigrateError(f"{path}: type {metric.type} without its part, or not of autoscaling/v2")
    target = source.target
    if metric.type not in APIS:
        if source.name is None or (target.average_utilization is None and target.average_value is None):
            raise MigrateError(f"{title}: needs a name, and averageUtilization or averageValue in its target")
        return usage_load(
            title,
            source.name,
            source.container,
            workload,
            utilization=target.average_utilization,
            average=target.average_value,
            unsaid=unsaid,
            notes=notes,
        )
    per_replica = target.value if target.average_value is None else target.average_value
    if source.metric is None or per_replica is None:
        raise MigrateError(f"{title}: needs metric.name, and averageValue or value in its target")
    if unsaid.query is None:
        load = Load(title, None, per_replica, "Rate", _wanted(metric.type, source, title, workload))
    else:
        load = Load(title, unsaid.query, per_replica, kind_of(unsaid.query))
        notes.add(Topic.ASSUMED, f"{title}: load.kind {load.kind}, by whether its query has a rate()")
    return valued(load, workload, notes) if target.average_value is None else load


def _source(metric: Metric) -> Source | None:
    sources = {
        "Resource": metric.resource,
        "ContainerResource": metric.container_resource,
        "Pods": metric.pods,
        "Object": metric.object,
        "External": metric.external,
    }
    return sources.get(metric.type)


def _title(index: int, metric: Metric) -> str:
    source = _source(metric)
    name = source and (source.name or (source.metric and source.metric.name))
    return f'metric {index} ({metric.type} "{name}")'


def _wanted(kind: str, source: Source, title: str, workload: Workload) -> str:
    """Say what only the user can: the PromQL behind the name that a metrics adapter gives it."""
    name, labels = (source.metric.name, source.metric.selector.match_labels) if source.metric else ("", {})
    matchers = [f'{label}="{value}"' for label, value in labels.items()]
    of = f"the PromQL of {title}"
    if kind == "Pods":
        of += ", summed over all pods"
        matchers.insert(0, workload.pods)
    elif source.described_object is not None:
        of += f" of {source.described_object.kind} {source.described_object.name}"
    series = f"{name}{{{','.join(matchers)}}}"
    return (
        f"{of}: the metricsQuery of prometheus-adapter's rule for it (or of what else serves {APIS[kind]}), such as "
        f"sum(rate({series}[{STEP}])) of a counter or sum({series}) of a level; --query takes it"
    )

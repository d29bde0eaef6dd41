"""What an HPA or a ScaledObject steers to, as far as a replay of it needs more than the manifest it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .given import HpaSpec, Metric, PrometheusMetadata, ScaledObjectSpec, Trigger, UsageMetadata, read
from .hpa import DEFAULT_UTILIZATION
from .load import USAGE
from .scaledobject import COOLDOWN_SECONDS, POLLING_SECONDS


@dataclass(frozen=True, slots=True)
class Steering:
    """How what is there scales. Convert the object first: it is taken to be valid.

    utilization: the share of what a pod requests that it steers to, None where the target is a number alone.
    has_behavior: whether it sets `behavior`. The rest is of a ScaledObject with one prometheus trigger, which
    `scales_from_zero`: KEDA's operator decides between none and one.
    """

    utilization: float | None
    has_behavior: bool
    scales_from_zero: bool = False
    activation: float = 0.0
    polling_seconds: float = POLLING_SECONDS
    cooldown_seconds: float = COOLDOWN_SECONDS
    ignores_null: bool = True


def steering_of(obj: Mapping[str, Any]) -> Steering:
    """Return how a HorizontalPodAutoscaler or ScaledObject steers; raises MigrateError."""
    if obj["kind"] == "ScaledObject":
        return _of_keda(read(ScaledObjectSpec, obj["spec"], "spec"))
    spec = read(HpaSpec, obj["spec"], "spec")
    if not spec.metrics:
        return Steering((spec.target_cpu_utilization_percentage or DEFAULT_UTILIZATION) / 100.0, has_behavior=False)
    alone = spec.metrics[0] if len(spec.metrics) == 1 else None
    return Steering(_of_metric(alone) if alone else None, has_behavior=spec.behavior is not None)


def _of_metric(metric: Metric) -> float | None:
    source = metric.resource or metric.container_resource
    percent = source.target.average_utilization if source else None
    return None if percent is None else percent / 100.0


def _of_keda(spec: ScaledObjectSpec) -> Steering:
    loads = [trigger for trigger in spec.triggers if trigger.type != "cron"]
    has_behavior = spec.advanced.horizontal_pod_autoscaler_config.behavior is not None
    if len(loads) != 1 or loads[0].type != "prometheus":
        return Steering(_of_usage(loads[0]) if len(loads) == 1 else None, has_behavior)
    metadata = read(PrometheusMetadata, loads[0].metadata, "spec.triggers.metadata")
    return Steering(
        None,
        has_behavior,
        scales_from_zero=True,
        activation=metadata.activation_threshold,
        polling_seconds=POLLING_SECONDS if spec.polling_interval is None else spec.polling_interval,
        cooldown_seconds=COOLDOWN_SECONDS if spec.cooldown_period is None else spec.cooldown_period,
        ignores_null=metadata.ignore_null_values,
    )


def _of_usage(trigger: Trigger) -> float | None:
    if trigger.type not in USAGE:
        return None
    metadata = read(UsageMetadata, trigger.metadata, "spec.triggers.metadata")
    of_requests = (trigger.metric_type or metadata.type) == "Utilization"
    return metadata.value / 100.0 if of_requests else None

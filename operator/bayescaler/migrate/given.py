"""What is there, as its own API has it: HorizontalPodAutoscaler and ScaledObject, as far as they are read here.

A field that no model names is kept apart (`unread`), so that it can be told.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from kubernetes.utils.quantity import parse_quantity
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from bayescaler import api
from bayescaler.api.rules import Model

from .notes import MigrateError


def _number(given: object) -> float:
    try:
        return float(parse_quantity(given))
    except (ValueError, ArithmeticError) as error:
        advice = "is no quantity: write a number such as 100, 0.5, 500m or 2Gi"
        raise PydanticCustomError("quantity", "{advice}", {"advice": advice}) from error


Fraction = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Quantity = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
Texts = dict[str, Any]


class Given(Model):
    """Base: tolerant of what it does not know, and able to tell it."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)

    def unread(self, path: str) -> Iterator[str]:
        """Name every field, at any depth, that no model knows."""
        yield from (f"{path}.{name}" for name in self.model_extra or ())
        for name, field in type(self).model_fields.items():
            below, at = getattr(self, name), f"{path}.{field.alias}"
            if isinstance(below, Given):
                yield from below.unread(at)
            elif isinstance(below, list):
                for index, item in enumerate(below):
                    if isinstance(item, Given):
                        yield from item.unread(f"{at}[{index}]")


Read = TypeVar("Read", bound=Given)


def read(model: type[Read], given: object, path: str) -> Read:
    """Return what is given as a model; raises MigrateError with every field at fault."""
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise MigrateError(str(api.SpecError.of(error, path))) from error


class Reference(Given):
    """Another object, by name; what is not said depends on who refers."""

    api_version: str | None = None
    kind: str | None = None
    name: str = Field(min_length=1)


class Metadata(Given):
    """Name, place and what hangs on an object."""

    name: str = Field(min_length=1)
    namespace: str | None = None
    labels: Texts = Field(default_factory=dict)
    annotations: Texts = Field(default_factory=dict)
    owner_references: list[Reference] = Field(default_factory=list)


class Object(Given):
    """Any object, its spec not looked into."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Mapping[str, Any]


class Policy(Given):
    """HPAScalingPolicy."""

    type: str
    value: int
    period_seconds: int


class Rules(Given):
    """HPAScalingRules."""

    stabilization_window_seconds: int | None = None
    select_policy: str = "Max"
    tolerance: Fraction | None = None
    policies: list[Policy] | None = None


class Behavior(Given):
    """HorizontalPodAutoscalerBehavior."""

    scale_up: Rules = Field(default_factory=Rules)
    scale_down: Rules = Field(default_factory=Rules)


class Selector(Given):
    """LabelSelector of a metric."""

    match_labels: Texts = Field(default_factory=dict)


class MetricName(Given):
    """MetricIdentifier."""

    name: str
    selector: Selector = Field(default_factory=Selector)


class Target(Given):
    """MetricTarget."""

    type: str | None = None
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: Quantity | None = None


class Source(Given):
    """What every type of metric has; of which fields, depends on the type."""

    target: Target
    name: str | None = None
    container: str | None = None
    metric: MetricName | None = None
    described_object: Reference | None = None


class Metric(Given):
    """MetricSpec."""

    type: str
    resource: Source | None = None
    container_resource: Source | None = None
    pods: Source | None = None
    object: Source | None = None
    external: Source | None = None


class HpaSpec(Given):
    """HorizontalPodAutoscalerSpec of v2, with the one field of v1."""

    scale_target_ref: Reference
    min_replicas: int = 1
    max_replicas: int
    metrics: list[Metric] = Field(default_factory=list)
    behavior: Behavior | None = None
    target_cpu_utilization_percentage: int | None = Field(default=None, alias="targetCPUUtilizationPercentage")


class HpaConfig(Given):
    """What KEDA puts into the HPA it makes."""

    behavior: Behavior | None = None


class Modifiers(Given):
    """KEDA's formula over triggers."""

    formula: str | None = None


class Advanced(Given):
    """KEDA's `advanced`."""

    horizontal_pod_autoscaler_config: HpaConfig = Field(default_factory=HpaConfig)
    scaling_modifiers: Modifiers = Field(default_factory=Modifiers)


class Fallback(Given):
    """KEDA's `fallback`."""

    failure_threshold: int
    replicas: int
    behavior: str = "static"


class Trigger(Given):
    """One trigger; what its metadata holds depends on the type."""

    type: str
    name: str | None = None
    metadata: Texts = Field(default_factory=dict)
    metric_type: str | None = None
    authentication_ref: Reference | None = None


class PrometheusMetadata(Given):
    """Metadata of a prometheus trigger."""

    server_address: str
    query: str = Field(min_length=1)
    threshold: Quantity
    activation_threshold: float = 0
    ignore_null_values: bool = True
    auth_modes: str = ""
    custom_headers: str = ""


class UsageMetadata(Given):
    """Metadata of a cpu or memory trigger; `type` is the old place of the metric's type."""

    value: Quantity
    type: str = "Utilization"
    container_name: str | None = None


class CronMetadata(Given):
    """Metadata of a cron trigger."""

    timezone: str
    start: str
    end: str
    desired_replicas: str


class ScaledObjectSpec(Given):
    """Spec of a ScaledObject."""

    scale_target_ref: Reference
    polling_interval: int | None = None
    cooldown_period: int | None = None
    idle_replica_count: int | None = None
    min_replica_count: int = 0
    max_replica_count: int = 100
    fallback: Fallback | None = None
    advanced: Advanced = Field(default_factory=Advanced)
    triggers: list[Trigger] = Field(default_factory=list)

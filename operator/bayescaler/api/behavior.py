"""`spec.behavior`: HPAScalingRules of autoscaling/v2, field for field, with the HPA's defaults."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .rules import Model, section

Count = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
MAX_POLICIES = 16


class ScalingPolicySpec(Model):
    """How much may change within a period."""

    type: Literal["Pods", "Percent"] = Field(
        description="Unit of `value`: Pods is a number of replicas, Percent is a percentage of the replicas "
        "at the start of the period.",
        examples=["Pods"],
    )
    value: Count = Field(
        ge=1,
        le=100_000,
        description="Largest change within `periodSeconds`, in the unit of `type`.",
        examples=[4],
    )
    period_seconds: Count = Field(
        ge=1,
        le=1800,
        description="Length of the period the change is counted over, in seconds.",
        examples=[60],
    )


def _policies(*defaults: tuple[str, int, int]) -> list[ScalingPolicySpec]:
    return [ScalingPolicySpec.model_validate({"type": t, "value": v, "periodSeconds": p}) for t, v, p in defaults]


def _policies_field(*defaults: tuple[str, int, int]) -> list[ScalingPolicySpec]:
    listed: list[JsonValue] = [{"type": t, "value": v, "periodSeconds": p} for t, v, p in defaults]
    field: list[ScalingPolicySpec] = Field(
        default_factory=lambda: _policies(*defaults),
        min_length=1,
        max_length=MAX_POLICIES,
        description="Policies that bound the speed in this direction; `selectPolicy` says which of them counts.",
        examples=[[{"type": "Pods", "value": 4, "periodSeconds": 60}]],
        json_schema_extra={"default": listed, "x-kubernetes-list-type": "atomic"},
    )
    return field


def _window_field(default: int) -> int:
    field: int = Field(
        default=default,
        ge=0,
        le=3600,
        description="How far back recommendations are kept, in seconds, so that flapping load does not flap "
        "replicas: scaling up takes the lowest of them, scaling down the highest. 0 acts at once.",
        examples=[60],
    )
    return field


def _tolerance_field(default: float, why: str) -> float:
    field: float = Field(
        default=default,
        ge=0,
        le=1,
        description="Relative difference between wanted and current replicas that is left alone, as a fraction. " + why,
        examples=[0.05],
    )
    return field


class _Rules(Model):
    select_policy: Literal["Max", "Min", "Disabled"] = Field(
        default="Max",
        description="Which policy counts: Max the one that allows the largest change, Min the smallest; "
        "Disabled forbids scaling in this direction.",
        examples=["Min"],
    )


class ScaleUpRules(_Rules):
    """Rules for adding replicas."""

    stabilization_window_seconds: Count = _window_field(0)
    tolerance: Number = _tolerance_field(
        0.0, "The HorizontalPodAutoscaler has 0.1 here; a promised quantile leaves no such play."
    )
    policies: list[ScalingPolicySpec] = _policies_field(("Pods", 4, 15), ("Percent", 300, 15))


class ScaleDownRules(_Rules):
    """Rules for removing replicas."""

    stabilization_window_seconds: Count = _window_field(300)
    tolerance: Number = _tolerance_field(
        0.0, "The HorizontalPodAutoscaler has 0.1 here; the scale-in window keeps replicas calm at less cost."
    )
    policies: list[ScalingPolicySpec] = _policies_field(("Percent", 100, 15))


class BehaviorSpec(Model):
    """How fast replicas may change in each direction."""

    scale_up: ScaleUpRules = section(
        ScaleUpRules,
        "Rules for adding replicas. Default: at once, 4 pods or 300 percent in 15 seconds, whichever is "
        "more. Example: {stabilizationWindowSeconds: 30}.",
    )
    scale_down: ScaleDownRules = section(
        ScaleDownRules,
        "Rules for removing replicas. Default: after 300 seconds, up to 100 percent in 15 seconds. "
        "Example: {selectPolicy: Disabled}.",
    )

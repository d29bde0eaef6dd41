"""`status` of a BayesianAutoscaler: what the operator found, did and would do. One writer, always all of it
(`control.status` makes it, as JSON in the words and bounds of these models).

The API server must never refuse a status: long text is clipped, numbers that JSON does not know are left out.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from .canary_status import CanaryStatus
from .figures import ATOMIC_MAP, WORD_CHARACTERS, Figure, Generation, Message, Timestamp, Whole, Why
from .rules import Model

MAX_CONDITIONS = 16
MAX_STEPS = 16
MAX_QUANTILES = 16
REASON = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


class ConditionType(StrEnum):
    """Conditions, in the order they are shown."""

    READY = "Ready"
    ABLE_TO_SCALE = "AbleToScale"
    SCALING_ACTIVE = "ScalingActive"
    SCALING_LIMITED = "ScalingLimited"
    FORECAST_TRUSTED = "ForecastTrusted"
    FALLBACK_ACTIVE = "FallbackActive"
    CONFLICTED = "Conflicted"
    PAUSED = "Paused"


class ConditionStatus(Model):
    """One condition, as Kubernetes has them (KEP-1623)."""

    type: ConditionType = Field(description="What the condition is about.", examples=["Ready"])
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.", examples=["True"])
    # `kubectl wait` passes over a condition of an older generation, so a forgotten one would never be met.
    observed_generation: Generation = Field(description="Generation of the object that it speaks of.", examples=[3])
    last_transition_time: Timestamp = Field(
        description="When `status` last changed.", examples=["2026-03-02T08:00:00Z"]
    )
    reason: str = Field(
        min_length=1,
        max_length=WORD_CHARACTERS,
        pattern=REASON,
        description="Why, in one CamelCase word.",
        examples=["QueryFailed"],
    )
    message: Message = Field(
        default="",
        description="Why, in a sentence, and the cure.",
        examples=["the query gives 3 series: wrap it in sum()"],
    )


class ForecastStatus(Model):
    """The forecast behind the last decision, in the unit of `capacity.perReplica`."""

    horizon: str = Field(max_length=WORD_CHARACTERS, description="How far it looks ahead, a duration.", examples=["2m"])
    lead_time: str | None = Field(
        default=None,
        max_length=WORD_CHARACTERS,
        description="P90 of the time from a pod's creation to its being ready, a duration: learned, at first assumed.",
        examples=["47s"],
    )
    family: str = Field(max_length=WORD_CHARACTERS, description="Likelihood in use.", examples=["PoissonGamma"])
    p50: Figure = Field(default=None, description="Median of the highest load within the horizon.", examples=[812.5])
    p95: Figure = Field(
        default=None, description="0.95 quantile of the highest load within the horizon.", examples=[1040]
    )
    quantile: Figure = Field(default=None, description="The quantile that was decided on, a fraction.", examples=[0.95])
    value: Figure = Field(default=None, description="Load at that quantile.", examples=[1040])
    quantiles: list[Figure] | None = Field(
        default=None,
        max_length=MAX_QUANTILES,
        description="The whole forecast: quantiles of the highest load within the horizon at "
        "0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995 and 0.999.",
        examples=[[812.5, 890, 940, 1000, 1040, 1080, 1130, 1170, 1260]],
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    issued_at: Timestamp | None = Field(
        default=None, description="End of the newest bucket it knows.", examples=["2026-03-02T08:00:00Z"]
    )


class ChangeStatus(Model):
    """The newest change of the load's level, while its windows are judged by themselves."""

    time: Timestamp = Field(description="When it was noticed.", examples=["2026-03-02T14:05:00Z"])
    direction: Literal["Rise", "Fall"] = Field(description="Where the load went.", examples=["Rise"])
    windows: Whole = Field(description="Windows since that do not overlap.", examples=[6])
    missed: Whole = Field(description="How many of them were missed.", examples=[2])


class CalibrationStatus(Model):
    """How the forecasts of the past have kept their promise."""

    windows: Whole = Field(description="Windows scored that do not overlap.", examples=[1440])
    nominal: Figure = Field(
        default=None, description="The promised share of windows covered, a fraction.", examples=[0.95]
    )
    coverage: Figure = Field(
        default=None, description="The share of windows that was covered, a fraction.", examples=[0.953]
    )
    skill: Figure = Field(
        default=None,
        description="1 minus the pinball loss over that of the last value times a learned constant, which is what "
        "thresholds go by; above 0 is better.",
        examples=[0.42],
    )
    headroom_lost: Figure = Field(
        default=None,
        description="What was lost beyond that, as the share of the load that would cost as much if it were held in "
        "vain; below 0 less was lost.",
        examples=[-0.08],
    )
    change: ChangeStatus | None = Field(
        default=None,
        description="The newest change of the load's level, for fifteen windows.",
        examples=[{"time": "2026-03-02T14:05:00Z", "direction": "Rise", "windows": 6, "missed": 2}],
        json_schema_extra=ATOMIC_MAP,
    )


class StepStatus(Model):
    """What one rule made of the number of replicas."""

    limiter: str = Field(max_length=WORD_CHARACTERS, description="The rule.", examples=["MaxReplicas"])
    before: int = Field(ge=0, description="Replicas before it; of the first step, those that ran.", examples=[23])
    after: int = Field(ge=0, description="Replicas after it.", examples=[20])
    why: Why = Field(default="", description="Why, in a clause.", examples=["maxReplicas is 20, 23 wanted"])


class CapacityStatus(Model):
    """What one replica is taken to serve."""

    per_replica: Figure = Field(
        default=None, description="Load that one ready replica serves, at best guess.", examples=[52.4]
    )
    low: Figure = Field(
        default=None,
        description="Its low quantile (10 %), which decisions go by; what `perReplica` says where it is fixed.",
        examples=[48.1],
    )
    source: Literal["Fixed", "Prior", "Learned"] = Field(
        description="Fixed by `capacity.perReplica`; Prior, while little has been learned; Learned.",
        examples=["Learned"],
    )
    message: Message = Field(
        default="", description="What it rests on, in a clause.", examples=["learned from 812 buckets"]
    )


class RiskStatus(Model):
    """How the budget of `objective.risk` is spent."""

    budget: Figure = Field(description="Share of the time that may be short, a fraction.", examples=[0.01])
    spent: Figure = Field(
        default=None,
        description="Share of the time that was short of late, a fraction; forgotten by the days.",
        examples=[0.0074],
    )
    burn_rate: Figure = Field(
        default=None, description="Spent over budget; above 1 more than the budget is spent.", examples=[0.74]
    )
    price: Figure = Field(
        default=None, description="What running short is priced at to hold the budget, in replicas.", examples=[163]
    )
    target: Figure = Field(
        default=None,
        description="Share of the time that this price is to come to, a fraction: less than the budget after more "
        "was spent, and the other way round.",
        examples=[0.0091],
    )
    cap: Literal["Affordable", "Dearest"] | None = Field(
        default=None,
        description="What keeps the price from being as high as the target asks for: Affordable (to spare all that is "
        "short may cost no more than ten times the replicas that the load needs) or Dearest (not even the dearest "
        "price holds it: maxReplicas, or the time pods take to start). Absent: nothing.",
        examples=["Affordable"],
    )


class DecisionStatus(Model):
    """The last decision, explained."""

    time: Timestamp = Field(description="When it was made.", examples=["2026-03-02T08:00:15Z"])
    load: Figure = Field(
        default=None, description="Load of the newest bucket, in the unit of `capacity.perReplica`.", examples=[790]
    )
    load_time: Timestamp | None = Field(
        default=None, description="End of that bucket.", examples=["2026-03-02T08:00:00Z"]
    )
    demand: Figure = Field(default=None, description="Load to be served, buffer included.", examples=[1144])
    raw: int = Field(ge=0, description="Replicas that the demand asks for.", examples=[23])
    final: int = Field(ge=0, description="Replicas after all limits.", examples=[20])
    limiter: str = Field(
        max_length=WORD_CHARACTERS,
        description="The rule that fixed the final number.",
        examples=["MaxReplicas"],
    )
    message: Message = Field(
        default="",
        description="Why, in a sentence.",
        examples=["0.95 quantile 1040 in 2m asks for 23, maxReplicas is 20"],
    )
    violation_probability: Figure = Field(
        default=None,
        description="How likely the highest load within the horizon is more than the final number serves.",
        examples=[0.12],
    )
    steps: list[StepStatus] | None = Field(
        default=None,
        max_length=MAX_STEPS,
        description="How the number became what it is, rule by rule; `kubectl bayescaler explain` tells it.",
        examples=[[{"limiter": "MaxReplicas", "before": 23, "after": 20, "why": "maxReplicas is 20, 23 wanted"}]],
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class Status(Model):
    """What the operator found, did and would do."""

    observed_generation: Generation | None = Field(
        default=None, description="Generation of the spec that this status speaks of.", examples=[3]
    )
    phase: Literal["Learning", "Trusted", "Degraded"] | None = Field(
        default=None, description="How much the forecast may do.", examples=["Trusted"]
    )
    current_replicas: Whole | None = Field(default=None, description="Replicas of the target now.", examples=[18])
    desired_replicas: Whole | None = Field(
        default=None, description="Replicas the last decision wants; in Observe, would want.", examples=[20]
    )
    last_scale_time: Timestamp | None = Field(
        default=None,
        description="When the replicas were last changed by this object.",
        examples=["2026-03-02T08:00:15Z"],
    )
    forecast: ForecastStatus | None = Field(
        default=None,
        description="The forecast behind the last decision. Live numbers are in the metrics.",
        examples=[{"horizon": "2m", "family": "PoissonGamma", "quantile": 0.95, "value": 1040}],
        json_schema_extra=ATOMIC_MAP,
    )
    calibration: CalibrationStatus | None = Field(
        default=None,
        description="How the forecasts of the past have kept their promise.",
        examples=[{"windows": 1440, "nominal": 0.95, "coverage": 0.953}],
        json_schema_extra=ATOMIC_MAP,
    )
    capacity: CapacityStatus | None = Field(
        default=None,
        description="What one replica is taken to serve, in the unit of the load.",
        examples=[{"perReplica": 52.4, "low": 48.1, "source": "Learned"}],
        json_schema_extra=ATOMIC_MAP,
    )
    canary: CanaryStatus | None = Field(
        default=None,
        description="How `forecast.canary` does beside the live forecast; only with one.",
        examples=[{"phase": "Running", "windows": 812, "lossRatio": 0.91}],
        json_schema_extra=ATOMIC_MAP,
    )
    risk: RiskStatus | None = Field(
        default=None,
        description="How the budget of time is spent; only with `objective.risk`.",
        examples=[{"budget": 0.01, "spent": 0.0074, "burnRate": 0.74, "price": 163, "target": 0.0091}],
        json_schema_extra=ATOMIC_MAP,
    )
    last_decision: DecisionStatus | None = Field(
        default=None,
        description="The decision behind this status, explained.",
        examples=[{"time": "2026-03-02T08:00:15Z", "raw": 23, "final": 20, "limiter": "MaxReplicas"}],
        json_schema_extra=ATOMIC_MAP,
    )
    # One writer sends the whole list, so a map by type would only cost 1.2 kB of managedFields an object.
    conditions: list[ConditionStatus] = Field(
        default_factory=list,
        max_length=MAX_CONDITIONS,
        description="What holds and what does not: " + ", ".join(ConditionType) + ".",
        examples=[[{"type": "Ready", "status": "True", "reason": "Scaling"}]],
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

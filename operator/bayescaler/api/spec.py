"""`spec` of a BayesianAutoscaler: what the user wants, never how it is reached."""

from typing import Annotated, Literal

from pydantic import Field

from .behavior import BehaviorSpec, Count, Number
from .capacity import CapacitySpec
from .durations import Duration, between
from .forecast import MAX_HISTORY_BUCKETS, ForecastSection
from .load import DNS_NAME, LoadSpec
from .rules import Model, Rule, section
from .schedules import MAX_REPLICAS, MAX_SCHEDULES, ScheduleSpec

MAX_HORIZON_BUCKETS = 5_760


def _fits(season_seconds: float, step_seconds: float) -> bool:
    buckets, rest = divmod(season_seconds, step_seconds)
    return rest == 0 and buckets >= 2


class ScaleTargetRef(Model):
    """The workload that is scaled."""

    api_version: str = Field(
        default="apps/v1",
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[a-z0-9]+$",
        description="Group and version of the target.",
        examples=["argoproj.io/v1alpha1"],
    )
    kind: str = Field(
        default="Deployment",
        max_length=63,
        pattern="^[A-Z][A-Za-z0-9]*$",
        description="Kind of the target: any kind that has the scale subresource.",
        examples=["StatefulSet"],
    )
    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=DNS_NAME,
        description="Name of the target, in the namespace of this object.",
        examples=["checkout"],
    )


class RiskSpec(Model):
    """How much of the time may be short."""

    overload_budget: Number = Field(
        gt=0,
        le=0.5,
        description="Share of the time, as a fraction, in which load may exceed what the ready replicas serve. "
        "What running short costs is steered so that about this much is spent.",
        examples=[0.01],
    )


class CostsSpec(Model):
    """What replicas and running short cost, in one currency."""

    replica_hour: Number = Field(gt=0, le=1e9, description="Cost of one replica for an hour.", examples=[0.04])
    overload_hour: Number = Field(
        gt=0,
        le=1e15,
        description="Cost of an hour in which load exceeds what the ready replicas serve.",
        examples=[20],
    )


class ObjectiveSpec(Model):
    """How safe is safe enough."""

    rules = (
        Rule(
            "give one of objective.quantile, objective.risk and objective.costs",
            "[has(self.quantile), has(self.risk), has(self.costs)].filter(given, given).size() <= 1",
            lambda aim: sum(given is not None for given in (aim.quantile, aim.risk, aim.costs)) <= 1,
        ),
    )

    quantile: Number | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Probability, as a fraction, with which the highest load within the horizon must be served. "
        "Default: 0.95, where neither risk nor costs are given.",
        examples=[0.99],
    )
    risk: RiskSpec | None = Field(
        default=None,
        description="In place of a quantile: the share of the time that may be short. "
        "Default: none, the quantile counts.",
        examples=[{"overloadBudget": 0.01}],
    )
    costs: CostsSpec | None = Field(
        default=None,
        description="In place of a quantile: what replicas and running short cost; the cheapest is done. "
        "Default: none, the quantile counts.",
        examples=[{"replicaHour": 0.04, "overloadHour": 20}],
    )
    buffer: Number = Field(
        default=0,
        ge=0,
        le=10,
        description="Added to the wanted load, as a fraction of it.",
        examples=[0.1],
    )


class ReactiveSpec(Model):
    """The reactive rung."""

    target_utilization: Number = Field(
        default=0.7,
        gt=0,
        le=10,
        description="CPU in use over CPU requested of the ready replicas that the reactive rung steers to, "
        "as a fraction.",
        examples=[0.6],
    )


class FallbackSpec(Model):
    """What happens while no usable load data comes. No rung lowers the replicas."""

    after: Annotated[Duration, between("after", "10s", "24h")] = Field(
        default=Duration("3m"),
        description="How long usable load data may be missing before the forecast gives way, a duration.",
        examples=["5m"],
    )
    reactive: ReactiveSpec = section(
        ReactiveSpec,
        "The reactive rung: thresholds on the CPU utilisation of metrics.k8s.io. Default: a target of 0.7. "
        "Example: {targetUtilization: 0.6}.",
    )
    replicas: Count | None = Field(
        default=None,
        ge=0,
        le=MAX_REPLICAS,
        description="Last rung: at least this many replicas, and never fewer than run then. "
        "Default: the replicas stay as they are.",
        examples=[10],
    )


class Spec(Model):
    """What the user wants of one workload."""

    rules = (
        Rule(
            "minReplicas must not exceed maxReplicas",
            "self.minReplicas <= self.maxReplicas",
            lambda spec: spec.min_replicas <= spec.max_replicas,
            ".minReplicas",
        ),
        Rule(
            "fallback.replicas must not exceed maxReplicas",
            "!has(self.fallback.replicas) || self.fallback.replicas <= self.maxReplicas",
            lambda spec: spec.fallback.replicas is None or spec.fallback.replicas <= spec.max_replicas,
            ".fallback.replicas",
        ),
        Rule(
            f"forecast.history must not hold more than {MAX_HISTORY_BUCKETS} buckets of load.step: "
            "shorten the history or lengthen the step",
            f"self.forecast.history.getSeconds() <= {MAX_HISTORY_BUCKETS} * self.load.step.getSeconds()",
            lambda spec: spec.forecast.history.seconds <= MAX_HISTORY_BUCKETS * spec.load.step.seconds,
            ".forecast.history",
        ),
        Rule(
            "forecast.seasons must be multiples of load.step, of two buckets at least: change the season or the step",
            "self.forecast.seasons.all(season, season.getSeconds() % self.load.step.getSeconds() == 0"
            " && season.getSeconds() >= 2 * self.load.step.getSeconds())",
            lambda spec: all(_fits(season.seconds, spec.load.step.seconds) for season in spec.forecast.seasons),
            ".forecast.seasons",
        ),
        Rule(
            f"forecast.canary.history must not hold more than {MAX_HISTORY_BUCKETS} buckets of load.step: "
            "shorten the history or lengthen the step",
            "!has(self.forecast.canary) || !has(self.forecast.canary.history) || self.forecast.canary.history"
            f".getSeconds() <= {MAX_HISTORY_BUCKETS} * self.load.step.getSeconds()",
            lambda spec: (
                spec.forecast.canary is None
                or spec.forecast.canary.history is None
                or spec.forecast.canary.history.seconds <= MAX_HISTORY_BUCKETS * spec.load.step.seconds
            ),
            ".forecast.canary.history",
        ),
        Rule(
            "forecast.canary.seasons must be multiples of load.step, of two buckets at least: change the season or "
            "the step",
            "!has(self.forecast.canary) || !has(self.forecast.canary.seasons) || self.forecast.canary.seasons.all("
            "season, season.getSeconds() % self.load.step.getSeconds() == 0"
            " && season.getSeconds() >= 2 * self.load.step.getSeconds())",
            lambda spec: (
                spec.forecast.canary is None
                or all(_fits(one.seconds, spec.load.step.seconds) for one in spec.forecast.canary.seasons or ())
            ),
            ".forecast.canary.seasons",
        ),
        Rule(
            f"forecast.horizon must not hold more than {MAX_HORIZON_BUCKETS} buckets of load.step: "
            "shorten the horizon or lengthen the step",
            "self.forecast.horizon == 'Auto' || duration(self.forecast.horizon).getSeconds()"
            f" <= {MAX_HORIZON_BUCKETS} * self.load.step.getSeconds()",
            lambda spec: (spec.forecast.horizon.fixed_seconds or 0) <= MAX_HORIZON_BUCKETS * spec.load.step.seconds,
            ".forecast.horizon",
        ),
        Rule(
            "minReplicas of a schedule must not exceed maxReplicas",
            "self.schedules.all(one, !has(one.minReplicas) || one.minReplicas <= self.maxReplicas)",
            lambda spec: all((one.min_replicas or 0) <= spec.max_replicas for one in spec.schedules),
            ".schedules",
        ),
        Rule(
            "maxReplicas of a schedule must not be below minReplicas",
            "self.schedules.all(one, !has(one.maxReplicas) || one.maxReplicas >= self.minReplicas)",
            lambda spec: all(
                one.max_replicas is None or one.max_replicas >= spec.min_replicas for one in spec.schedules
            ),
            ".schedules",
        ),
    )

    scale_target_ref: Annotated[
        ScaleTargetRef,
        Rule("scaleTargetRef is immutable: make a new BayesianAutoscaler", "self == oldSelf", None),
    ] = Field(
        description="The workload that is scaled: anything with the scale subresource. It cannot be changed.",
        examples=[{"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}],
        json_schema_extra={"x-kubernetes-map-type": "atomic"},
    )
    min_replicas: Count = Field(
        default=1,
        ge=0,
        le=MAX_REPLICAS,
        description="Never fewer replicas than this; 0 allows none when no load is expected.",
        examples=[2],
    )
    max_replicas: Count = Field(ge=1, le=MAX_REPLICAS, description="Never more replicas than this.", examples=[60])
    mode: Literal["Observe", "Floor", "Auto"] = Field(
        default="Auto",
        description="Auto scales the target. Floor leaves that to the HorizontalPodAutoscaler or KEDA ScaledObject of "
        "the target and raises its least number of replicas to what is forecast. Observe writes nothing but status: "
        "what would have been done.",
        examples=["Observe"],
    )
    load: LoadSpec = Field(
        description="Where load comes from and what its numbers mean.",
        examples=[{"prometheus": {"query": "sum(rate(http_requests_total[1m]))"}}],
    )
    capacity: CapacitySpec = Field(description="What one replica can serve.", examples=[{"perReplica": 50}])
    forecast: ForecastSection = section(
        ForecastSection,
        "What the forecaster learns from and how far it looks ahead. Default: two weeks of history, daily "
        "and weekly seasons. Example: {history: 4w, timeZone: Europe/Berlin}.",
    )
    objective: ObjectiveSpec = section(
        ObjectiveSpec,
        "How safe is safe enough: a quantile, a budget of time, or costs. Default: the 0.95 quantile without a "
        "buffer. Example: {risk: {overloadBudget: 0.01}}.",
    )
    behavior: BehaviorSpec = section(
        BehaviorSpec,
        "How fast replicas may change, as in autoscaling/v2. Default: that of the HorizontalPodAutoscaler. "
        "Example: {scaleDown: {stabilizationWindowSeconds: 600}}.",
    )
    schedules: Annotated[
        list[ScheduleSpec],
        Rule(
            "names of schedules must differ",
            "self.all(one, self.exists_one(other, other.name == one.name))",
            lambda schedules: len({one.name for one in schedules}) == len(schedules),
        ),
    ] = Field(
        default_factory=list,
        max_length=MAX_SCHEDULES,
        description="Floors and ceilings by the calendar. Of those in force at once the highest floor and the lowest "
        "ceiling hold, a floor goes before a ceiling, and minReplicas and maxReplicas have the last word.",
        examples=[
            [
                {
                    "name": "sale",
                    "start": "0 8 * * 5",
                    "duration": "4h",
                    "timeZone": "Europe/Berlin",
                    "minReplicas": 20,
                }
            ]
        ],
        json_schema_extra={"default": [], "x-kubernetes-list-type": "atomic"},
    )
    fallback: FallbackSpec = section(
        FallbackSpec,
        "What happens while no usable load data comes; it never lowers replicas. Default: reactive after 3m. "
        "Example: {after: 5m, replicas: 10}.",
    )
    paused: bool = Field(
        default=False,
        strict=True,
        description="True stops all scaling of the target until it is false again; the forecast goes on.",
        examples=[True],
    )

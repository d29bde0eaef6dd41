"""Every metric the operator exposes, in one list: the source of exposition, reference page, dashboards and alerts.

Prometheus keeps a series for every set of labels it has ever seen, so the list of an object is short, and what is a
state is a label of one series.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "bayescaler_"
LABELS = ("namespace", "name")
STATE_LABELS = ("mode", "phase", "charge", "rung", "limiter", "load", "canary", "reason")
MAX_SERIES_PER_OBJECT = 15
STAGES = ("collect", "estimate", "decide", "act", "report", "total")

_TICK_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_INFERENCE_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
_DECISION_SECONDS = (0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.01, 0.1)


class Kind(StrEnum):
    """Types of Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Unit(StrEnum):
    """What a value counts."""

    REPLICAS = "replicas"
    LOAD = "load, as `capacity.perReplica` counts it"
    SECONDS = "seconds"
    TIMESTAMP = "epoch seconds"
    SHARE = "fraction"
    NUMBER = "number"
    YES = "1"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric; `name` without prefix and suffix, `look` says what to look at in it."""

    name: str
    unit: Unit
    help: str
    look: str
    kind: Kind = Kind.GAUGE
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> str:
        """The name Prometheus knows it by; a histogram's series end in _bucket, _sum and _count besides."""
        return f"{PREFIX}{self.name}" + ("_total" if self.kind is Kind.COUNTER else "")


OBJECT_METRICS = (
    MetricSpec(
        "current_replicas", Unit.REPLICAS, "Replicas the target's spec asks for.", "what runs, and its cost in time"
    ),
    MetricSpec(
        "desired_replicas",
        Unit.REPLICAS,
        "Replicas of the last decision, after every limiter.",
        "for long away from current_replicas: mode Observe, a refused write, or somebody else who writes",
    ),
    MetricSpec(
        "min_replicas", Unit.REPLICAS, "spec.minReplicas.", "the floor that desired_replicas stands on at night"
    ),
    MetricSpec("max_replicas", Unit.REPLICAS, "spec.maxReplicas.", "desired_replicas that stays there"),
    MetricSpec("load", Unit.LOAD, "Load of the newest closed bucket.", "beside what the replicas serve"),
    MetricSpec(
        "forecast_load",
        Unit.LOAD,
        "Quantile of the highest load over the lead window that the objective promises.",
        "load above it more often than the objective allows",
    ),
    MetricSpec(
        "forecast_load_median",
        Unit.LOAD,
        "Median of the highest load over the lead window.",
        "far below forecast_load: the forecast is unsure",
    ),
    MetricSpec(
        "violation_probability",
        Unit.SHARE,
        "Probability that the highest load over the lead window exceeds what the desired replicas serve.",
        "above overload_budget: a limit holds the number down",
    ),
    MetricSpec(
        "overload_budget",
        Unit.SHARE,
        "Share of the time that may be short: objective.risk.overloadBudget, else 1 - objective.quantile; "
        "none of objective.costs.",
        "what burn rates are counted in",
    ),
    MetricSpec(
        "overload_spent",
        Unit.SHARE,
        "Share of the time that was short of late, of the budget in objective.risk; forgotten by the days.",
        "divided by overload_budget it is the burn rate: above 1 for days the budget does not hold",
    ),
    MetricSpec(
        "forecast_coverage",
        Unit.SHARE,
        "Measured share of windows whose highest load stayed within the promised quantile.",
        "below the promise; state's phase says whether that is chance",
    ),
    MetricSpec(
        "capacity_per_replica",
        Unit.LOAD,
        "Load one replica is taken to serve; of a learned one the low quantile.",
        "a step after a roll-out",
    ),
    MetricSpec(
        "lead_time_seconds",
        Unit.SECONDS,
        "P90 of the time from a pod's creation to its being ready.",
        "a rise: the forecast has to look further ahead",
    ),
    MetricSpec(
        "canary_loss_ratio",
        Unit.NUMBER,
        "Loss of forecast.canary over that of the live forecast, where there is one.",
        "below 1 the canary is better; state's canary says whether that is chance",
    ),
    MetricSpec(
        "state",
        Unit.YES,
        "1 under the object's state: what its mode, phase, charge, rung, limiter, load, canary and reason are.",
        "phase Degraded, a load that is not Live, a reason that is not Ready",
        labels=STATE_LABELS,
    ),
)

OPERATOR_METRICS = (
    MetricSpec(
        "leader", Unit.YES, "1 while this replica holds the Lease and writes.", "a sum over replicas other than 1"
    ),
    MetricSpec("objects", Unit.NUMBER, "BayesianAutoscalers known.", "how much there is to do"),
    MetricSpec(
        "objects_warming",
        Unit.NUMBER,
        "Objects whose history is still being read.",
        "above 0 for long after a start: Prometheus is slow",
    ),
    MetricSpec(
        "last_tick_timestamp_seconds", Unit.TIMESTAMP, "When the last tick ended.", "older than a few intervals"
    ),
    MetricSpec(
        "tick_seconds",
        Unit.SECONDS,
        "Time of one tick, by stage.",
        "stage total near the interval: the operator is overloaded",
        Kind.HISTOGRAM,
        ("stage",),
        _TICK_SECONDS,
    ),
    MetricSpec(
        "inference_seconds",
        Unit.SECONDS,
        "Time to update the posteriors of one tick and read their quantiles.",
        "its 95th percentile is the service level: below 0.2 s",
        Kind.HISTOGRAM,
        buckets=_INFERENCE_SECONDS,
    ),
    MetricSpec(
        "decision_seconds",
        Unit.SECONDS,
        "Time of one object's decision; the exemplar names the slowest of a tick.",
        "a tail: its exemplar is the id that the decision's log record carries",
        Kind.HISTOGRAM,
        buckets=_DECISION_SECONDS,
    ),
    MetricSpec("decisions", Unit.NUMBER, "Decisions made.", "a rate of 0 while there are objects", Kind.COUNTER),
    MetricSpec(
        "scale_writes",
        Unit.NUMBER,
        "Patches of a target's scale, by result; the exemplar names the decision.",
        "any result but ok and moved",
        Kind.COUNTER,
        ("result",),
    ),
    MetricSpec(
        "status_writes",
        Unit.NUMBER,
        "Patches of an object's status, by result.",
        "any result but ok and gone",
        Kind.COUNTER,
        ("result",),
    ),
    MetricSpec(
        "state_reads",
        Unit.NUMBER,
        "Saved states taken up after a start or a change of the leader, or why not, by result.",
        "any result but restored",
        Kind.COUNTER,
        ("result",),
    ),
    MetricSpec(
        "state_writes",
        Unit.NUMBER,
        "ConfigMaps of saved states written, by result.",
        "any result but ok",
        Kind.COUNTER,
        ("result",),
    ),
    MetricSpec(
        "source_errors",
        Unit.NUMBER,
        "Load that could not be read, by reason.",
        "the reason that grows: the reference of reasons has its cure",
        Kind.COUNTER,
        ("reason",),
    ),
    MetricSpec(
        "failures",
        Unit.NUMBER,
        "Faults of one object or one stage that were contained.",
        "anything above 0: the log has the traceback, and it is worth a report",
        Kind.COUNTER,
        ("where",),
    ),
    MetricSpec(
        "http_requests",
        Unit.NUMBER,
        "Requests to the operator, at `console` or `endpoints` (/metrics and the probes), by the status of the answer.",
        "401 and 403 in numbers: somebody tries; 400 and 413: what is sent is no request",
        Kind.COUNTER,
        ("server", "code"),
    ),
    MetricSpec(
        "events",
        Unit.NUMBER,
        "Kubernetes Events by result: posted, failed, or dropped by the ration.",
        "failed",
        Kind.COUNTER,
        ("result",),
    ),
)

METRICS: Mapping[str, MetricSpec] = {metric.name: metric for metric in (*OBJECT_METRICS, *OPERATOR_METRICS)}

"""Every metric the operator exposes, in one list; values of objects are read at scrape time and end with the object.

An object's series are made from a `WorkloadSample` when Prometheus asks, so nothing is kept per label set and a deleted
object leaves no series behind.  At most `MAX_SERIES_PER_OBJECT` series an object.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "bayescaler"
LABELS = ("namespace", "name")
MAX_SERIES_PER_OBJECT = 15


@dataclass(frozen=True, slots=True)
class WorkloadSample:
    """One object's numbers at scrape time; None means that there is nothing to say."""

    namespace: str
    name: str
    current_replicas: float | None = None
    desired_replicas: float | None = None
    load: float | None = None
    load_age_seconds: float | None = None
    forecast_load: float | None = None
    violation_probability: float | None = None
    overload_spent: float | None = None
    coverage: float | None = None
    capacity: float | None = None
    lead_time_seconds: float | None = None
    decisions: float | None = None
    phase: str | None = None
    rung: str | None = None
    limiter: str | None = None
    health: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectMetric:
    """One metric of an object: `attribute` of WorkloadSample under `name`; a `state` is exposed as the label of a 1."""

    name: str
    attribute: str
    help: str
    counter: bool = False
    state: bool = False


OBJECT_METRICS = (
    ObjectMetric("current_replicas", "current_replicas", "Replicas the target's spec asks for."),
    ObjectMetric("desired_replicas", "desired_replicas", "Replicas of the last decision, after every limiter."),
    ObjectMetric("load", "load", "Load of the newest closed bucket, in the unit of capacity.perReplica."),
    ObjectMetric("load_age_seconds", "load_age_seconds", "Seconds since the end of the newest bucket with data."),
    ObjectMetric(
        "forecast_load",
        "forecast_load",
        "Quantile of the highest load over the lead window that sizes the workload.",
    ),
    ObjectMetric(
        "violation_probability",
        "violation_probability",
        "Probability that the highest load over the lead window exceeds what the desired replicas serve.",
    ),
    ObjectMetric(
        "overload_spent",
        "overload_spent",
        "Share of the time that was short of late, of the budget in objective.risk; forgotten by the days.",
    ),
    ObjectMetric(
        "forecast_coverage",
        "coverage",
        "Measured share of windows whose highest load stayed within the promised quantile.",
    ),
    ObjectMetric(
        "capacity_per_replica", "capacity", "Load one replica is taken to serve; of a learned one the low quantile."
    ),
    ObjectMetric("lead_time_seconds", "lead_time_seconds", "P90 of the time from a pod's creation to its being ready."),
    ObjectMetric("decisions", "decisions", "Decisions made.", counter=True),
    ObjectMetric("phase", "phase", "1 for the phase the forecast is in: Learning, Trusted or Degraded.", state=True),
    ObjectMetric("rung", "rung", "1 for the rung of the fallback ladder in use.", state=True),
    ObjectMetric("limiter", "limiter", "1 for the rule that fixed the last decision.", state=True),
    ObjectMetric(
        "load_health",
        "health",
        "1 for what is known of the load: Live, Absent, Stale, Implausible or Failed.",
        state=True,
    ),
)


class CountCollector(Collector):
    """One counter that is counted elsewhere, by result, and read at scrape time."""

    def __init__(self, name: str, documentation: str, counts: Callable[[], Mapping[str, int]]) -> None:
        self._name, self._documentation, self._counts = name, documentation, counts

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: who counts is not there yet at registration."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield a series for every result."""
        family = CounterMetricFamily(f"{PREFIX}_{self._name}", self._documentation, labels=["result"])
        for result, count in self._counts().items():
            family.add_metric([result], count)
        yield family


class WorkloadCollector(Collector):
    """Reads all objects at scrape time."""

    def __init__(self, samples: Callable[[], Iterable[WorkloadSample]]) -> None:
        self._samples = samples

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: a scrape at registration would read objects that are not there yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield one family a metric, with a series for every object that has something to say."""
        families = {m.name: _family(m) for m in OBJECT_METRICS}
        for sample in self._samples():
            where = [sample.namespace, sample.name]
            for metric in OBJECT_METRICS:
                value = getattr(sample, metric.attribute)
                if value is None:
                    continue
                if metric.state:
                    families[metric.name].add_metric([*where, value], 1.0)
                else:
                    families[metric.name].add_metric(where, float(value))
        yield from families.values()


def _family(metric: ObjectMetric) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.counter else GaugeMetricFamily
    labels = [*LABELS, metric.attribute] if metric.state else list(LABELS)
    return kind(f"{PREFIX}_{metric.name}", metric.help, labels=labels)


STAGES = ("collect", "estimate", "decide", "act", "report", "total")
_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_INFERENCE_SECONDS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """The operator's own metrics and the registry that holds all of them (none is global).

    `samples` and `events` (Kubernetes Events so far, by result) are called at every scrape.
    """

    def __init__(
        self,
        samples: Callable[[], Iterable[WorkloadSample]],
        *,
        events: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(WorkloadCollector(samples))
        self.registry.register(
            CountCollector("events", "Kubernetes Events by result: posted, failed, or dropped by the ration.", events)
        )
        reg = self.registry
        self.tick_seconds = Histogram(
            f"{PREFIX}_tick_seconds", "Time of one tick, by stage.", ["stage"], registry=reg, buckets=_SECONDS
        )
        self.inference_seconds = Histogram(
            f"{PREFIX}_inference_seconds",
            "Time to update the posteriors of one tick and read their quantiles.",
            registry=reg,
            buckets=_INFERENCE_SECONDS,
        )
        self.objects = Gauge(f"{PREFIX}_objects", "BayesianAutoscalers known.", registry=reg)
        self.warming = Gauge(f"{PREFIX}_objects_warming", "Objects whose history is still being read.", registry=reg)
        self.leader = Gauge(f"{PREFIX}_leader", "1 while this replica holds the Lease and writes.", registry=reg)
        self.last_tick = Gauge(f"{PREFIX}_last_tick_timestamp_seconds", "When the last tick ended.", registry=reg)
        self.scale_writes = Counter(
            f"{PREFIX}_scale_writes", "Patches of a target's scale, by result.", ["result"], registry=reg
        )
        self.status_writes = Counter(
            f"{PREFIX}_status_writes", "Patches of an object's status, by result.", ["result"], registry=reg
        )
        self.state_reads = Counter(
            f"{PREFIX}_state_reads",
            "Saved states taken up after a start or a change of the leader, or why not, by result.",
            ["result"],
            registry=reg,
        )
        self.state_writes = Counter(
            f"{PREFIX}_state_writes", "ConfigMaps of saved states written, by result.", ["result"], registry=reg
        )
        self.source_errors = Counter(
            f"{PREFIX}_source_errors", "Load that could not be read, by reason.", ["reason"], registry=reg
        )
        self.failures = Counter(
            f"{PREFIX}_failures",
            "Faults of one object or one stage that were contained.",
            ["where"],
            registry=reg,
        )
        self.console_requests = Counter(
            f"{PREFIX}_console_requests",
            "Requests to the console, by the status of the answer.",
            ["code"],
            registry=reg,
        )
        for stage in STAGES:
            self.tick_seconds.labels(stage)

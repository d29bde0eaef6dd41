"""The operator's own instruments, and the whole exposition: objects are read when Prometheus asks.

An object's series are made from a `WorkloadSample` at every scrape, so nothing is kept of an object that is gone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .catalogue import METRICS, PREFIX, STAGES
from .exposition import WorkloadSample, object_series

# The text format has no place for when a counter began: each would be a series more that the list does not have.
disable_created_metrics()  # type: ignore[no-untyped-call]


class CountCollector(Collector):
    """One counter that is counted elsewhere, by its label, and read at scrape time."""

    def __init__(self, name: str, counts: Callable[[], Mapping[str, int]]) -> None:
        self._spec, self._counts = METRICS[name], counts

    def describe(self) -> Iterator[Metric]:
        """Name nothing in advance: who counts is not there yet at registration."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield a series for every result."""
        spec = self._spec
        family = CounterMetricFamily(f"{PREFIX}{spec.name}", spec.help, labels=spec.labels)
        for result, count in self._counts().items():
            family.add_metric([result], count)
        yield family


class Metrics:
    """The operator's own metrics and the registry that holds them (none is global).

    `samples` and `events` (Kubernetes Events so far, by result) are called at every scrape.
    """

    def __init__(
        self,
        samples: Callable[[], Iterable[WorkloadSample]],
        *,
        events: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.samples = samples
        self.registry = CollectorRegistry()
        self.registry.register(CountCollector("events", events))
        self.leader = self._gauge("leader")
        self.objects = self._gauge("objects")
        self.warming = self._gauge("objects_warming")
        self.last_tick = self._gauge("last_tick_timestamp_seconds")
        self.tick_seconds = self._histogram("tick_seconds")
        self.inference_seconds = self._histogram("inference_seconds")
        self.decision_seconds = self._histogram("decision_seconds")
        self.decisions = self._counter("decisions")
        self.scale_writes = self._counter("scale_writes")
        self.status_writes = self._counter("status_writes")
        self.state_reads = self._counter("state_reads")
        self.state_writes = self._counter("state_writes")
        self.source_errors = self._counter("source_errors")
        self.failures = self._counter("failures")
        self.http_requests = self._counter("http_requests")
        for stage in STAGES:
            self.tick_seconds.labels(stage)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        # The registry comes last: in OpenMetrics it ends with `# EOF`.
        return object_series(self.samples()).encode() + encode(self.registry), content_type

    def _gauge(self, name: str) -> Gauge:
        spec = METRICS[name]
        return Gauge(f"{PREFIX}{name}", spec.help, spec.labels, registry=self.registry)

    def _counter(self, name: str) -> Counter:
        spec = METRICS[name]
        return Counter(f"{PREFIX}{name}", spec.help, spec.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        spec = METRICS[name]
        return Histogram(f"{PREFIX}{name}", spec.help, spec.labels, registry=self.registry, buckets=spec.buckets)

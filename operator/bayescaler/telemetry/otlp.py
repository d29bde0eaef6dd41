"""The same decisions and metrics by OTLP, for who collects with OpenTelemetry (extra `otel`): off unless asked for.

A decision that is logged is a span, from when it was made until it was acted on and told; its steps are the span's
events. Metrics are those of the list, sent as they stand, every `METRICS_SECONDS`.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from math import isfinite
from types import TracebackType
from typing import Any, Self

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric, Sample

from bayescaler import __version__

from .catalogue import LABELS, OBJECT_METRICS, STATE_LABELS
from .exposition import WorkloadSample
from .metrics import Metrics

log = logging.getLogger(__name__)
DECISIONS = "bayescaler.decisions"
METRICS_SECONDS = 60.0
_NANO = 1_000_000_000
_SCOPE = InstrumentationScope("bayescaler", __version__)
_PLAIN = ("rung", "phase", "load", "demand", "current", "raw", "final", "limiter", "violationProbability", "generation")


class SpanHandler(logging.Handler):
    """Makes a span of each decision that is logged."""

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__()
        self._tracer = provider.get_tracer("bayescaler", __version__)

    def emit(self, record: logging.LogRecord) -> None:
        """Start it when the decision was made, end it now."""
        decision: Mapping[str, Any] = record.__dict__["decision"]
        namespace, _, name = str(record.__dict__["object"]).partition("/")
        attributes = {f"bayescaler.{key}": decision[key] for key in _PLAIN if decision.get(key) is not None}
        attributes |= {"k8s.namespace.name": namespace, "bayescaler.name": name, "bayescaler.decision": decision["id"]}
        began = round(datetime.fromisoformat(decision["at"]).timestamp() * _NANO)
        span = self._tracer.start_span("decision", attributes=attributes, start_time=began)
        for step in decision["steps"]:
            span.add_event(step["limiter"], {key: step[key] for key in ("before", "after", "why")}, timestamp=began)
        span.end(max(began, round(record.created * _NANO)))


class Otlp:
    """`async with Otlp(metrics, endpoint, instance=...)`: sends while it is open, and what is left when it closes.

    `endpoint` is the address of a collector's HTTP receiver, without a path (http://collector:4318).
    """

    def __init__(
        self, metrics: Metrics, endpoint: str, *, instance: str, every_seconds: float = METRICS_SECONDS
    ) -> None:
        base = endpoint.rstrip("/")
        self._resource = Resource.create(
            {"service.name": "bayescaler", "service.version": __version__, "service.instance.id": instance}
        )
        self._metrics, self._every_seconds = metrics, every_seconds
        self._metric_exporter = OTLPMetricExporter(endpoint=f"{base}/v1/metrics")
        self._traces = TracerProvider(resource=self._resource)
        self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces")))
        self._handler = SpanHandler(self._traces)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        logging.getLogger(DECISIONS).addHandler(self._handler)
        self._task = asyncio.create_task(self._run(), name="otlp")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger(DECISIONS).removeHandler(self._handler)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._close)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_seconds)
            try:
                await asyncio.to_thread(self._send)
            except Exception:
                log.exception("metrics not sent")
                self._metrics.failures.labels("otlp").inc()

    def _close(self) -> None:
        self._send()
        self._metric_exporter.shutdown()
        self._traces.shutdown()

    def _send(self) -> None:
        """Send all metrics once; a collector that does not answer costs a warning of the exporter's own."""
        data = metrics_data(self._metrics, self._resource, now_ns=time.time_ns())
        self._metric_exporter.export(data)


def metrics_data(metrics: Metrics, resource: Resource, *, now_ns: int) -> sdk.MetricsData:
    """Return all metrics as OpenTelemetry has them, at epoch nanoseconds `now_ns`."""
    found = [*_of_objects(metrics.samples(), now_ns), *_of_operator(metrics.registry.collect(), now_ns)]
    scope = sdk.ScopeMetrics(scope=_SCOPE, metrics=found, schema_url="")
    return sdk.MetricsData([sdk.ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _of_objects(samples: Iterable[WorkloadSample], now_ns: int) -> Iterator[sdk.Metric]:
    """Yield a gauge a metric; what is unknown is no point."""
    everything = list(samples)
    for metric in OBJECT_METRICS:
        points = []
        for sample in everything:
            where = dict(zip(LABELS, (sample.namespace, sample.name), strict=True))
            value = getattr(sample, metric.name)
            if metric.name == "state" and value is not None:
                where |= {label: word for label, word in zip(STATE_LABELS, value, strict=True) if word}
                value = 1.0
            if value is not None and isfinite(value):
                points.append(_point(where, float(value), now_ns))
        yield sdk.Metric(metric.exposed, metric.help, "", sdk.Gauge(points))


def _of_operator(families: Iterable[Metric], now_ns: int) -> Iterator[sdk.Metric]:
    for family in families:
        if family.type == "histogram":
            data: sdk.DataT = sdk.Histogram(list(_histograms(family, now_ns)), sdk.AggregationTemporality.CUMULATIVE)
        else:
            points = [_point(sample.labels, sample.value, now_ns) for sample in family.samples]
            data = (
                sdk.Sum(points, sdk.AggregationTemporality.CUMULATIVE, is_monotonic=True)
                if family.type == "counter"
                else sdk.Gauge(points)
            )
        yield sdk.Metric(family.name, family.documentation, "", data)


def _histograms(family: Metric, now_ns: int) -> Iterator[sdk.HistogramDataPoint]:
    """Yield a point for each set of labels: cumulative buckets become counts of their own."""
    by_labels: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in family.samples:
        key = tuple((label, word) for label, word in sample.labels.items() if label != "le")
        by_labels.setdefault(key, []).append(sample)
    for labels, samples in by_labels.items():
        buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
        upto = [round(sample.value) for sample in buckets]
        (total,) = (sample.value for sample in samples if sample.name.endswith("_sum"))
        yield sdk.HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=0,
            time_unix_nano=now_ns,
            count=upto[-1],
            sum=total,
            bucket_counts=[after - before for before, after in zip([0, *upto], upto, strict=False)],
            explicit_bounds=[float(sample.labels["le"]) for sample in buckets[:-1]],
            min=None,  # not kept
            max=None,
        )


def _point(labels: Mapping[str, str], value: float, now_ns: int) -> sdk.NumberDataPoint:
    return sdk.NumberDataPoint(attributes=dict(labels), start_time_unix_nano=0, time_unix_nano=now_ns, value=value)

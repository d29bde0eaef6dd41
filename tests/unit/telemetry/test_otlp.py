"""Decisions and metrics by OTLP, read by a collector as it receives them: real exporters, over a real socket."""

import gzip
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bayescaler.telemetry.catalogue import METRICS
from bayescaler.telemetry.exposition import WorkloadSample
from bayescaler.telemetry.metrics import Metrics
from bayescaler.telemetry.otlp import DECISIONS, Otlp

STATE = ("Auto", "Trusted", "", "Predictive", "Forecast", "Live", "", "Ready")
DECISION = {
    "id": "0a1b2c3d.4.1800000015",
    "generation": 4,
    "at": "2027-01-15T08:00:15Z",
    "rung": "Predictive",
    "phase": "Trusted",
    "load": 420.0,
    "demand": 572.0,
    "current": 9,
    "raw": 12,
    "final": 10,
    "limiter": "MaxReplicas",
    "violationProbability": 0.3,
    "steps": [
        {"limiter": "Forecast", "before": 9, "after": 12, "why": "load up to 572/s expected"},
        {"limiter": "MaxReplicas", "before": 12, "after": 10, "why": "maxReplicas is 10, 12 wanted"},
    ],
}


class Collector:
    """An OTLP/HTTP receiver: keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.resource: dict[str, str] = {}
        self.url = ""

    async def traces(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await body_of(request))
        for of_resource in sent.resource_spans:
            self.resource = read(of_resource.resource.attributes)
            self.spans += [span for of_scope in of_resource.scope_spans for span in of_scope.spans]
        return web.Response()

    async def take_metrics(self, request: web.Request) -> web.Response:
        sent = ExportMetricsServiceRequest.FromString(await body_of(request))
        for of_resource in sent.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in of_scope.metrics}
        return web.Response()


async def body_of(request: web.Request) -> bytes:
    body = await request.read()
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def read(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector, app = Collector(), web.Application()
    app.router.add_post("/v1/traces", collector.traces)
    app.router.add_post("/v1/metrics", collector.take_metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


@pytest.fixture
def decisions() -> logging.Logger:
    logger = logging.getLogger(DECISIONS)
    logger.setLevel(logging.INFO)
    return logger


async def test_a_decision_is_a_span_with_its_steps(collector: Collector, decisions: logging.Logger) -> None:
    async with Otlp(Metrics(lambda: ()), collector.url, instance="bayescaler-0_1"):
        decisions.info("10 replicas: ...", extra={"object": "shop/web", "decision": DECISION})
    (span,) = collector.spans
    told = read(span.attributes)
    assert span.name == "decision"
    assert (told["k8s.namespace.name"], told["bayescaler.name"]) == ("shop", "web")
    assert told["bayescaler.decision"] == DECISION["id"]
    assert (told["bayescaler.final"], told["bayescaler.limiter"]) == (10, "MaxReplicas")
    assert span.start_time_unix_nano == 1_800_000_015 * 10**9
    assert span.end_time_unix_nano >= span.start_time_unix_nano
    assert [(event.name, read(event.attributes)["after"]) for event in span.events] == [
        ("Forecast", 12),
        ("MaxReplicas", 10),
    ]
    assert collector.resource["service.name"] == "bayescaler"
    assert collector.resource["service.instance.id"] == "bayescaler-0_1"


async def test_metrics_are_those_of_the_list(collector: Collector) -> None:
    metrics = Metrics(
        lambda: [WorkloadSample("shop", "web", load=420.0, state=STATE), WorkloadSample("shop", "new")],
        events=lambda: {"posted": 3},
    )
    metrics.scale_writes.labels("ok").inc(2)
    for seconds in (0.0004, 0.0004, 0.3):
        metrics.inference_seconds.observe(seconds)
    async with Otlp(metrics, collector.url, instance="one"):
        pass

    assert set(collector.metrics) == {f"bayescaler_{name}" for name in METRICS}
    (load,) = collector.metrics["bayescaler_load"].gauge.data_points
    assert (read(load.attributes), load.as_double) == ({"namespace": "shop", "name": "web"}, 420.0)
    (state,) = collector.metrics["bayescaler_state"].gauge.data_points
    assert read(state.attributes)["phase"] == "Trusted"
    writes = collector.metrics["bayescaler_scale_writes"].sum
    assert writes.is_monotonic
    assert [(read(point.attributes), point.as_double) for point in writes.data_points] == [({"result": "ok"}, 2.0)]
    (point,) = collector.metrics["bayescaler_inference_seconds"].histogram.data_points
    assert (point.count, sum(point.bucket_counts)) == (3, 3)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert point.bucket_counts[list(point.explicit_bounds).index(0.0005)] == 2
    assert not point.HasField("max")


async def test_nothing_is_sent_once_it_is_closed(collector: Collector, decisions: logging.Logger) -> None:
    async with Otlp(Metrics(lambda: ()), collector.url, instance="one"):
        pass
    decisions.info("10 replicas: ...", extra={"object": "shop/web", "decision": DECISION})
    assert collector.spans == []


async def test_a_collector_that_is_not_there_costs_a_warning(
    decisions: logging.Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with Otlp(Metrics(lambda: ()), "http://127.0.0.1:9", instance="one"):
        decisions.info("10 replicas: ...", extra={"object": "shop/web", "decision": DECISION})
    assert any(record.name.startswith("opentelemetry") for record in caplog.records)

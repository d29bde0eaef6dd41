"""A tick as a whole, and a process as a whole, with what lies outside of it scripted."""

import asyncio
import logging
import re
from itertools import pairwise

import pytest

from bayescaler.cluster.errors import Unreachable
from bayescaler.control import loop as loop_module
from bayescaler.control.decision_log import complete
from bayescaler.control.samples import samples
from bayescaler.control.service import Operator
from bayescaler.control.settings import Settings
from bayescaler.policy.reasons import Limiter, Rung
from bayescaler.sources.port import SourceError
from bayescaler.telemetry.catalogue import STATE_LABELS

from .builders import ADDRESS, MINUTE, NOON, Load, Wire, manifest, nobody_else, target

SETTINGS = Settings(default_server_address=ADDRESS, leader_election=False, interval_seconds=15.0)
LIMITED_HISTORY = {"history": "2h", "seasons": []}


class SilentWire(Wire):
    """A KubeClient whose server never answers lists and watches."""

    def separate(self):
        return SilentWire()

    async def stream(self, path, query=None):
        await asyncio.Event().wait()
        yield {}

    async def close(self):
        self.closed = True


class House:
    """An operator whose ticks are called; targets are put in by hand."""

    def __init__(self, load=102.0):
        self.now, self.source, self.wire = NOON + 15.0, Load(load), SilentWire()
        self.operator = Operator(self.wire, self.source, SETTINGS, clock=lambda: self.now)
        for watch in self.operator.targets.watches:
            watch.synced_at = 1.0
        nobody_else(self.operator.scalers)
        self.operator.registry.synced_at = 2.0
        self.operator.warmup.start()

    async def add(self, name="web", replicas=4, **spec):
        obj = manifest(name, **{"forecast": LIMITED_HISTORY} | spec)
        obj["spec"]["scaleTargetRef"]["name"] = name
        self.operator.registry.observe("ADDED", obj)
        self.operator.targets._targets["Deployment"]["shop", name] = target(replicas, uid=f"target-of-{name}")
        await self.operator.warmup.idle()
        return self.operator.registry.get(("shop", name))

    async def tick(self, after=15.0):
        await self.operator.loop.tick(now=self.now)
        self.now += after

    def failures(self, where):
        return self.operator.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": where})

    @property
    def patched(self):
        return [path.split("/")[-2] for path in self.wire.paths("PATCH", "/scale")]


SCALE = {
    "resources": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
    ]
}


def api(method, path, body):
    if path.endswith("/scale"):
        return {"metadata": {"uid": body[0]["value"]}, "spec": {"replicas": body[2]["value"]}}
    return SCALE if method == "GET" else {}


@pytest.fixture
async def house():
    made = House()
    made.wire.answer = api
    yield made
    await made.operator.stop()


async def test_load_becomes_replicas_in_one_tick(house):
    web = await house.add(replicas=1)
    await house.tick()
    assert web.decision.limiter is Limiter.FORECAST
    assert web.decision.final == 3
    assert house.patched == ["web"]
    assert len(house.wire.paths("PATCH", "/status")) == 1
    assert house.operator.loop.last_tick_at == NOON + 15.0


async def test_a_fault_of_one_object_in_any_stage_is_contained(house, monkeypatch, caplog):
    bad, good = await house.add("bad", replicas=1), await house.add("good", replicas=1)
    for stage in ("predict", "decide_one"):
        whole = getattr(loop_module, stage)

        def stumble(workload, whole=whole, **given):
            if workload is bad:
                raise ZeroDivisionError
            whole(workload, **given)

        monkeypatch.setattr(loop_module, stage, stumble)
        await house.tick()
        monkeypatch.setattr(loop_module, stage, whole)
    assert (house.failures("estimate"), house.failures("decide")) == (1.0, 1.0)
    assert good.decision.final == 3
    assert "good" in house.patched


async def test_an_object_that_could_not_be_decided_keeps_no_older_decision(house, monkeypatch):
    web = await house.add(replicas=1)
    await house.tick()
    monkeypatch.setattr("bayescaler.control.deciding.decide", lambda *_, **__: 1 / 0)
    await house.tick()
    assert web.decision is None
    assert house.patched == ["web"]


async def test_a_standby_keeps_warm_and_writes_nothing(house):
    web = await house.add(replicas=1)
    house.operator.loop._may_write = lambda: False
    await house.tick()
    assert (web.decision.final, web.outlook is not None) == (3, True)
    assert {method for method, *_ in house.wire.sent} == {"GET"}


async def test_nothing_is_lowered_before_the_history_was_read(house):
    read, arrived = house.source.read, asyncio.Event()

    async def history_is_slow(query, *, start, end, now):
        if end - start > 3600.0:
            await arrived.wait()
        return await read(query, start=start, end=end, now=now)

    house.source.read = history_is_slow
    at_once = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    adding = asyncio.create_task(house.add(replicas=20, behavior=at_once))
    await asyncio.sleep(0)
    web = house.operator.registry.get(("shop", "web"))
    await house.tick()
    assert (web.decision.rung, web.decision.limiter) == (Rung.REACTIVE, Limiter.SCALE_IN_HELD)
    assert "until cluster, history and newest load have been read" in web.decision.message
    assert house.patched == []
    arrived.set()
    await adding
    await house.tick()
    assert (web.decision.rung, web.decision.final) == (Rung.PREDICTIVE, 3)


async def test_a_failing_api_server_fails_no_tick(house):
    web = await house.add(replicas=1)
    house.wire.answer = lambda method, path, body: Unreachable("connection refused")
    await house.tick()
    assert web.write_problem.reason == "FailedUpdateScale"
    assert web.told.status == {}
    house.wire.answer = api
    await house.tick()
    assert (web.write_problem, web.told.status["desiredReplicas"]) == (None, 3)


async def test_the_loop_goes_on_after_a_tick_that_failed(house, monkeypatch, caplog):
    ticks = []

    async def tick(*, now):
        ticks.append(now)
        if len(ticks) == 1:
            raise ZeroDivisionError
        if len(ticks) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(house.operator.loop, "tick", tick)
    with pytest.raises(asyncio.CancelledError):
        await house.operator.loop.run(interval_seconds=0.0, clock=lambda: 7.0)
    assert ticks == [7.0, 7.0, 7.0]
    assert "tick failed" in caplog.text
    assert house.failures("tick") == 1.0


async def test_metrics_show_each_object_and_forget_it_when_it_is_gone(house):
    web = await house.add(replicas=1)
    await house.tick()
    (sample,) = samples(house.operator.registry)
    assert (sample.namespace, sample.name) == ("shop", "web")
    assert (sample.current_replicas, sample.desired_replicas, sample.load) == (1, 3, 102.0)
    assert (sample.min_replicas, sample.max_replicas) == (1, 60)
    assert (sample.capacity_per_replica, sample.lead_time_seconds) == (50.0, 60.0)
    assert sample.canary_loss_ratio is None
    assert sample.overload_budget == pytest.approx(0.05)
    assert sample.forecast_load_median <= sample.forecast_load
    state = dict(zip(STATE_LABELS, sample.state, strict=True))
    assert state == {
        "mode": "Auto", "phase": str(web.phase), "charge": "", "rung": "Predictive", "limiter": "Forecast",
        "load": "Live", "canary": "", "reason": "Ready",
    }  # fmt: skip
    house.operator.registry.begin_list()
    house.operator.registry.replace([], now=3.0)
    assert list(samples(house.operator.registry)) == []


async def test_every_decision_is_counted_and_the_slowest_of_a_tick_is_named(house):
    web = await house.add(replicas=1)
    await house.add("other", replicas=1)
    await house.tick()
    metrics = house.operator.metrics
    assert metrics.registry.get_sample_value("bayescaler_decisions_total") == 2.0
    assert metrics.registry.get_sample_value("bayescaler_decision_seconds_count") == 2.0
    text = metrics.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
    named = set(re.findall(r'decision_seconds_bucket.*# {decision="([^"]+)"}', text))
    ids = {complete(one)["id"] for one in house.operator.registry}
    assert web.decision is not None
    assert len(named) == 1
    assert named <= ids


async def test_inference_is_measured_where_there_was_a_bucket_to_learn_from(house):
    await house.add(replicas=1)
    seen = []
    for _ in range(9):
        await house.tick()
        seen.append(house.operator.metrics.registry.get_sample_value("bayescaler_inference_seconds_count"))
    closed = [after - before for before, after in pairwise(seen)]
    assert sum(closed) == 2.0, "two minutes in eight ticks of 15 s"
    assert max(closed) == 1.0


async def test_a_decision_as_it_is_logged_is_a_span(house):
    # Of an extra: the other stories do without it.
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from bayescaler.telemetry.otlp import SpanHandler

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    handler, told = SpanHandler(provider), logging.getLogger("bayescaler.decisions")
    told.addHandler(handler)
    told.setLevel(logging.INFO)
    try:
        web = await house.add(replicas=1)
        await house.tick()
    finally:
        told.removeHandler(handler)
    (span,) = kept.get_finished_spans()
    assert span.attributes["bayescaler.decision"] == complete(web)["id"]
    assert (span.attributes["bayescaler.current"], span.attributes["bayescaler.final"]) == (1, 3)
    assert [event.name for event in span.events] == ["Forecast"]


async def test_scale_in_waits_for_both_lists_and_again_after_the_targets_were_lost(house):
    operator = house.operator
    watches = operator.targets.watches
    assert operator.may_scale_in()
    watches[0].synced_at = None
    assert not operator.may_scale_in(), "the watch of the targets is lost"
    watches[0].synced_at = watches[1].synced_at = 5.0
    assert not operator.may_scale_in(), "the targets are newer than our objects"
    operator.registry.synced_at = 6.0
    assert operator.may_scale_in()
    operator.registry.synced_at = None
    assert not operator.may_scale_in(), "never listed"


async def test_readiness_names_what_is_still_to_be_listed(house):
    operator = house.operator
    assert operator.ready() is None
    operator.targets.watches[0].synced_at = None
    assert "targets" in operator.ready()
    operator.registry.synced_at = None
    assert "BayesianAutoscalers" in operator.ready()


async def test_liveness_ends_when_ticks_stay_away(house):
    operator = house.operator
    assert operator.live() is None, "not begun"
    await house.tick(after=89.0)
    assert operator.live() is None
    house.now += 1.0
    assert operator.live() == "no tick has ended for 90 s"


async def test_liveness_ends_when_something_beside_the_loop_ends(house):
    async def fall():
        raise ZeroDivisionError

    house.operator._spawn(fall(), "resync")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert house.operator.live() == "resync has ended"


async def test_stopping_lets_go_of_every_connection():
    made = House()
    await made.operator.stop()
    assert made.source.closed
    assert made.wire.closed
    assert made.operator._lease_client.closed


async def test_one_object_without_prometheus_decides_at_the_same_tick_as_the_others(house):
    fine = await house.add("fine", replicas=1)
    await house.tick()
    read = house.source.read
    ill = await house.add("ill", replicas=5)

    async def refuse(query, **window):
        if query.key == "shop/ill":
            raise SourceError("down", reason="ServerUnreachable")
        return await read(query, **window)

    house.source.read = refuse
    house.now = NOON + 15.0 + 10 * MINUTE
    await house.tick()
    assert fine.decision.at == ill.decision.at
    assert fine.decision.rung is Rung.PREDICTIVE
    assert (ill.decision.rung, ill.decision.final) != (Rung.PREDICTIVE, 1)
    assert ill.decision.final >= 5

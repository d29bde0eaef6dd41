"""What is told, how often, and to whom."""

import io
import json
import logging
import sys

import pytest

from bayescaler.cluster.errors import Forbidden, Moved, NotFound
from bayescaler.cluster.events import EventRecorder, EventType
from bayescaler.control.budget import Budget
from bayescaler.control.decision_log import record
from bayescaler.control.report import Reporter
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Load, Problem
from bayescaler.policy import Observation, decide
from bayescaler.policy.reasons import Health, Phase
from bayescaler.telemetry.logs import configure

from .builders import ADDRESS, NOON, Book, Wire, flat, manifest, metrics, target, workload

TICK = 15.0


class Desk:
    """A reporter on a wire."""

    def __init__(self, **settings):
        self.wire, self.metrics, self.leads = Wire(), metrics(), True
        self.settings = Settings(default_server_address=ADDRESS, **settings)
        self.events = Recorder(self.wire, instance="test", clock=lambda: NOON)
        self.reporter = Reporter(self.wire, self.events, self.settings, self.metrics, may_write=lambda: self.leads)

    async def report(self, *workloads, now=NOON):
        """The names whose status was written."""
        before = len(self.wire.sent)
        await self.reporter.report(workloads, now=now)
        return [path.split("/")[-2] for _, path, _ in self.wire.sent[before:] if path.endswith("/status")]

    def told(self):
        """Type, reason and action of the Events recorded since it was last asked."""
        said, self.events.said = self.events.said, []
        return said


class Recorder(EventRecorder):
    """The real one, which also remembers."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.said = []

    def record(self, regarding, *, reason, note, action, event_type=EventType.NORMAL):
        super().record(regarding, reason=reason, note=note, action=action, event_type=event_type)
        self.said.append((str(event_type), reason, action))


def sized(name="web", load=100.0, forecast=180.0, replicas=4, phase=Phase.TRUSTED, health=Health.LIVE, **spec):
    web = Book().see(manifest(name, **spec))
    decided(web, load=load, forecast=forecast, replicas=replicas, phase=phase, health=health)
    return web


def decided(web, load=100.0, forecast=180.0, replicas=4, phase=Phase.TRUSTED, health=Health.LIVE, now=NOON):
    web.load = Load(load, NOON, health, "why", f"Load{health.value}")
    web.target, web.phase, web.outlook = target(replicas), phase, None
    if forecast is not None:
        web.outlook = flat(forecast)
    observation = Observation(replicas, replicas, health, load if health is Health.LIVE else None, phase=phase)
    web.decided_for = web.intent
    web.decision, web.state = decide(web.intent.policy, observation, web.outlook, web.state, now=now)


async def test_a_status_is_written_once_and_not_again_while_nothing_matters():
    desk, web = Desk(), sized()
    assert await desk.report(web) == ["web"]
    assert await desk.report(web, now=NOON + TICK) == []
    (_, path, body) = desk.wire.sent[0]
    assert path == "/apis/bayescaler.dev/v1alpha1/namespaces/shop/bayesianautoscalers/web/status"
    assert body[0] == {"op": "test", "path": "/metadata/uid", "value": web.uid}


async def test_a_change_that_matters_is_written_at_once():
    desk, web = Desk(), sized()
    await desk.report(web)
    decided(web, replicas=5)
    assert await desk.report(web, now=NOON + TICK) == ["web"]


async def test_live_numbers_are_brought_up_to_date_once_a_minute():
    desk, web = Desk(refresh_seconds=60.0), sized()
    written = []
    for tick in range(13):
        decided(web, load=100.0 + tick, now=NOON + tick * TICK)
        written += [tick] * len(await desk.report(web, now=NOON + tick * TICK))
    assert written == [0, 4, 8, 12]


async def test_a_status_with_no_new_number_is_not_refreshed():
    desk, web = Desk(), sized()
    await desk.report(web)
    assert await desk.report(web, now=NOON + 3600.0) == []


async def test_changes_have_a_budget_and_who_waited_longest_comes_first():
    desk = Desk(status_writes_per_second=2.0 / TICK)
    fleet = [sized(f"w{i}") for i in range(5)]
    order = [await desk.report(*fleet, now=NOON + tick * TICK) for tick in range(4)]
    assert order == [["w0", "w1"], ["w2", "w3"], ["w4"], []]


async def test_no_object_is_refreshed_twice_before_every_other_was():
    desk = Desk(refresh_writes_per_second=2.0 / TICK, refresh_seconds=60.0)
    fleet = [sized(f"w{i}") for i in range(20)]
    await desk.report(*fleet)
    counts = dict.fromkeys((w.name for w in fleet), 0)
    for tick in range(1, 25):
        for web in fleet:
            decided(web, load=100.0 + tick, now=NOON + tick * TICK)
        for name in await desk.report(*fleet, now=NOON + tick * TICK):
            counts[name] += 1
    assert set(counts.values()) == {2, 3}


async def test_statuses_that_the_server_refuses_do_not_starve_the_others():
    desk = Desk(status_writes_per_second=1.0 / TICK)
    desk.wire.answer = lambda method, path, body: Forbidden(403, "Forbidden", "no") if "/refused/" in path else {}
    refused, fine = sized("refused"), sized("fine")
    tried = [await desk.report(refused, fine, now=NOON + tick * TICK) for tick in range(3)]
    assert tried == [["refused"], ["fine"], ["refused"]]


def test_a_budget_is_so_many_a_second_whatever_the_pace_of_asking():
    slow, fast = Budget(2.0, burst=30.0), Budget(2.0, burst=30.0)
    assert sum(slow.take(0.0) for _ in range(100)) == sum(fast.take(0.0) for _ in range(100)) == 30
    assert sum(slow.take(10.0) for _ in range(100)) == 20
    assert sum(fast.take(tenth / 10.0) for tenth in range(1, 101) for _ in range(5)) == 20
    assert sum(slow.take(9.0) for _ in range(9)) == 0, "a clock set back gives nothing"


@pytest.mark.parametrize("error", [NotFound(404, "NotFound", "gone"), Moved("recreated")], ids=["deleted", "recreated"])
async def test_a_status_for_an_object_that_is_gone_is_dropped_quietly(error, caplog):
    desk = Desk()
    desk.wire.answer = lambda *_: error
    with caplog.at_level(logging.WARNING):
        await desk.report(sized())
    assert caplog.records == []
    assert desk.told() == []


async def test_a_refused_status_is_tried_again_and_its_events_wait_for_it():
    desk, web = Desk(), sized(health=Health.FAILED)
    desk.wire.answer = lambda method, path, body: Forbidden(403, "Forbidden", "no")
    await desk.report(web)
    desk.wire.answer = lambda *_: {}
    assert desk.told() == []
    assert await desk.report(web, now=NOON + TICK) == ["web"]
    assert ("Warning", "LoadFailed", "Ready") in desk.told()


async def test_a_replica_that_lost_the_lease_between_writes_nothing():
    desk, web = Desk(), sized()
    desk.leads = False
    assert await desk.report(web) == []
    assert web.told.status == {}


async def test_one_object_that_cannot_be_rendered_does_not_silence_the_others(caplog):
    desk, bad, good = Desk(), sized("bad"), sized("good")
    bad.target_problem = Problem("not one word", "a reason of a server that knows no CamelCase")
    assert await desk.report(bad, good) == ["good"]
    assert desk.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "report"}) == 1.0


async def test_a_new_object_in_good_order_says_that_it_is_ready_and_nothing_of_what_it_starts_from():
    desk = Desk()
    await desk.report(sized(phase=Phase.LEARNING))
    assert desk.told() == [("Normal", "Ready", "Ready")]


async def test_a_new_object_that_was_not_read_yet_says_nothing():
    desk = Desk()
    await desk.report(workload())
    assert desk.told() == []


@pytest.mark.parametrize("reason", ["TargetNotFound", "NoScale"])
async def test_a_new_object_that_cannot_work_says_so_once(reason):
    desk, web = Desk(), workload()
    web.target_problem = Problem(reason, "what and the cure")
    await desk.report(web)
    await desk.report(web, now=NOON + TICK)
    assert desk.told() == [("Warning", reason, "Ready")]


async def test_every_transition_is_one_event_and_back_again_another():
    desk, web = Desk(), sized()
    await desk.report(web)
    desk.told()
    events = []
    stages = [{"health": Health.FAILED}, {"health": Health.FAILED}, {}, {"phase": Phase.DEGRADED}]
    stages += [{"phase": Phase.DEGRADED, "replicas": 5}, {}]
    for tick, stage in enumerate(stages, start=1):
        decided(web, now=NOON + tick * 60.0, **stage)
        await desk.report(web, now=NOON + tick * 60.0)
        events.append(desk.told())
    assert events == [
        [("Warning", "LoadFailed", "Ready"), ("Warning", "PredictiveOnStoredPosterior", "FallbackActive")],
        [],
        [("Normal", "Ready", "Ready")],
        [("Warning", "Degraded", "ForecastTrusted"), ("Normal", "Predictive", "FallbackActive")],
        [],
        [("Normal", "Trusted", "ForecastTrusted")],
    ]


async def test_pausing_and_resuming_are_told_as_normal():
    desk, web = Desk(), sized()
    await desk.report(web)
    desk.told()
    intent = web.intent
    web.intent = sized(paused=True).intent
    await desk.report(web, now=NOON + TICK)
    assert desk.told() == [("Normal", "Paused", "Paused")]
    web.intent = intent
    await desk.report(web, now=NOON + 2 * TICK)
    assert desk.told() == [("Normal", "Running", "Paused")]


@pytest.fixture
def told_decisions(monkeypatch):
    """The decision records on standard error so far."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", stream)
    configure(form="json", level="info")
    yield lambda: [told for told in map(json.loads, stream.getvalue().splitlines()) if "decision" in told]
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_one_decision_is_one_record_that_explains_its_number_completely(told_decisions):
    desk = Desk()
    await desk.report(sized(load=100.0, forecast=900.0, maxReplicas=6))
    (told,) = told_decisions()
    assert (told["logger"], told["level"]) == ("bayescaler.decisions", "info")
    decision = told["decision"]
    assert told["object"] == "shop/web"
    assert told["message"].startswith("6 replicas: load up to 900/s expected within 2m at 95 %, 50/s each")
    assert (decision["raw"], decision["final"], decision["limiter"]) == (18, 6, "MaxReplicas")
    assert follows(decision)


def follows(decision):
    """Whether `final` follows from `current` over `raw` by the steps."""
    at = decision["current"]
    for place, step in enumerate(decision["steps"]):
        assert step["before"] == at
        assert step["why"]
        at = step["after"]
        if place == 0:
            assert at == decision["raw"]
    return at == decision["final"]


@pytest.mark.parametrize(
    "story",
    [
        {"forecast": 900.0, "maxReplicas": 6},
        {"forecast": 10.0, "load": 10.0, "replicas": 9},
        {"forecast": 900.0, "mode": "Observe"},
        {"forecast": 900.0, "paused": True},
        {"replicas": 0},
        {"health": Health.ABSENT},
        {"health": Health.ABSENT, "forecast": None},
        {"forecast": None},
        {"phase": Phase.LEARNING, "forecast": 10.0},
    ],
    ids=["maximum", "window", "observe", "paused", "off", "stored", "hold", "reactive", "learning"],
)
def test_every_record_is_plain_json_and_final_follows_from_raw_by_its_steps(story):
    assert follows(json.loads(json.dumps(record(sized(**story).decision))))


async def test_a_decision_like_the_one_before_is_not_told_again(told_decisions):
    desk, web = Desk(), sized()
    for tick in range(3):
        decided(web, load=100.0 + tick, now=NOON + tick * TICK)
        await desk.report(web, now=NOON + tick * TICK)
    decided(web, replicas=5, now=NOON + 3 * TICK)
    await desk.report(web, now=NOON + 3 * TICK)
    assert [told["decision"]["current"] for told in told_decisions()] == [4, 5]


async def test_a_recreated_namesake_is_told_from_the_start(told_decisions):
    desk = Desk()
    for web in (sized(), sized()):
        await desk.report(web)
    assert len(told_decisions()) == 2

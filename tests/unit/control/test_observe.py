"""What runs now, and how busy it is while the load cannot be had."""

import asyncio

import pytest

from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import NotFound, ServerError
from bayescaler.cluster.targets import TargetStore
from bayescaler.control.observe import Observer
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Load
from bayescaler.policy import State
from bayescaler.policy.kernels.columns import MISSING_SINCE
from bayescaler.policy.reasons import Health

from .builders import ADDRESS, MINUTE, NOON, Wire, metrics, target, workload

SETTINGS = Settings(default_server_address=ADDRESS)
HASTY = Settings(default_server_address=ADDRESS, collect_deadline_seconds=0.02)
ROLLOUT = {"scaleTargetRef": {"apiVersion": "example.dev/v1", "kind": "Rollout", "name": "web"}}


class Eye:
    """An observer on a wire; `pods` and `usage` are what the API server would list."""

    def __init__(self):
        self.wire, self.metrics, self.held = Wire(), metrics(), None
        self.targets = TargetStore(self.wire, ScaleDiscovery(self.wire))
        self.observer = Observer(self.wire, self.targets, SETTINGS, self.metrics)
        self.cores, self.scale = 0.4, {"metadata": {"uid": "r"}, "spec": {"replicas": 7}}
        request = self.wire.request

        async def delayed(*args, **kwargs):
            await asyncio.sleep(0)  # no answer comes at once
            if self.held is not None:
                await self.held.wait()
            return await request(*args, **kwargs)

        self.wire.request, self.wire.answer = delayed, self._answer

    def _answer(self, method, path, body):
        if path.endswith("/scale"):
            return self.scale
        if path.startswith("/apis/metrics.k8s.io"):
            return {"items": [self._usage()]}
        if path.endswith("/pods"):
            return {"items": [POD]}
        names = ("rollouts", "Rollout"), ("rollouts/scale", "Scale")
        return {"resources": [{"name": n, "kind": k, "namespaced": True} for n, k in names]}

    def _usage(self):
        containers = [{"name": "web", "usage": {"cpu": f"{self.cores * 1000:.0f}m"}}]
        return {
            "metadata": {"name": "web-1"},
            "timestamp": "2026-03-02T12:00:00Z",
            "window": "15s",
            "containers": containers,
        }

    async def look(self, *webs, now=NOON):
        await self.observer.observe(webs, now=now)

    async def look_in_vain(self, *webs, now=NOON):
        """No answer comes within the deadline, however long that is."""
        self.held, self.observer._settings = asyncio.Event(), HASTY
        await self.look(*webs, now=now)

    @property
    def asked_for_pods(self):
        return bool(self.wire.paths("GET", "/pods"))


POD = {
    "metadata": {"name": "web-1"},
    "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m"}}}]},
    "status": {
        "phase": "Running",
        "startTime": "2026-03-02T10:00:00Z",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T10:01:00Z"}],
    },
}


@pytest.fixture
def eye():
    return Eye()


def blind(eye, *, since_minutes):
    """A known target whose load has been missing for so long."""
    web = workload()
    eye.targets._targets["Deployment"]["shop", "web"] = target(4)
    web.load = Load(health=Health.FAILED)
    web.state = State()
    web.state.memory[MISSING_SINCE] = NOON - since_minutes * MINUTE
    return web


async def test_a_watched_target_costs_no_request(eye):
    web = workload()
    eye.targets._targets["Deployment"]["shop", "web"] = target(4)
    await eye.look(web)
    assert (web.target, web.target_problem, eye.wire.sent) == (target(4), None, [])


async def test_a_target_that_is_gone_is_a_problem_with_the_cure(eye):
    web = workload()
    await eye.look(web)
    assert web.target is None
    assert web.target_problem.reason == "TargetNotFound"
    assert "correct spec.scaleTargetRef" in web.target_problem.message


async def test_another_kind_is_read_by_its_scale(eye):
    web = workload(**ROLLOUT)
    await eye.look(web)
    assert (web.target.uid, web.target.replicas) == ("r", 7)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(NotFound(404, "NotFound", "no"), "TargetNotFound"), (ServerError(500, "InternalError", "no"), "ServerError")],
)
async def test_another_kind_that_cannot_be_read_is_a_problem(eye, answer, reason):
    web = workload(**ROLLOUT)
    eye.scale = answer
    await eye.look(web)
    assert (web.target, web.target_problem.reason) == (None, reason)


async def test_pods_are_asked_only_once_the_load_has_been_missing_for_as_long_as_the_fallback_says(eye):
    early = blind(eye, since_minutes=2)
    await eye.look(early)
    assert not eye.asked_for_pods
    late = blind(eye, since_minutes=3)
    await eye.look(late)
    assert late.utilization == pytest.approx(0.8)


async def test_a_load_that_was_never_read_gets_as_long_before_its_pods_are_asked(eye):
    """Else every start of the operator would list the pods of everything that is read late."""
    web = blind(eye, since_minutes=0)
    web.state = type(web.state)()
    await eye.look(web)
    assert not eye.asked_for_pods


async def test_an_old_utilization_is_never_acted_on_again(eye):
    web = blind(eye, since_minutes=3)
    await eye.look(web)
    assert web.utilization is not None
    await eye.look_in_vain(web, now=NOON + 15.0)
    assert web.utilization is None


async def test_utilization_ends_with_the_outage(eye):
    web = blind(eye, since_minutes=3)
    await eye.look(web)
    web.load.health = Health.LIVE
    await eye.look(web)
    assert (web.utilization, web.utilization_message) == (None, "")


async def test_why_there_is_no_utilization_is_kept(eye):
    web = blind(eye, since_minutes=3)
    eye.wire.answer = lambda method, path, body: ServerError(500, "InternalError", "etcd is gone")
    await eye.look(web)
    assert (web.utilization, web.utilization_message) == (None, "etcd is gone")


async def test_an_unforeseen_fault_of_one_reading_is_contained_and_counted(eye, caplog):
    web, fine = workload(**ROLLOUT), workload()
    eye.targets._targets["Deployment"]["shop", "web"] = target(4)
    eye.wire.answer = lambda method, path, body: ZeroDivisionError()
    await eye.look(web, fine)
    assert fine.target == target(4)
    assert "object failed" in caplog.text
    assert eye.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "observe"}) == 1.0


async def test_of_two_objects_on_one_target_the_older_keeps_it_and_the_younger_is_told():
    eye, younger, older = Eye(), workload(**ROLLOUT), workload(**ROLLOUT)
    older.name, older.created = "first", "2026-03-01T00:00:00Z"
    younger.created = "2026-03-02T00:00:00Z"
    await eye.look(younger, older)
    assert (older.target.replicas, older.target_problem) == (7, None)
    assert (younger.target, younger.target_problem.reason) == (None, "TargetTaken")
    assert '"first"' in younger.target_problem.message


async def test_a_scale_that_is_not_read_in_time_is_not_decided_on():
    eye, web = Eye(), workload(**ROLLOUT)
    await eye.look(web)
    assert web.target is not None
    await eye.look_in_vain(web, now=NOON + 15.0)
    assert (web.target, web.target_problem.reason) == (None, "ScaleNotRead")


async def test_what_had_no_turn_comes_first_the_next_time():
    eye = Eye()
    eye.observer._seats = asyncio.Semaphore(1)
    webs = [workload(name, scaleTargetRef={**ROLLOUT["scaleTargetRef"], "name": name}) for name in "abc"]
    await eye.look_in_vain(*webs)
    assert [web.target_problem.reason for web in webs] == ["ScaleNotRead"] * 3, "the first one hangs"
    eye.held, eye.observer._settings = None, SETTINGS
    await eye.look(*webs, now=NOON + 15.0)
    order = [path.split("/")[-2] for path in eye.wire.paths("GET", "/scale")]
    assert order == ["b", "c", "a"]


async def test_a_kind_that_is_read_by_its_scale_shows_its_use_too_while_the_load_is_missing():
    eye, web = Eye(), workload(**ROLLOUT)
    eye.scale["status"] = {"selector": "app=web"}
    await eye.look(web)
    web.load = Load(health=Health.FAILED)
    web.state.memory[MISSING_SINCE] = NOON - 10 * MINUTE
    await eye.look(web)
    assert web.target.replicas == 7
    assert web.utilization == pytest.approx(0.8)
    assert eye.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "observe"}) is None

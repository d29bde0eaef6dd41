"""Writing replicas: only what was decided, only while leading, and a refusal costs one object its turn."""

import asyncio
from dataclasses import replace

import pytest

from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import Forbidden, TooManyRequests, Unprocessable
from bayescaler.cluster.events import EventRecorder
from bayescaler.cluster.targets import TargetStore, project
from bayescaler.control.act import Actuator
from bayescaler.control.settings import Settings

from .builders import ADDRESS, NOON, Wire, metrics
from .test_report import decided, sized

DEPLOYMENTS = {
    "resources": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
    ]
}


class Hand:
    """An actuator on a wire, with the target store that the operator has."""

    def __init__(self):
        self.wire, self.metrics, self.leads = Wire(), metrics(), True
        self.refusal = None
        self.wire.answer = self._answer
        discovery = ScaleDiscovery(self.wire)
        self.targets = TargetStore(self.wire, discovery)
        self.events = EventRecorder(self.wire, instance="test", clock=lambda: NOON)
        self.actuator = Actuator(
            self.wire,
            discovery,
            self.targets,
            self.events,
            Settings(default_server_address=ADDRESS),
            self.metrics,
            may_write=lambda: self.leads,
        )

    def _answer(self, method, path, body):
        if path.endswith("/scale"):
            return self.refusal or {"metadata": {"uid": "target-1"}, "spec": {"replicas": body[2]["value"]}}
        return DEPLOYMENTS if method == "GET" else {}

    @property
    def patches(self):
        return [body for method, path, body in self.wire.sent if method == "PATCH" and path.endswith("/scale")]

    def written(self, result):
        return self.metrics.registry.get_sample_value("bayescaler_scale_writes_total", {"result": result})


def known_to(hand, web):
    """Let the watch have told of the target."""
    raw = {
        "metadata": {"uid": web.target.uid},
        "spec": {"replicas": web.target.replicas, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"readyReplicas": web.target.ready_replicas},
    }
    hand.targets._targets["Deployment"]["shop", "web"] = web.target = project(raw)


async def test_a_raise_is_one_patch_that_tests_what_was_decided_on():
    hand, web = Hand(), sized(forecast=300.0)
    known_to(hand, web)
    await hand.actuator.act([web], now=NOON)
    assert hand.patches == [
        [
            {"op": "test", "path": "/metadata/uid", "value": "target-1"},
            {"op": "test", "path": "/spec/replicas", "value": 4},
            {"op": "add", "path": "/spec/replicas", "value": 6},
        ]
    ]
    assert (web.last_scale_at, web.write_problem) == (NOON, None)
    assert hand.targets.get("Deployment", "shop", "web").replicas == 6, "known before the watch tells of it"
    assert hand.written("ok") == 1.0
    await hand.events.drain()
    (event,) = [body for _, path, body in hand.wire.sent if path.endswith("/events")]
    assert (event["reason"], event["note"].split(";")[0]) == ("SuccessfulRescale", "New size: 6")


@pytest.mark.parametrize("spec", [{"mode": "Observe"}, {"paused": True}], ids=["observe", "paused"])
async def test_what_is_withheld_is_not_written(spec):
    hand = Hand()
    await hand.actuator.act([sized(forecast=900.0, **spec)], now=NOON)
    assert hand.wire.sent == []


async def test_replicas_that_are_right_are_not_written():
    hand = Hand()
    await hand.actuator.act([sized(forecast=200.0)], now=NOON)
    assert hand.wire.sent == []


async def test_a_lease_lost_between_decision_and_patch_stops_the_patch():
    hand, web = Hand(), sized(forecast=300.0)
    hand.leads = False
    await hand.actuator.act([web], now=NOON)
    assert hand.patches == []
    assert (web.last_scale_at, web.write_problem) == (None, None)


async def test_a_refusal_is_a_problem_of_that_object_alone():
    hand = Hand()
    refused, fine = sized("refused", forecast=300.0), sized("fine", forecast=300.0)
    hand.refusal = Forbidden(403, "Forbidden", "deployments/scale is forbidden")
    await hand.actuator.act([refused], now=NOON)
    hand.refusal = None
    await hand.actuator.act([fine], now=NOON)
    assert (refused.write_problem.reason, fine.write_problem) == ("FailedUpdateScale", None)
    assert "forbidden" in refused.write_problem.message
    assert hand.written("Forbidden") == 1.0


async def test_the_problem_ends_when_nothing_is_left_to_write():
    hand, web = Hand(), sized(forecast=300.0)
    hand.refusal = Forbidden(403, "Forbidden", "no")
    await hand.actuator.act([web], now=NOON)
    decided(web, replicas=6, forecast=300.0)
    await hand.actuator.act([web], now=NOON)
    assert web.write_problem is None


async def test_somebody_who_scaled_meanwhile_is_not_fought_and_not_a_problem():
    hand, web = Hand(), sized(forecast=300.0)
    hand.refusal = Unprocessable(422, "Invalid", "the server rejected our request")
    await hand.actuator.act([web], now=NOON)
    assert len(hand.patches) == 1
    assert (web.write_problem, web.last_scale_at) == (None, None)
    assert hand.written("moved") == 1.0


async def test_a_server_that_asks_for_patience_three_times_is_a_problem():
    hand, web = Hand(), sized(forecast=300.0)
    hand.refusal = TooManyRequests(429, "TooManyRequests", "later", retry_after_seconds=0.0)
    await hand.actuator.act([web], now=NOON)
    assert len(hand.patches) == 3
    assert web.write_problem.message == "later"


async def test_an_unforeseen_fault_of_one_write_leaves_the_others_theirs(caplog):
    hand = Hand()
    odd, fine = sized("odd", forecast=300.0), sized("fine", forecast=300.0)

    def stumble(web, **event):
        if web == odd.reference:
            raise ZeroDivisionError

    hand.events.record = stumble
    await hand.actuator.act([odd, fine], now=NOON)
    assert fine.last_scale_at == NOON
    assert "object failed" in caplog.text


@pytest.mark.parametrize("change", ["deleted", "edited"])
async def test_what_was_decided_for_an_object_that_is_gone_or_edited_is_not_written(change):
    hand, web = Hand(), sized(forecast=300.0)
    known_to(hand, web)
    if change == "deleted":
        web.gone = True
    else:
        web.intent = replace(web.intent, policy=replace(web.intent.policy, paused=True))
    await hand.actuator.act([web], now=NOON)
    assert hand.patches == []


async def test_a_slow_write_holds_no_tick_and_is_not_sent_twice():
    hand, slow, quick = Hand(), sized(forecast=300.0), sized(forecast=300.0)
    known_to(hand, slow)
    known_to(hand, quick)
    held, patch = asyncio.Event(), hand.actuator._patch

    async def hanging(workload, decision):
        if workload is slow:
            await held.wait()
        return await patch(workload, decision)

    hand.actuator._patch, hand.actuator._deadline_seconds = hanging, 0.01
    await hand.actuator.act([slow, quick], now=NOON)
    await hand.actuator.act([slow], now=NOON)
    assert (len(hand.patches), slow.writing is None, quick.writing) == (1, False, None)
    held.set()
    await slow.writing
    assert len(hand.patches) == 2

"""The operator on the sandbox learns how long its workload's pods take to start, and what one of them serves."""

import math

import numpy as np
import pytest

from bayescaler.control.capacities import learning_problems
from bayescaler.policy.reasons import Limiter, Rung
from bayescaler.sandbox import pods
from bayescaler.sandbox.clock import epoch
from bayescaler.sandbox.prometheus import faults
from bayescaler.sandbox.server.faults import Fault

from .worlds import DAY, HOUR, MINUTE, World, autoscaler, deployment

SHORT = {"history": "2h", "seasons": []}
UTILIZATION = {"utilizationQuery": "avg(cpu_utilization)", "target": 0.7}


class Learning(World):
    """What a tick began beside itself is waited for; `started` are the start-ups of all pods there ever were.

    `serves` is the load at which a replica is at 70 % of its CPU; while any pod is starting, all look busy.
    """

    serves = 40.0

    def __init__(self, **options):
        super().__init__(**options)
        self.started, self.load = {}, None

    async def tick(self):
        await super().tick()
        await self.operator.lead_times.idle()
        await self.operator.capacities.idle()

    async def advance(self, seconds):
        await super().advance(seconds)
        for pod in self.pods():
            if pods.is_ready(pod):
                ready = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
                took = epoch(ready["lastTransitionTime"]) - epoch(pod["metadata"]["creationTimestamp"])
                self.started.setdefault(pod["metadata"]["uid"], took)
        if self.load is not None:
            self.measure()

    def measure(self):
        now, there = self.clock.now(), self.pods()
        ready = sum(map(pods.is_ready, there))
        used = 0.03 + 0.67 * float(self.load(now)) / max(ready, 1) / self.serves
        starting = 0.9 if ready < len(there) else 0.0
        gauge = self.prometheus.store.series("cpu_utilization")
        gauge.append(now, min(max(used, starting), 1.0))

    def pods(self):
        kind = self.server.kinds.find("", "v1", "pods")
        return [record.object for _, record in self.server.store.items(kind.resource)]

    def roll_out(self, image, *, serves):
        self.serves = serves
        spec = {"containers": [{"name": "web", "image": image, "resources": {"requests": {"cpu": "500m"}}}]}
        self.server.patch("apps/v1", "Deployment", "web", {"spec": {"template": {"spec": spec}}})


async def up_and_down(world, times, *, low=2, high=20):
    """Scale by hand, as often as asked; each time what starts has time to."""
    for _ in range(times):
        world.scale_by_hand(high)
        await world.run(5 * MINUTE)
        world.scale_by_hand(low)
        await world.run(2 * MINUTE)


class TestLeadTime:
    async def test_it_comes_to_the_p90_of_the_pods_own_starts_and_the_forecast_looks_that_far(self):
        leads, seen = [], []

        def look(world):
            workload = world.workload("web")
            leads.append((workload.intent.lead, workload.seat.intent.lead))
            seen.append(workload.outlook is not None)

        async with Learning(start_up=pods.lognormal(40.0, 90.0)) as world:
            world.feed(100.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(mode="Observe", forecast=SHORT))
            await world.run(MINUTE, look)
            assert [world.status()["forecast"][key] for key in ("leadTime", "horizon")] == ["30s", "1m"]
            for _ in range(5):
                world.scale_by_hand(20)
                await world.run(5 * MINUTE, look)
                world.scale_by_hand(2)
                await world.run(2 * MINUTE, look)
            await world.operator.warmup.idle()
            await world.run(MINUTE, look)
            truth = float(np.quantile(list(world.started.values()), 0.9))
            learned, status = world.workload("web").starts.p90_seconds, world.status()
        assert len(world.started) > 80
        assert learned == pytest.approx(truth, rel=0.15)
        assert learned == pytest.approx(90.0, rel=0.2)
        lead = math.ceil((learned + 30.0) / MINUTE)
        held, built = leads[-1]
        assert held in {lead, lead + 1}, "30 s of interval and lag beside; what once was longer is held for an hour"
        assert built == held
        assert leads[0] == (1, 1)
        assert all(seen), "the older posterior served until the new one was there"
        assert status["forecast"]["horizon"] == f"{held}m"

    async def test_nothing_is_read_of_pods_while_none_starts(self):
        async with Learning() as world:
            world.feed(100.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(forecast=SHORT, minReplicas=2, maxReplicas=2))
            await world.run(2 * MINUTE)
            before = len(world.requests)
            await world.run(HOUR / 2)
            assert [r.path for r in world.requests[before:] if r.resource == "pods"] == []

    async def test_pods_that_never_can_start_do_not_lengthen_it_for_ever(self):
        async with Learning(start_up=pods.fixed(30.0)) as world:
            world.feed(100.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(mode="Observe", forecast=SHORT))
            await up_and_down(world, 1)
            world.workloads.start_up = pods.fixed(math.inf)
            world.scale_by_hand(8)
            await world.run(10 * MINUTE)
            starts = world.workload("web").starts
            assert starts.p90_seconds > 500.0, "they may be waiting for a node"
            await world.run(10 * MINUTE)
            assert starts.p90_seconds == 30.0, "they are stuck"

    async def test_a_rollout_is_noticed_and_slower_pods_of_it_are_believed_at_once(self):
        async with Learning(start_up=pods.fixed(20.0)) as world:
            world.feed(100.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(mode="Observe", forecast=SHORT))
            await up_and_down(world, 4)
            starts = world.workload("web").starts
            assert starts.p90_seconds == 20.0
            world.workloads.start_up = pods.fixed(150.0)
            world.roll_out("web:2", serves=40.0)
            await world.run(10 * MINUTE)
            assert (starts.rollouts, starts.p90_seconds) == (1, 150.0)
            assert world.workload("web").intent.lead == 3

    async def test_without_the_right_to_list_pods_it_is_assumed_and_said(self):
        async with Learning() as world:
            world.feed(400.0, days=0.2)
            refusal = Fault(match=lambda r: r.resource == "pods", status=403, reason="Forbidden", times=None)
            world.server.faults.add(refusal)
            await world.begin(deployment(replicas=2), autoscaler(forecast=SHORT))
            await world.run(3 * MINUTE)
            assert world.replicas() >= 8, "sized all the same"
            assert world.condition("ScalingActive") == ("True", "LearningHindered")
            assert world.condition("Ready") == ("True", "Ready")
            assert world.status()["forecast"]["leadTime"] == "30s"
            assert refusal.hits <= 2


def wave(t):
    """Between 200/s and 800/s, three times a day."""
    return 500.0 + 300.0 * np.sin(2 * np.pi * np.asarray(t) / DAY * 3 * 4)


QUICK_DOWN = {"scaleDown": {"stabilizationWindowSeconds": 60}}


class TestCapacity:
    async def test_it_is_learned_while_the_replicas_change_and_sizes_them_from_then_on(self):
        async with Learning() as world:
            world.load = wave
            world.feed(wave, days=0.2, ahead=8 * HOUR)
            spec = {"capacity": {"learn": UTILIZATION}, "forecast": SHORT, "behavior": QUICK_DOWN}
            await world.begin(deployment(replicas=10), autoscaler(**spec))
            await world.run(5 * MINUTE)
            assert world.condition("Ready") == ("False", "CapacityNotLearned")
            assert (world.decision().rung, world.decision().raw > 1) == (Rung.REACTIVE, True)
            assert "source" in world.status()["capacity"] and "low" not in world.status()["capacity"]  # noqa: PT018

            await world.run(2 * HOUR)
            known, decision, status = world.status()["capacity"], world.decision(), world.status()
            assert known["source"] == "Learned", (known, learning_problems(world.workload("web")))
            assert known["perReplica"] == pytest.approx(40.0, rel=0.05)
            assert 0.85 * 40.0 < known["low"] < 40.5
            assert (decision.rung, decision.steps[0].limiter) == (Rung.PREDICTIVE, Limiter.FORECAST)
            assert decision.raw == math.ceil(decision.demand / decision.case.policy.capacity)
            assert decision.case.policy.capacity == pytest.approx(known["low"], rel=0.02)
            assert "at 70 % utilisation at best guess, learned from" in decision.steps[0].why
            assert status["conditions"][0]["status"] == "True"

    async def test_new_code_that_needs_more_is_noticed_within_the_hour(self):
        async with Learning() as world:
            world.load = wave
            world.feed(wave, days=0.2, ahead=9 * HOUR)
            spec = {"capacity": {"perReplica": 60, "learn": UTILIZATION}, "forecast": SHORT, "behavior": QUICK_DOWN}
            await world.begin(deployment(replicas=20), autoscaler(**spec))
            await world.run(MINUTE)
            assert world.status()["capacity"]["source"] == "Prior"
            await world.run(2 * HOUR)
            before = world.status()["capacity"]
            world.roll_out("web:2", serves=28.0)
            await world.run(HOUR)
            after = world.status()["capacity"]
            assert before["perReplica"] == pytest.approx(40.0, rel=0.05)
            assert world.workload("web").starts.rollouts == 1
            assert after["perReplica"] == pytest.approx(28.0, rel=0.1)

    async def test_a_broken_utilisation_harms_nothing_but_the_learning(self):
        async with Learning() as world:
            world.feed(400.0, days=0.2)
            broken = UTILIZATION | {"utilizationQuery": "avg(cpu_utilization"}
            spec = {"capacity": {"perReplica": 50, "learn": broken}, "forecast": SHORT}
            await world.begin(deployment(replicas=2), autoscaler(**spec))
            await world.run(5 * MINUTE)
            assert world.condition("ScalingActive") == ("True", "LearningHindered")
            assert world.condition("Ready") == ("True", "Ready")
            assert world.replicas() == 11, "400/s and some noise at the low quantile of 50/s"

    async def test_a_utilisation_that_hangs_delays_no_load(self):
        hang = faults.Hang(only="cpu_utilization")
        complete = []
        async with World() as world:
            world.prometheus.fault = hang
            world.feed(400.0, days=0.2)
            spec = {"capacity": {"perReplica": 50, "learn": UTILIZATION}, "forecast": SHORT}
            await world.begin(deployment(replicas=2), autoscaler(**spec))
            await world.run(5 * MINUTE, lambda w: complete.append(w.workload("web").load.complete))
            assert all(complete)
            assert world.replicas() == 11
            assert world.workload("web").serving.reading is not None, "still waiting"
            hang.release()
            await world.operator.capacities.idle()

"""The main job: load in Prometheus becomes replicas of a Deployment, before it is needed, within what the user said."""

import json
import logging

import numpy as np

from bayescaler.control.decision_log import record
from bayescaler.policy.reasons import Limiter, Rung
from bayescaler.sandbox.traffic import Shape, traffic

from .worlds import DAY, HOUR, MINUTE, NOON, TICK, World, autoscaler, deployment


def working_day(t, low=100.0, high=900.0):
    """`low` by night, `high` from 13:00 to 18:00 UTC, ten minutes in between."""
    hour = (np.asarray(t) % DAY) / HOUR
    up, down = np.clip((hour - 13.0) * 6.0, 0.0, 1.0), np.clip((hour - 18.0) * 6.0, 0.0, 1.0)
    return low + (high - low) * (up - down)


async def test_replicas_are_raised_before_a_rise_that_the_history_taught_and_the_decision_says_why(caplog):
    """Two weeks of working days, on each of which the load doubles within five minutes of 12:15."""
    caplog.set_level(logging.INFO, "bayescaler.decisions")
    lunch = NOON + 15 * MINUTE
    midnight = NOON - DAY / 2
    shape = Shape(lunch_factor=2.0, flash_hour=None)
    load = traffic(midnight - 14 * DAY, days=15, seed=1, shape=shape)
    raises = []

    def look(world):
        now, decision = world.clock.now(), world.decision()
        if decision.acts and now <= lunch:
            raises.append(decision)

    async with World(start=NOON - MINUTE) as world:
        world.prometheus.store.add_counter("http_requests_total", {}, load.times, load.rates)
        ahead = {"history": "14d", "horizon": "10m"}
        await world.begin(deployment(replicas=28), autoscaler(forecast=ahead, capacity={"perReplica": 20}))
        seen = await world.run(20 * MINUTE, look)
    before_lunch = [n for n, at in zip(seen, np.arange(1, 81) * TICK, strict=True) if at <= 15 * MINUTE]
    calm = load.rates[(load.times >= NOON) & (load.times < lunch)].max()
    last = raises[-1]
    assert before_lunch[-1] >= before_lunch[0] + 5, "raised while the load was still what it was"
    assert last.load <= calm < 20 * before_lunch[0]
    assert (last.rung, last.limiter) == (Rung.PREDICTIVE, Limiter.FORECAST)
    assert last.demand > 1.2 * calm
    assert "expected within 10m at 95 %, 20/s each" in last.message
    told = [r.decision for r in caplog.records if r.name == "bayescaler.decisions"]
    assert any(one | record(last) == one for one in told)
    assert json.loads(json.dumps(told)) == told


async def test_replicas_follow_the_load_down_after_the_stabilization_window():
    async with World() as world:
        world.feed(lambda t: np.where(t < NOON + 5 * MINUTE, 500.0, 100.0))
        await world.begin(deployment(replicas=12), autoscaler(forecast={"history": "2h", "seasons": []}))
        seen = await world.run(40 * MINUTE)
        assert seen[0] >= 10
        assert seen[-1] <= 5


async def test_observe_writes_nothing_but_status_and_says_what_it_would_do():
    async with World() as world:
        world.feed(510.0)
        await world.begin(deployment(replicas=8), autoscaler(mode="Observe"))
        await world.run(5 * MINUTE)
        await world.operator.events.drain()
        ours = {w for w in world.writes() if w[0] != "events"}
        assert ours == {("bayesianautoscalers", "status"), ("configmaps", "")}, "status, and its own saved state"
        status = world.status()
        assert (status["currentReplicas"], world.replicas()) == (8, 8)
        assert status["desiredReplicas"] >= 10
        assert status["lastDecision"]["message"].endswith("not applied: mode Observe")
        assert world.condition("Paused") == ("False", "Observe")
        assert world.condition("Ready")[0] == "True"


async def test_paused_means_hands_off_and_resuming_acts_at_once():
    async with World() as world:
        world.feed(510.0)
        await world.begin(deployment(replicas=1), autoscaler(paused=True))
        await world.run(2 * MINUTE)
        assert world.replicas() == 1
        assert world.condition("Paused") == ("True", "Paused")
        assert ("Normal", "Paused") in await world.events()
        world.edit(paused=False)
        await world.run(MINUTE)
        assert world.replicas() >= 5
        assert world.condition("Paused") == ("False", "Running")


async def test_minimum_and_maximum_hold_whatever_the_load():
    async with World() as world:
        world.feed(510.0, name="busy_total")
        world.feed(0.0, name="idle_total")
        limits = {"minReplicas": 2, "maxReplicas": 4}
        await world.begin(
            deployment("busy", 3),
            deployment("idle", 3),
            autoscaler("busy", query="sum(rate(busy_total[1m]))", **limits),
            autoscaler("idle", query="sum(rate(idle_total[1m]))", **limits),
            deployment("web"),
        )
        await world.run(10 * MINUTE)
        assert (world.replicas("busy"), world.replicas("idle")) == (4, 2)
        assert world.condition("ScalingLimited", "busy") == ("True", "TooManyReplicas")
        assert world.condition("ScalingLimited", "idle") == ("True", "TooFewReplicas")


async def test_a_lowered_maximum_is_in_force_at_the_next_tick():
    async with World() as world:
        world.feed(510.0)
        await world.begin(deployment(replicas=11), autoscaler())
        await world.run(2 * MINUTE)
        world.edit(maxReplicas=6)
        assert (await world.run(15.0)) == [6]


async def test_zero_load_is_not_missing_load():
    async with World() as world:
        world.feed(0.0, name="zero_total")
        await world.begin(
            deployment("zero", 5),
            deployment("none", 5),
            deployment("web"),
            autoscaler("zero", query="sum(rate(zero_total[1m]))", minReplicas=0),
            autoscaler("none", query="sum(rate(none_total[1m]))", minReplicas=0),
        )
        await world.run(10 * MINUTE)
        assert world.replicas("zero") == 0
        assert world.condition("Ready", "zero")[0] == "True"
        assert world.replicas("none") == 5
        assert world.condition("ScalingActive", "none") == ("False", "LoadAbsent")


async def test_a_workload_switched_off_by_hand_stays_off_until_it_is_switched_on():
    async with World() as world:
        world.feed(200.0)
        await world.begin(deployment(replicas=5), autoscaler())
        await world.run(MINUTE)
        world.scale_by_hand(0)
        assert set(await world.run(5 * MINUTE)) == {0}
        assert world.condition("ScalingActive") == ("False", "ScalingDisabled")
        world.scale_by_hand(1)
        assert (await world.run(5 * MINUTE))[-1] >= 4


async def test_a_restart_of_the_operator_is_no_dip():
    async with World() as world:
        world.feed(working_day, days=2.0)
        at_once = {"scaleDown": {"stabilizationWindowSeconds": 0}}
        world.clock.advance(0)
        await world.begin(
            deployment(replicas=20), autoscaler(behavior=at_once, forecast={"history": "2d", "horizon": "2h"})
        )
        before = await world.run(5 * MINUTE)
        assert min(before) >= 18, "the afternoon is expected"
        status = world.status()
        await world.restart()
        after = await world.run(5 * MINUTE)
        assert min(after) >= min(before)
        conditions = {c["type"]: c["lastTransitionTime"] for c in status["conditions"]}
        assert {c["type"]: c["lastTransitionTime"] for c in world.status()["conditions"]} == conditions


async def test_a_hundred_objects_decide_at_the_first_tick_after_the_start():
    names = [f"w{i}" for i in range(100)]
    async with World() as world:
        world.feed(120.0, days=0.2)
        short = {"forecast": {"history": "2h", "seasons": []}}
        world.apply(*(deployment(n, 1) for n in names), *(autoscaler(n, **short) for n in names))
        world.clock.advance(MINUTE)
        await world.settle()
        await world.tick()
        assert all(world.workload(n).decision.rung is Rung.PREDICTIVE for n in names)
        assert {world.replicas(n) for n in names} == {3}
        written = [r.name for r in world.requests if r.verb == "patch" and r.subresource == "scale"]
        assert sorted(written) == sorted(names)

"""Every write to what belongs to others is on record: here, and in the API server's audit log by its userAgent."""

import pytest

from bayescaler.sandbox.server import Fault

from .worlds import MINUTE, SHORT, TICK, World, autoscaler, deployment


@pytest.fixture
async def world(caplog):
    caplog.set_level("INFO", "bayescaler.audit")
    caplog.set_level("INFO", "bayescaler.decisions")
    async with World() as made:
        made.feed(510.0, days=0.2)
        yield made


def writes(caplog):
    return [one.__dict__ for one in caplog.records if one.name == "bayescaler.audit"]


def decisions(caplog):
    return {one.decision["id"]: one.decision for one in caplog.records if one.name == "bayescaler.decisions"}


async def test_a_write_is_on_record_with_the_decision_that_made_it(world, caplog):
    await world.begin(deployment(replicas=3), autoscaler(**SHORT))
    await world.run(MINUTE)
    written, made = writes(caplog), decisions(caplog)
    assert [(one["write"], one["field"], one["result"]) for one in written] == [
        ("Deployment default/web", "replicas", "ok") for _ in written
    ]
    assert written[0]["before"] == 3
    assert written[-1]["after"] == world.replicas() > 3
    for one in written:
        assert made[one["decision_id"]]["final"] == one["after"]
    signed = {r.headers["User-Agent"] for r in world.requests if (r.verb, r.subresource) == ("patch", "scale")}
    assert {agent.partition(" ")[2] for agent in signed} == {f"(decision {one['decision_id']})" for one in written}
    others = {r.headers["User-Agent"] for r in world.requests if r.subresource != "scale"}
    assert not any("decision" in agent for agent in others)


async def test_a_write_that_is_refused_is_on_record_too(world, caplog):
    await world.begin(deployment(replicas=11), autoscaler(**SHORT))
    await world.run(MINUTE)
    world.scale_by_hand(5)
    await world.advance(0)
    world.server.faults.add(
        Fault(match=lambda r: (r.verb, r.subresource) == ("patch", "scale"), status=403, times=None)
    )
    caplog.clear()
    world.clock.advance(TICK)
    await world.tick()
    (refused,) = writes(caplog)
    assert (refused["before"], refused["after"], refused["result"]) == (5, 11, "Forbidden")
    assert refused["why"]

"""A restart, a crash in the middle of something: decisions go on as if nothing had happened."""

from dataclasses import replace

import pytest

from bayescaler.policy.reasons import Phase, Rung
from bayescaler.policy.trust import Charge, Standing
from bayescaler.sandbox import pods

from .restarts import STATE, clean, crash, forgetful, hold, played, recovery, scale_up, steered, unbroken
from .worlds import HOUR, MINUTE, NOON, SETTINGS, SHORT, World, autoscaler, deployment


@pytest.mark.parametrize("story", [scale_up, hold, recovery, steered])
async def test_what_is_decided_after_a_restart_is_what_would_have_been_without(story):
    whole, broken = await unbroken(story), await played(story, restart=clean)
    assert broken[0] == whole[0]
    off = [abs(one[0] - other[0]) for one, other in zip(broken, whole, strict=True)]
    assert max(off) <= 1, list(zip(broken, whole, strict=True))


async def test_without_saved_state_the_same_stories_go_another_way():
    """So the tests above can fail."""
    for story in (scale_up, recovery):
        assert await played(story, restart=forgetful) != await unbroken(story)


@pytest.mark.parametrize("story", [scale_up, hold, recovery])
async def test_after_a_crash_never_fewer_pods_run_than_without(story):
    whole, broken = await unbroken(story), await played(story, restart=crash)
    assert all(one[0] >= other[0] for one, other in zip(broken, whole, strict=True))


async def test_after_a_long_pause_what_runs_is_held_for_a_window_and_old_times_are_forgotten():
    async with World(settings=replace(SETTINGS, warmup_retry_seconds=0.05)) as world:
        world.feed(lambda t: 600.0 - 500.0 * (t >= NOON + 10 * MINUTE), days=0.2, ahead=9 * HOUR)
        await world.begin(deployment(replicas=14), autoscaler(**SHORT))
        await world.run(8 * MINUTE)
        runs = world.replicas()
        await world.running.stop()
        world.clock.advance(3 * HOUR)
        await world.prometheus.stop()
        world.running = await world.start_operator()
        world.operator = world.running.operator
        await world.run(MINUTE)
        assert world.workload("web").state.missing_since > world.clock.now() - 2 * MINUTE
        assert world.decision().rung in (Rung.STORED, Rung.HOLD), "no outage of three hours was seen"
        await world.prometheus.start()
        await world.until(lambda: world.workload("web").seat is not None, "the history is read")
        seen = await world.run(4 * MINUTE)
        assert set(seen) == {runs}
        assert (await world.run(30 * MINUTE))[-1] < runs


class TestWhatIsLearned:
    async def test_the_first_posterior_after_a_restart_has_the_lead_that_was_learned(self):
        async with World(start_up=pods.fixed(150.0)) as world:
            world.feed(200.0, days=0.2)
            await world.begin(deployment(replicas=2), autoscaler(mode="Observe", **SHORT))
            await world.run(MINUTE)
            for _ in range(3):
                world.scale_by_hand(8)
                await world.run(5 * MINUTE)
                world.scale_by_hand(2)
                await world.run(MINUTE)
            before = world.workload("web")
            assert (before.starts.p90_seconds, before.intent.lead) == (150.0, 3)
            await world.restart()
            after = world.workload("web")
            assert after.starts.p90_seconds == 150.0
            assert after.starts.held == before.starts.held
            assert after.seat.intent.lead == 3
            read = {r.path for r in world.requests if r.resource == "configmaps"}
            assert f"/api/v1/namespaces/default/configmaps/{STATE}" in read

    async def test_phase_and_what_is_known_of_other_writers_come_back(self):
        async with World() as world:
            world.feed(510.0, days=0.2)
            await world.begin(deployment(replicas=11), autoscaler(**SHORT))
            await world.run(2 * MINUTE)
            before = world.workload("web")
            before.phase, before.standing = Phase.DEGRADED, Standing(Phase.DEGRADED, 50, Charge.SKILL)
            await world.running.stop()
            world.running = await world.start_operator()
            after = world.running.operator.registry.get(("default", "web"))
            assert after.tenure == before.tenure
            assert after.tenure.of
            assert (after.phase, after.standing) == (Phase.DEGRADED, before.standing)

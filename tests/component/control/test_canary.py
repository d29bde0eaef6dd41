"""Other settings of the forecaster run beside the live ones on the sandbox, and what is measured is what follows."""

import numpy as np
import pytest

from bayescaler.policy.reasons import CanaryPhase

from .worlds import CRD, HOUR, MINUTE, World, autoscaler, deployment

ROUND = 110  # minutes after which the load repeats; no hour divides it
PATTERN = np.random.default_rng(5).uniform(100.0, 900.0, ROUND)
BLIND = {"history": "1d", "seasons": []}
KNOWS = {"seasons": ["110m"], "after": "30m"}


def repeating(t):
    """Each minute as by dice, and the same again every 110 minutes."""
    return PATTERN[(np.asarray(t) // MINUTE).astype(np.int64) % ROUND]


class Trial(World):
    """What a tick began beside itself is waited for; a bucket is a tick."""

    async def settle(self):
        await super().settle()
        await self.tick()
        await self.operator.canaries.idle()

    async def minutes(self, most, until=lambda _: False):
        for _ in range(most):
            await self.advance(MINUTE)
            await self.tick()
            await self.operator.canaries.idle()
            if until(self):
                return

    def canary(self):
        return self.workload("web").canary

    def phase(self):
        return self.canary().trial.phase

    def told(self):
        return self.status().get("canary", {})

    def live_seasons(self):
        return self.workload("web").seat.intent.forecast.seasons

    def rows(self):
        return sum(len(bank) for bank in self.operator.banks._banks.values())

    async def of_canary(self):
        return [reason for _, reason in await self.events() if reason.startswith("Canary")]


def over(world):
    return world.canary().trial.over


async def begun(world, live, canary, **spec):
    world.feed(repeating, days=1.1)
    await world.begin(deployment(replicas=15), autoscaler(forecast=live | {"canary": canary}, **spec))


async def test_a_season_that_the_live_forecast_lacks_is_promoted_and_the_spec_stays_as_it_was():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        assert world.rows() == 2
        await world.minutes(20)
        assert world.told()["phase"] == "Running"
        assert world.told()["windows"] > 5
        assert world.told()["lossRatio"] < 0.5
        assert world.told()["canary"]["replicas"] >= 1
        assert world.live_seasons() == ()
        before = world.workload("web").standing

        await world.minutes(5 * 60, until=over)
        assert world.phase() is CanaryPhase.PROMOTED
        assert world.canary().trial.book.interval[1] < 1.0
        await world.minutes(2)
        assert world.live_seasons() == (ROUND * MINUTE,)
        assert world.rows() == 1
        assert await world.of_canary() == ["CanaryPromoted"]
        assert world.told()["phase"] == "Promoted"
        assert "move it to spec.forecast" in world.told()["message"]
        assert world.server.get(*CRD, "web")["spec"]["forecast"]["seasons"] == []
        assert world.workload("web").standing.phase is before.phase

        for _ in range(5):  # as nobody could know by dice
            expected = world.decision().demand
            await world.minutes(1)
            assert expected == pytest.approx(world.workload("web").load.value, rel=0.1)


async def test_a_season_thrown_away_is_rolled_back_and_the_live_seat_is_the_one_it_was():
    async with Trial() as world:
        await begun(world, {"history": "1d", "seasons": ["110m"]}, {"seasons": [], "after": "30m"})
        seat = world.workload("web").seat
        await world.minutes(5 * 60, until=over)
        await world.minutes(1)
        assert world.phase() is CanaryPhase.ROLLED_BACK
        assert world.workload("web").seat is seat
        assert world.rows() == 1
        assert await world.of_canary() == ["CanaryRolledBack"]
        assert world.told()["lossRatioLow"] > 1.0


async def test_one_that_is_never_to_be_promoted_is_told_to_be_better_once():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS | {"promote": "Never"})
        await world.minutes(5 * 60, until=lambda w: w.canary().trial.told)
        await world.minutes(3)
        assert world.phase() is CanaryPhase.RUNNING
        assert world.live_seasons() == ()
        assert await world.of_canary() == ["CanaryBetter"]
        assert "promote is Never" in world.told()["message"]


async def test_what_was_compared_survives_a_restart_and_so_does_a_promotion():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(25)
        known = world.canary().trial
        await world.restart()
        assert world.canary().trial.since == known.since
        assert world.canary().trial.book.windows >= known.book.windows
        await world.minutes(5 * 60, until=over)

        await world.restart()
        assert world.phase() is CanaryPhase.PROMOTED
        assert world.live_seasons() == (ROUND * MINUTE,)
        assert world.rows() == 1
        assert await world.of_canary() == ["CanaryPromoted"]  # once


async def test_a_canary_taken_out_of_the_spec_leaves_nothing_behind():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(5)
        seat = world.workload("web").seat
        world.edit(forecast={"canary": None})
        await world.minutes(2)
        assert world.canary() is None
        assert world.workload("web").seat is seat
        assert world.rows() == 1
        assert "canary" not in world.status()


async def test_moving_the_promoted_settings_into_the_spec_changes_nothing_that_runs():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(5 * 60, until=over)
        await world.minutes(1)
        seat = world.workload("web").seat
        world.edit(forecast={"seasons": ["110m"], "canary": None})
        await world.settle()
        await world.minutes(2)
        assert world.workload("web").seat is seat
        assert world.canary() is None


async def test_without_its_promoted_canary_the_spec_holds_again():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(5 * 60, until=over)
        world.edit(forecast={"canary": None})
        await world.settle()
        await world.minutes(1)
        assert world.live_seasons() == ()


async def test_other_settings_are_another_canary():
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(10)
        assert world.canary().trial.book.windows > 0
        before = world.told()["hash"]
        world.edit(forecast={"canary": {"seasons": ["3h"]}})
        await world.settle()
        await world.minutes(2)
        assert world.told()["hash"] != before
        assert world.canary().trial.book.windows <= 2
        assert world.canary().seat.intent.forecast.seasons == (3 * HOUR,)


async def test_what_fails_of_a_canary_never_reaches_its_live_forecast(monkeypatch):
    async with Trial() as world:
        await begun(world, BLIND, KNOWS)
        await world.minutes(5)
        live, canary = world.workload("web").seat, world.canary().seat
        feed = world.operator.banks.catch_up

        async def broken(seat, times, values):
            if seat is canary:
                raise RuntimeError("a fault of the canary")
            await feed(seat, times, values)

        monkeypatch.setattr(world.operator.banks, "catch_up", broken)
        before = world.decision().at
        await world.minutes(2)
        assert world.workload("web").seat is live
        assert world.decision().at > before, "the live forecast is decided on"
        assert world.workload("web").load.complete
        await world.minutes(3)
        assert world.canary().seat not in (None, canary)  # built anew
        assert world.rows() == 2
        assert world.operator.metrics.registry.get_sample_value("bayescaler_failures_total", {"where": "canary"}) == 1


async def test_a_canary_changes_no_decision_while_it_runs():
    decided = []
    for forecast in (BLIND, BLIND | {"canary": KNOWS | {"promote": "Never"}}):
        finals = []
        async with Trial() as world:
            world.feed(repeating, days=1.1)
            await world.begin(deployment(replicas=15), autoscaler(forecast=forecast))
            for _ in range(30):
                await world.minutes(1)
                finals.append((world.decision().final, world.decision().demand))
        decided.append(finals)
    assert decided[0] == decided[1]

"""The lab says what the operator does: the same load through a backtest and through the loop on the sandbox."""

import numpy as np

from bayescaler.policy import Health, Rung
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.sources.allow import AllowList
from bayescaler.sources.auth import NO_AUTH
from bayescaler.sources.prometheus import PrometheusSource

from .worlds import DAY, HOUR, MINUTE, NOON, SETTINGS, TICK, World, autoscaler, deployment

SETTLED = 10 * MINUTE  # by then the windows of an operator that began at noon are those of one that always ran


def busy(t):
    """A daily wave with noise that is the same each time; for six minutes nothing is scraped, for seven it is zero."""
    t = np.asarray(t)
    noise = np.random.default_rng(7).normal(0.0, 25.0, 200_000)[(t // MINUTE).astype(np.int64) % 200_000]
    silent = (t >= NOON + 30 * MINUTE) & (t < NOON + 36 * MINUTE)
    zero = (t >= NOON + 45 * MINUTE) & (t < NOON + 52 * MINUTE)
    return np.where(silent, np.nan, np.where(zero, 0.0, 600.0 + 250.0 * np.sin(2 * np.pi * t / DAY * 3) + noise))


async def test_a_backtest_decides_tick_by_tick_what_the_operator_decides():
    decisions = []
    async with World() as world:
        world.feed(busy)
        await world.begin(deployment(replicas=15), autoscaler())
        await world.run(HOUR, lambda w: decisions.append(w.decision()))
        workload = world.workload("web")
        intent = workload.intent
        source = PrometheusSource(world.prometheus.url, AllowList(()), auth_for=lambda _: NO_AUTH)
        read = await source.read(intent.query, start=NOON - 2 * DAY, end=NOON + HOUR + MINUTE, now=world.clock.now())
        await source.close()

    scenario = Scenario(
        read.values,
        MINUTE,
        intent.policy.capacity,
        start=float(read.times[0]),
        lag_seconds=SETTINGS.metric_lag_seconds,
        interval_seconds=TICK,
        max_replicas=60,
    )
    replayed = decided(forecasts(scenario, intent.forecast, scale=intent.scale), intent.policy)
    first = np.searchsorted(replayed.instants, decisions[0].at)
    for place, live in enumerate(decisions[:-1], start=first):
        if live.at < NOON + SETTLED:
            continue
        assert replayed.instants[place] == live.at
        again = replayed.decisions([place])[0]
        assert (again.final, again.limiter, again.load) == (live.final, live.limiter, live.load)
        assert again.demand == live.demand
        assert again.steps == live.steps
    assert {live.case.observation.health for live in decisions} >= {Health.LIVE, Health.IMPLAUSIBLE}
    assert {live.rung for live in decisions} == {Rung.PREDICTIVE, Rung.STORED, Rung.HOLD}

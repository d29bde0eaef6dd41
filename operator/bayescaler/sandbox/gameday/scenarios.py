"""The scenarios: what happens to the cluster, and what has to hold."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bayescaler.sandbox import pods
from bayescaler.sandbox.prometheus import faults

from .checks import (
    Check,
    Verdict,
    calm,
    decides_again_within,
    given_back_within,
    lead_time_learned,
    never_lowered,
    not_lowered_while_rolling,
    promise_kept,
    served_again_within,
    short_no_longer_than,
)
from .play import CALM_SECONDS, MINUTE, TICK_SECONDS, Floats, Game, Surge, game, steady

TROUBLE_SECONDS = 10 * MINUTE
LEADERLESS_SECONDS = 2 * MINUTE
SLOW_START_SECONDS = 150.0
# What was read just before may still act: a bucket of a minute, the lag of the metrics, a tick.
KNOWN_BEFORE_SECONDS = 90.0
NOT_STEADY_YET_SECONDS = 45.0
SCALE_DOWN_WINDOW_SECONDS = 300.0

Happens = Callable[[Game], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`happens` begins after the calm and ends with the trouble; `told` is a line for people."""

    name: str
    told: str
    happens: Happens
    checks: Sequence[Check]
    surge: Surge = steady
    trouble_seconds: float = TROUBLE_SECONDS
    after_seconds: float = 20 * MINUTE

    @property
    def seconds(self) -> float:
        """How long it lasts, simulated."""
        return CALM_SECONDS + self.trouble_seconds + self.after_seconds

    @property
    def ticks(self) -> int:
        """How many moments there will be."""
        return round(self.seconds / TICK_SECONDS)


async def play(scenario: Scenario, *, seed: int = 0, on_tick: Callable[[], None] = lambda: None) -> list[Verdict]:
    """Play a scenario on a stage of its own; the same seed gives the same figures. `on_tick` hears of every tick."""
    async with game(seconds=scenario.seconds, surge=scenario.surge, seed=seed, on_tick=on_tick) as stage:
        await stage.run(CALM_SECONDS)
        begin = stage.now
        await scenario.happens(stage)
        end = stage.now
        await stage.run(scenario.after_seconds)
        seen = stage.seen(begin, end)
    return [check(seen) for check in scenario.checks]


def _tenfold(seconds: Floats) -> Floats:
    """From one minute to the next, and back."""
    return np.where((seconds >= CALM_SECONDS) & (seconds < CALM_SECONDS + TROUBLE_SECONDS), 10.0, 1.0)


def _doubled(seconds: Floats) -> Floats:
    """While nobody leads, and for good."""
    return np.where(seconds >= CALM_SECONDS, 2.0, 1.0)


async def _passes(game: Game) -> None:
    await game.run(TROUBLE_SECONDS)


async def _outage(game: Game) -> None:
    await game.stage.prometheus.stop()
    await game.run(TROUBLE_SECONDS)
    await game.stage.prometheus.start()


def _spoilt(fault: Callable[[Game], faults.Fault]) -> Happens:
    async def happens(game: Game) -> None:
        game.stage.prometheus.fault = fault(game)
        await game.run(TROUBLE_SECONDS)
        game.stage.prometheus.fault = faults.HEALTHY

    return happens


async def _rollout(game: Game) -> None:
    game.stage.workloads.start_up = pods.fixed(SLOW_START_SECONDS)
    game.roll_out("web:2")
    await game.run(TROUBLE_SECONDS)


async def _replaced(game: Game) -> None:
    await game.stage.stop_operator()
    await game.run(LEADERLESS_SECONDS, deciding=False)
    await game.stage.start_operator()
    await game.stage.settle()


ALWAYS = (calm, promise_kept)
BLIND = (
    never_lowered(after_seconds=KNOWN_BEFORE_SECONDS, more_seconds=NOT_STEADY_YET_SECONDS),
    short_no_longer_than(0.0),
    decides_again_within(2 * MINUTE),
    *ALWAYS,
)
SCENARIOS = (
    Scenario(
        "burst",
        "ten times the load from one minute to the next, for ten minutes",
        _passes,
        (short_no_longer_than(5 * MINUTE), given_back_within(25 * MINUTE, at_most=2.0), *ALWAYS),
        _tenfold,
        after_seconds=30 * MINUTE,
    ),
    Scenario("outage", "Prometheus refuses connections", _outage, BLIND),
    Scenario("nan", "every value is NaN", _spoilt(lambda _: faults.NotANumber()), BLIND),
    Scenario("stale", "nothing is scraped any more", _spoilt(lambda game: faults.Frozen(game.now)), BLIND),
    Scenario("zero", "the query counts nothing", _spoilt(lambda _: faults.Scaled(0.0)), BLIND),
    Scenario(
        "thousandfold",
        "the query has the wrong unit",
        _spoilt(lambda _: faults.Scaled(1000.0)),
        (never_lowered(), short_no_longer_than(0.0), given_back_within(60 * MINUTE, at_most=2.0), *ALWAYS),
        after_seconds=65 * MINUTE,
    ),
    Scenario(
        "rollout",
        "an image whose pods take 150 s to start, not 45",
        _rollout,
        (
            not_lowered_while_rolling,
            short_no_longer_than(0.0),
            lead_time_learned(0.9 * SLOW_START_SECONDS),
            *ALWAYS,
        ),
    ),
    Scenario(
        "replaced",
        "nobody leads for two minutes in which the load doubles; another operator takes over",
        _replaced,
        (
            never_lowered(more_seconds=SCALE_DOWN_WINDOW_SECONDS),
            served_again_within(3 * MINUTE),
            decides_again_within(MINUTE),
            *ALWAYS,
        ),
        _doubled,
        trouble_seconds=LEADERLESS_SECONDS,
    ),
)
NAMED = {scenario.name: scenario for scenario in SCENARIOS}

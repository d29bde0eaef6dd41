"""What each policy would have cost and missed on the judged part, beside one who knows the future, and how sure it is.

Intervals are 95 % from 2000 bootstrap draws of whole local days (Kuensch, Ann. Stat. 17 (1989) 1217): load and its
overloads come in runs that stay within a day. The same days are drawn for every policy, so that differences are paired.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescast.scores import MIN_DAYS, local_days

from .baselines.clairvoyant import Clairvoyant
from .scenario import Integers, Scenario
from .service import HOUR_SECONDS, Outcome, Played

Floats = NDArray[np.float64]

_DRAWS = 2000
_TAILS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Prices:
    """What an hour of one replica costs, and an hour in which load exceeds what the ready pods serve."""

    replica_hour: float = 1.0
    overload_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval; NaN where too few days say anything."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """One policy over the judged time. `regret` is its cost above that of the clairvoyant with lead."""

    name: str
    outcome: Outcome
    cost: float
    regret: float
    violating: Interval
    unserved: Interval
    pod_hours: Interval
    regretted: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Sums by local day of one played timeline, shapes (days,)."""

    seconds: Floats
    violating_seconds: Floats
    load: Floats
    unserved: Floats
    pod_hours: Floats

    def cost(self, prices: Prices) -> Floats:
        """Return what each day cost."""
        overloaded = self.violating_seconds / HOUR_SECONDS
        return np.asarray(prices.replica_hour * self.pod_hours + prices.overload_hour * overloaded)


def judge(
    scenario: Scenario,
    policies: Mapping[str, Integers],
    prices: Prices = Prices(),
    *,
    time_zone: str = "UTC",
    seed: int = 0,
) -> list[Judgement]:
    """Judge the replicas that each policy wanted at each decision, shape (n,), in the order given."""
    knowing = by_day(scenario, scenario.play(Clairvoyant().replicas(scenario)), time_zone).cost(prices)
    drawn = draws(len(knowing), seed)
    judged = []
    for name, replicas in policies.items():
        played = scenario.play(replicas)
        days = by_day(scenario, played, time_zone)
        cost = days.cost(prices)
        judged.append(
            Judgement(
                name,
                played.outcome(max_replicas=scenario.max_replicas),
                float(cost.sum()),
                float((cost - knowing).sum()),
                interval(drawn, days.violating_seconds, days.seconds),
                interval(drawn, days.unserved, days.load),
                interval(drawn, days.pod_hours),
                interval(drawn, cost - knowing),
            )
        )
    return judged


def by_day(scenario: Scenario, played: Played, time_zone: str = "UTC") -> Days:
    """Return the sums of a timeline played by `scenario.play` by local day."""
    _, place = np.unique(local_days(scenario.judged_times, time_zone), return_inverse=True)
    short = played.short

    def summed(values: NDArray[np.generic]) -> Floats:
        return np.asarray(np.bincount(place, weights=values.astype(np.float64)) * played.step_seconds)

    return Days(
        seconds=summed(np.ones(len(short))),
        violating_seconds=summed(short > 0.0),
        load=summed(played.load),
        unserved=summed(short),
        pod_hours=summed(played.replicas) / HOUR_SECONDS,
    )


def draws(days: int, seed: int = 0) -> Integers:
    """Return how often each day is drawn in each of the bootstrap's draws, shape (2000, days); none of too few days."""
    if days < MIN_DAYS:
        return np.empty((0, days), dtype=np.int64)
    return np.random.default_rng(seed).multinomial(days, np.full(days, 1.0 / days), size=_DRAWS)


def interval(drawn: Integers, values: Floats, over: Floats | None = None) -> Interval:
    """Return the interval of the sum of daily values, or of its ratio to the sum of `over`."""
    sums = drawn @ values
    if over is not None:
        total = drawn @ over
        sums = np.where(total > 0.0, sums / np.where(total > 0.0, total, 1.0), 0.0)
    return spread(sums)


def spread(samples: Floats) -> Interval:
    """Return the middle 95 % of samples, NaN without any or where a fortieth of them is NaN."""
    if not len(samples) or np.isnan(samples).mean() > _TAILS[0]:
        return Interval(np.nan, np.nan)
    low, high = np.nanquantile(samples, _TAILS)
    return Interval(float(low), float(high))

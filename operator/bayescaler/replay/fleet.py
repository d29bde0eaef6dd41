"""A fleet of workloads: what each would gain or lose, as a row of plain numbers, and the rows ranked and summed.

Two answers a workload. Against what it has, as it is set: replica-hours saved and the time short of both, which may
well be a move along one curve. And at equal time short, against the same autoscaler with the best target there is in
hindsight: the only ratio that compares.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .backtest import OURS, PLAIN, TARGETS, TUNED, Case
from .baselines import Baseline
from .frontier import Frontier, beside, frontier, least
from .judgement import Interval, Prices, draws, interval
from .ours import decided, forecasts
from .report.verdict import Category, categorised, safest
from .service import HOUR_SECONDS, Outcome

MEANING: Mapping[Category, str] = {
    Category.WORTH_IT: "surely fewer replica-hours than the best target in hindsight at equal time short, or short "
    "more seldom than any target and no dearer than the safest",
    Category.DEPENDS: "short more seldom than any target, and dearer than the safest",
    Category.ALIKE: "no difference that matters, surely within 2 % of the best target",
    Category.UNTOLD: "not to be told apart, or too few days were judged",
    Category.NOT_WORTH_IT: "surely more replica-hours",
}


@dataclass(frozen=True, slots=True)
class Present:
    """What a workload has: `steering` makes the baseline that steers to a load per replica, `per_replica` is its own.

    name: what is spoken of it, such as "HPA at 70 %".
    """

    name: str
    per_replica: float
    steering: Callable[[float], Baseline]


@dataclass(frozen=True, slots=True)
class Side:
    """One policy over the judged time."""

    short: float
    unserved: float
    pod_hours: float
    cost: float
    changes: int
    reversals: int


@dataclass(frozen=True, slots=True)
class Row:
    """One workload. Replica-hours, shares of time; NaN where there is no answer.

    saved: of replica-hours against what it has, an interval over days. tuned_pod_hours: of what it has with the best
    target for being short as seldom as ours. ratio: ours over that. safest_pod_hours: of its target least short.
    """

    name: str
    kind: str
    present_name: str
    seconds: float
    ours: Side
    present: Side
    saved: Interval
    tuned_pod_hours: float
    safest_pod_hours: float
    ratio: float
    ratio_interval: Interval

    @property
    def saved_pod_hours(self) -> float:
        """Replica-hours fewer than what it has."""
        return self.present.pod_hours - self.ours.pod_hours

    @property
    def saved_cost(self) -> float:
        """By how much it is cheaper than what it has, at the prices given."""
        return self.present.cost - self.ours.cost

    @property
    def gained_pod_hours(self) -> float:
        """Replica-hours fewer at equal time short; than its safest target, where none is short as seldom."""
        tuned = self.safest_pod_hours if math.isnan(self.tuned_pod_hours) else self.tuned_pod_hours
        return tuned - self.ours.pod_hours

    @property
    def verdict(self) -> Category:
        """What the report of this workload alone would say."""
        if math.isnan(self.tuned_pod_hours):
            return Category.DEPENDS if self.gained_pod_hours < 0.0 else Category.WORTH_IT
        return Category.UNTOLD if math.isnan(self.ratio_interval.low) else categorised(self.ratio_interval)


@dataclass(frozen=True, slots=True)
class Total:
    """All rows together. Time short is the mean of the workloads'; `ratio` is over those that can be compared."""

    verdicts: Mapping[Category, int]
    short: float
    present_short: float
    pod_hours: float
    present_pod_hours: float
    cost: float
    present_cost: float
    compared: int
    ratio: float


def weigh(case: Case, kind: str, present: Present, prices: Prices = PLAIN) -> Row:
    """Replay one workload beside what it has; ValueError or BayescastError say what it cannot be done with.

    One forecast, our decisions at the quantile that is set, and what it has at its own target and eleven others.
    """
    scenario, zone, capacity = case.scenario, case.spec.time_zone, case.scenario.capacity
    mine = decided(forecasts(scenario, case.spec, scale=case.scale), case.policy).replicas
    targets = sorted({present.per_replica / capacity, *TARGETS})
    own = targets.index(present.per_replica / capacity)
    theirs = frontier(
        scenario,
        TUNED,
        targets,
        (present.steering(target * capacity).replicas(scenario) for target in targets),
        time_zone=zone,
    )
    ours = frontier(scenario, OURS, (case.policy.promised,), [mine], time_zone=zone)
    at_equal = beside(ours, theirs, least(scenario, time_zone=zone))
    return Row(
        name=case.name,
        kind=kind,
        present_name=present.name,
        seconds=float(ours.seconds.sum()),
        ours=_side(ours, 0, prices),
        present=_side(theirs, own, prices),
        saved=interval(draws(len(ours.seconds)), theirs.pod_hours[:, own] - ours.pod_hours[:, 0]),
        tuned_pod_hours=at_equal.theirs,
        safest_pod_hours=safest(theirs)[1],
        ratio=at_equal.ratio,
        ratio_interval=at_equal.ratio_interval,
    )


def ranked(rows: Sequence[Row], prices: Prices = PLAIN) -> list[Row]:
    """Return the rows, the most to gain first: by replica-hours at equal time short, or by cost if overload has one."""

    def gain(row: Row) -> float:
        return row.saved_cost if prices.overload_hour > 0 else row.gained_pod_hours

    return sorted(rows, key=lambda row: (-gain(row), row.name, row.kind))


def total(rows: Sequence[Row]) -> Total:
    """Return the sum of one row or more."""
    seconds = math.fsum(row.seconds for row in rows)
    compared = [row for row in rows if not math.isnan(row.tuned_pod_hours)]
    counts = Counter(row.verdict for row in rows)
    tuned = math.fsum(row.tuned_pod_hours for row in compared)
    return Total(
        verdicts={verdict: counts[verdict] for verdict in MEANING},
        short=math.fsum(row.ours.short * row.seconds for row in rows) / seconds,
        present_short=math.fsum(row.present.short * row.seconds for row in rows) / seconds,
        pod_hours=math.fsum(row.ours.pod_hours for row in rows),
        present_pod_hours=math.fsum(row.present.pod_hours for row in rows),
        cost=math.fsum(row.ours.cost for row in rows),
        present_cost=math.fsum(row.present.cost for row in rows),
        compared=len(compared),
        ratio=math.fsum(row.ours.pod_hours for row in compared) / tuned if tuned > 0 else math.nan,
    )


def _side(one: Frontier, place: int, prices: Prices) -> Side:
    outcome: Outcome = one.outcomes[place]
    return Side(
        short=outcome.violating_share,
        unserved=outcome.unserved_share,
        pod_hours=outcome.pod_hours,
        cost=prices.replica_hour * outcome.pod_hours + prices.overload_hour * outcome.violating_seconds / HOUR_SECONDS,
        changes=outcome.scale_events,
        reversals=outcome.reversals,
    )

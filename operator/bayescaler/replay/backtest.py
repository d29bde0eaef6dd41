"""A backtest: one workload's manifest along its load, beside what it is compared with.

The parts are made one after the other, each from what is there: forecasts, our decisions, the peers, the frontier over
our quantile and the HPA's target, the worst moments. `backtest` makes all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy import Policy
from bayescast import LEVELS, ForecastSpec
from bayescast.scorecard import Report, score

from .baselines import Hpa, baseline, sweep
from .frontier import LEVELS as SHARES
from .frontier import Comparison, Frontier, beside, compare, frontier, least, violating_at
from .judgement import Judgement, Prices, judge
from .moments import Moment, worst
from .ours import Decided, Forecasts, decided, forecasts
from .queueing import Waiting, queue
from .scenario import Integers, Scenario

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

OURS, TUNED = "bayescaler", "hpa"
QUANTILES = LEVELS
PLAIN = Prices()
TARGETS = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0)  # of what a pod serves


@dataclass(frozen=True, eq=False)
class Case:
    """What is replayed: a policy and its forecaster on a scenario.

    scale: brings the forecaster's unit to that of the scenario's loads. concurrency: requests that one pod serves at a
    time, to judge waits by as well; None does not.
    """

    name: str
    policy: Policy
    spec: ForecastSpec
    scenario: Scenario
    scale: float = 1.0
    concurrency: int | None = None


@dataclass(frozen=True, eq=False)
class Backtest:
    """All that came of one.

    replicas: by name, ours first, what was wanted at each decision. judgements: in the same order. comparisons: ours
    against the HPA, each at the best of its knob for a share of time short; `own` at the share that ours had as the
    manifest is. waits: of requests by policy, where nothing is lost but queues; empty without a concurrency.
    calibration: of the judged part.
    """

    case: Case
    prices: Prices
    decided: Decided
    replicas: Mapping[str, Integers]
    judgements: Sequence[Judgement]
    ours: Frontier
    hpa: Frontier
    clairvoyant: Frontier
    comparisons: Sequence[Comparison]
    own: Comparison
    waits: Mapping[str, Waiting]
    calibration: Report
    moments: Sequence[Moment]

    @property
    def judgement(self) -> Judgement:
        """That of ours."""
        return self.judgements[0]

    @property
    def at_their_cost(self) -> dict[str, float]:
        """By peer: for which share of the time ours is short at the quantile that takes as many replica-hours as it.

        NaN where even our laxest quantile takes more.
        """
        return {
            one.name: float(violating_at(self.ours.violating, self.ours.cost, one.outcome.pod_hours))
            for one in self.judgements[1:]
        }


def backtest(case: Case, names: Sequence[str], prices: Prices = PLAIN, *, told: Progress = lambda _: None) -> Backtest:
    """Replay a case beside the baselines of these names; ValueError or BayescastError say what it cannot be done with.

    told: called with a few words before each part.
    """
    scenario, zone = case.scenario, case.spec.time_zone
    told("forecasting")
    issued = forecasts(scenario, case.spec, scale=case.scale)
    told("deciding")
    mine = decided(issued, case.policy)
    replicas = {OURS: mine.replicas}
    for name in names:
        told(f"replaying {name}")
        replicas[name] = baseline(name, scenario).replicas(scenario)
    told("judging")
    judgements = judge(scenario, replicas, prices, time_zone=zone)
    told("sweeping")
    ours = quantile_frontier(issued, case.policy)
    hpa = target_frontier(scenario, zone)
    knowing = least(scenario, time_zone=zone)
    as_is = frontier(scenario, OURS, (case.policy.promised,), [mine.replicas], time_zone=zone)
    return Backtest(
        case=case,
        prices=prices,
        decided=mine,
        replicas=replicas,
        judgements=judgements,
        ours=ours,
        hpa=hpa,
        clairvoyant=knowing,
        comparisons=compare(ours, hpa, knowing, levels=SHARES),
        own=beside(as_is, hpa, knowing),
        waits=_waits(case, replicas),
        calibration=calibration(issued),
        moments=worst(scenario, scenario.play(mine.replicas)),
    )


def quantile_frontier(issued: Forecasts, policy: Policy) -> Frontier:
    """Return ours at every quantile; one forecast serves them all."""
    timelines = [decided(issued, policy.at_quantile(quantile)).replicas for quantile in QUANTILES]
    return frontier(issued.scenario, OURS, QUANTILES, timelines, time_zone=issued.spec.time_zone)


def target_frontier(scenario: Scenario, time_zone: str = "UTC") -> Frontier:
    """Return an HPA on the load at every target."""
    values = [target * scenario.capacity for target in TARGETS]
    return frontier(scenario, TUNED, TARGETS, sweep(Hpa(values[0]), scenario, values), time_zone=time_zone)


def calibration(issued: Forecasts) -> Report:
    """Score the forecasts that were issued in the judged part, in the unit of the loads."""
    scenario = issued.scenario
    return score(
        scenario.start + np.arange(len(scenario.loads)) * scenario.step_seconds,
        scenario.loads,
        issued.track.quantiles * issued.scale,
        lead=issued.spec.leads[0],
        step_seconds=scenario.step_seconds,
        time_zone=issued.spec.time_zone,
        capacity=None,
        since=scenario.start + scenario.learned * scenario.step_seconds,
    )


def _waits(case: Case, replicas: Mapping[str, Integers]) -> dict[str, Waiting]:
    if case.concurrency is None:
        return {}
    played = {name: case.scenario.play(wanted) for name, wanted in replicas.items()}
    return {name: queue(one, concurrency=case.concurrency) for name, one in played.items()}

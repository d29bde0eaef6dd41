"""What would have to be true for the opposite verdict: other prices, or pods that start in another time.

At a price for a replica-hour and one for an overload hour (an hour in which load exceeds what the ready pods serve) the
cost of a policy is a straight line in the latter. Two policies cost the same where their lines cross.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import ceil, exp, isfinite, log

import numpy as np

from bayescaler.policy.objective import windows
from bayescaler.replay.backtest import OURS, Backtest, Case, target_frontier
from bayescaler.replay.frontier import Comparison, beside, frontier, least
from bayescaler.replay.judgement import Days, Interval, by_day, draws, spread
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.service import HOUR_SECONDS
from bayescaler.replay.startup import constant


class Pays(StrEnum):
    """When Bayescaler is the cheaper of two."""

    ALWAYS = "at any price"
    NEVER = "at no price"
    BELOW = "while an overload hour costs less"
    ABOVE = "once an overload hour costs more"
    ALIKE = "the two are the same"


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Ours against one policy. replica_hours: what an overload hour then costs in them, NaN where no lines cross.

    interval: of the crossing over days drawn alike, NaN where they are too few or the lines do not always cross.
    """

    name: str
    pays: Pays
    replica_hours: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The comparison at equal time short, had every pod taken this long to start."""

    startup_seconds: float
    comparison: Comparison


def break_evens(found: Backtest) -> list[BreakEven]:
    """Return the price of an overload hour at which ours and each policy compared would have cost the same."""
    scenario, zone = found.case.scenario, found.case.spec.time_zone
    days = {name: by_day(scenario, scenario.play(wanted), zone) for name, wanted in found.replicas.items()}
    mine = days.pop(OURS)
    return [_break_even(name, mine, theirs) for name, theirs in days.items()]


def crossing(pods_saved: float, short_hours: float) -> tuple[Pays, float]:
    """Return when the cheaper one is ours, which saves so many replica-hours and is short so many hours more."""
    if pods_saved == 0.0 and short_hours == 0.0:
        return Pays.ALIKE, np.nan
    if pods_saved >= 0.0 and short_hours <= 0.0:
        return Pays.ALWAYS, np.nan
    if pods_saved <= 0.0 and short_hours >= 0.0:
        return Pays.NEVER, np.nan
    return Pays.BELOW if pods_saved > 0.0 else Pays.ABOVE, pods_saved / short_hours


def what_if(case: Case, startups: Sequence[float]) -> list[WhatIf]:
    """Replay ours and the HPA at its targets with every pod starting in each of these times (seconds).

    The forecast looks ahead as far as `horizon: Auto` would for it.
    """
    return [WhatIf(seconds, _replayed(_starting_in(case, seconds))) for seconds in startups]


def crossings(runs: Sequence[WhatIf]) -> list[float]:
    """Return the start-up times (seconds) at which both cost the same at equal time short.

    Between two neighbouring runs the ratio is linear in the logarithm of the time, or in the time if one is 0.
    """
    known = sorted((run.startup_seconds, run.comparison.ratio) for run in runs if isfinite(run.comparison.ratio))
    found = []
    for (early, first), (late, last) in pairwise(known):
        if (first < 1.0) != (last < 1.0):
            part = (1.0 - first) / (last - first)
            between = early + part * (late - early)
            found.append(exp(log(early) + part * (log(late) - log(early))) if early > 0.0 else between)
    return found


def _break_even(name: str, mine: Days, theirs: Days) -> BreakEven:
    saved, short = theirs.pod_hours - mine.pod_hours, (mine.violating_seconds - theirs.violating_seconds) / HOUR_SECONDS
    pays, price = crossing(float(saved.sum()), float(short.sum()))
    drawn = draws(len(saved))
    told = [crossing(float(pods), float(hours)) for pods, hours in zip(drawn @ saved, drawn @ short, strict=True)]
    prices = np.array([at if way is pays else np.nan for way, at in told])
    return BreakEven(name, pays, price, spread(prices))


def _starting_in(case: Case, seconds: float) -> Case:
    scenario, policy = replace(case.scenario, start_up=constant(seconds)), case.policy
    if policy.budget is not None:
        policy = replace(policy, budget=replace(policy.budget, startup_seconds=seconds))
    leads = windows(_lead(scenario, seconds), scenario.step_seconds)
    return replace(case, policy=policy, scenario=scenario, spec=replace(case.spec, leads=leads))


def _lead(scenario: Scenario, seconds: float) -> int:
    ahead = seconds + scenario.interval_seconds + scenario.lag_seconds
    return max(1, ceil(ahead / scenario.step_seconds - 1e-9))


def _replayed(case: Case) -> Comparison:
    scenario, zone = case.scenario, case.spec.time_zone
    mine = decided(forecasts(scenario, case.spec, scale=case.scale), case.policy).replicas
    as_is = frontier(scenario, OURS, (case.policy.promised,), [mine], time_zone=zone)
    return beside(as_is, target_frontier(scenario, zone), least(scenario, time_zone=zone))

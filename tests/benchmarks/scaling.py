"""Replicas beside an HPA tuned in hindsight: cost at equal time short, series by series, by the lab's own replay.

Capacity is the 95th percentile of the load over 20. The second half is judged; pods start within a minute and within
three where buckets are a minute or shorter, else within one bucket. At equal shares of the
time short of capacity, replica-hours are compared, each at the best of its knob: our quantile, the HPA's target.

python tests/benchmarks/scaling.py --traces FOLDER
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forecast.series import Series, read, synthetic
from parts.table import note, show

from bayescaler.control.translate import lead_buckets
from bayescaler.policy import Behavior, Policy, ScalingRules
from bayescaler.replay.baselines import Hpa, sweep
from bayescaler.replay.frontier import LEVELS, Comparison, compare, frontier, least
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant
from bayescast import ForecastSpec, Kind

LAG = INTERVAL = 15.0
STARTUPS, FINE_STEP_SECONDS = (60.0, 180.0), 60.0
PODS_AT_P95 = 20.0
QUANTILES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
TARGETS = tuple(round(0.2 + 0.05 * step, 2) for step in range(17))
SHOWN = 0.01


@dataclass(frozen=True, slots=True)
class Case:
    """One series with one start-up time: ours against the HPA at every share of time short."""

    name: str
    tuning: bool
    startup: float
    compared: list[Comparison]
    reversals: float


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with INDEX.csv; default: loads made from seeds")
    arguments = parser.parse_args()
    series = read(arguments.traces) if arguments.traces else synthetic()
    cases = [case for one in series for case in judged(one)]
    for kind, chosen in (("tuning", True), ("kept apart", False)):
        table(f"series {kind}", [case for case in cases if case.tuning is chosen])
    table("all", cases)
    rows = [row(case) for case in sorted(cases, key=lambda case: np.nan_to_num(at_shown(case).ratio, nan=np.inf))]
    show(
        f"at {SHOWN:.0%} of time short, replica-hours",
        ("series", "start-up", "ours", "HPA", "ratio", "95 %", "waste", "reversals"),
        rows,
    )


def judged(one: Series) -> Iterator[Case]:
    """Compare on one series; a load whose 95th percentile is zero has no capacity to size by."""
    rates = one.values / one.step_seconds if one.kind is Kind.COUNT else one.values
    capacity = float(np.nanpercentile(rates, 95)) / PODS_AT_P95
    if capacity <= 0.0:
        note(f"{one.name}: left out, its 95th percentile is 0")
        return
    for startup in STARTUPS if one.step_seconds <= FINE_STEP_SECONDS else (one.step_seconds,):
        case = Scenario(rates, one.step_seconds, capacity, start=float(one.times[0]), start_up=constant(startup))
        lead = lead_buckets(one.step_seconds, startup_seconds=startup, interval_seconds=INTERVAL, lag_seconds=LAG)
        kind = Kind.GAUGE if one.kind is Kind.GAUGE else Kind.RATE
        issued = forecasts(case, ForecastSpec(one.step_seconds, (lead,), kind=kind))
        policies = [_policy(capacity, quantile) for quantile in QUANTILES]
        ours = frontier(case, "ours", QUANTILES, [decided(issued, policy).replicas for policy in policies])
        values = [capacity * target for target in TARGETS]
        hpa = frontier(case, "hpa", TARGETS, sweep(Hpa(values[0]), case, values))
        mine, theirs = (one.cheapest(SHOWN) for one in (ours, hpa))
        reversals = np.nan
        if mine is not None and theirs is not None:
            reversals = ours.outcomes[mine].reversals / max(1, hpa.outcomes[theirs].reversals)
        yield Case(one.name, one.tuning, startup, compare(ours, hpa, least(case)), reversals)


def _policy(capacity: float, quantile: float) -> Policy:
    """As a manifest that says no more than its capacity and its quantile."""
    rules = Behavior()
    up = ScalingRules(rules.scale_up.policies, 0.0, tolerance=0.0)
    return Policy(1, 1000, capacity, quantile=quantile, behavior=Behavior(up, rules.scale_down))


def table(title: str, cases: list[Case]) -> None:
    """Show medians and extremes at every share of time short."""
    rows = []
    for place, level in enumerate(LEVELS):
        at = [case.compared[place] for case in cases]
        ratios = np.array([one.ratio for one in at if np.isfinite(one.ratio)])
        wastes = np.array([one.waste for one in at if np.isfinite(one.waste)])
        rows.append(
            (
                f"{level:.1%}",
                f"{np.isfinite([one.ours for one in at]).sum()}/{len(at)}",
                f"{np.isfinite([one.theirs for one in at]).sum()}/{len(at)}",
                *(f"{value:.3f}" for value in (np.median(ratios), ratios.min(), ratios.max(), np.median(wastes))),
                f"{(ratios < 1.0).sum()}/{len(ratios)}",
            )
        )
    columns = ("short", "we reach", "HPA reaches", "ratio: median", "best", "worst", "waste: median", "cheaper")
    show(title, columns, rows)


def at_shown(case: Case) -> Comparison:
    """Return the comparison that is shown by series."""
    return case.compared[LEVELS.index(SHOWN)]


def row(case: Case) -> tuple[str, ...]:
    """Return one case as text."""
    one = at_shown(case)
    low, high = one.ratio_interval.low, one.ratio_interval.high
    numbers = [f"{value:,.0f}" if np.isfinite(value) else "-" for value in (one.ours, one.theirs)]
    ratio, waste, turns = (
        f"{value:.3f}" if np.isfinite(value) else "-" for value in (one.ratio, one.waste, case.reversals)
    )
    sure = f"{low:.2f}-{high:.2f}" if np.isfinite(low) else "few days"
    return case.name, f"{case.startup:g}", *numbers, ratio, sure, waste, turns


if __name__ == "__main__":
    main()

"""Replicas beside an HPA tuned in hindsight: cost at equal time short, series by series, by the lab's own replay.

Capacity is the 95th percentile of the load over 20. The second half is judged; pods start within a minute and within
three where buckets are a minute or shorter, else within one bucket. At equal shares of the
time short of capacity, replica-hours are compared, each at the best of its knob: our quantile, the HPA's target.
Then steered: a budget of the time with nothing chosen in hindsight, beside the HPA at the share of time that came of
it, as it is and with each rule left out.

python tests/benchmarks/scaling.py --traces FOLDER
python tests/benchmarks/scaling.py --synthetic 1    # two dozen natures of load from a seed, without the ablations
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from forecast.series import Series, read, synthetic
from parts.load import STEP_SECONDS
from parts.natures import natures
from parts.table import note, show

from bayescaler.control.translate import constants, lead_buckets
from bayescaler.policy import Behavior, Budget, Calm, Policy, PolicyType, ScalingPolicy, ScalingRules
from bayescaler.policy.objective import windows
from bayescaler.replay.baselines import Hpa, sweep
from bayescaler.replay.frontier import LEVELS, Comparison, Frontier, beside, compare, frontier, least
from bayescaler.replay.ours import Forecasts, decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant
from bayescast import ForecastSpec, Kind

LAG = INTERVAL = 15.0
STARTUPS, FINE_STEP_SECONDS = (60.0, 180.0), 60.0
PODS_AT_P95 = 20.0
QUANTILES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
TARGETS = tuple(round(0.2 + 0.05 * step, 2) for step in range(17))
SHOWN = 0.01
UP = ScalingRules(
    (ScalingPolicy(PolicyType.PODS, 4, 15.0), ScalingPolicy(PolicyType.PERCENT, 300, 15.0)), 0.0, tolerance=0.0
)
DOWN = ScalingRules(Behavior().scale_down.policies, 300.0, tolerance=0.0)
CALM, AS_IT_IS = Calm(), "as it is"
Ablations = Mapping[str, Mapping[str, Any]]
WITHOUT: Ablations = {
    "one window: the lead's": {},
    "no gate on reversals": {"calm": Calm(gate=float("-inf"), broken=0.0)},
    "no surprise floor": {"calm": Calm(surprise_floor=0.0)},
    "no stabilization window": {"down": ScalingRules(DOWN.policies, 0.0, tolerance=0.0)},
    "an HPA's tolerance down": {"down": ScalingRules(DOWN.policies, 300.0, tolerance=0.1)},
    "an HPA's speed up": {"up": ScalingRules(Behavior().scale_up.policies, 0.0, tolerance=0.0)},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One series with one start-up time: ours against the HPA at every share of time short."""

    name: str
    group: str
    startup: float
    compared: list[Comparison]
    reversals: float
    steered: dict[str, "Steered"]


@dataclass(frozen=True, slots=True)
class Steered:
    """What came of a budget: the share of time short, and ours beside the HPA at that share."""

    short: float
    compared: Comparison
    reversals: float


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, help="folder with INDEX.csv; default: a few loads made from seeds")
    parser.add_argument("--synthetic", type=int, metavar="SEED", help="loads of two dozen natures instead")
    arguments = parser.parse_args()
    if arguments.synthetic is None:
        series = read(arguments.traces) if arguments.traces else synthetic()
        grouped = {one.name: "tuning" if one.tuning else "kept apart" for one in series}
    else:
        note(f"loads made from the seed {arguments.synthetic}")
        series, grouped = made(arguments.synthetic)
    without = WITHOUT if arguments.synthetic is None else {}
    cases = [case for one in series for case in judged(one, grouped[one.name], without)]
    for group in dict.fromkeys(grouped.values()):
        these = [case for case in cases if case.group == group]
        table(f"series {group}", these)
        if not without:
            budget_table(these, without)
    table("all", cases)
    budget_table(cases, without)
    show(
        f"at {SHOWN:.0%} of time short, replica-hours, and what came of a budget of it",
        (
            "series",
            "start-up",
            "ours",
            "HPA",
            "ratio",
            "95 %",
            "waste",
            "reversals",
            "short",
            "ratio",
            "waste",
            "reversals",
        ),
        [row(case) for case in sorted(cases, key=lambda case: np.nan_to_num(at_shown(case).ratio, nan=np.inf))],
    )
    note(f"at {SHOWN:.0%} of time short dearer than the HPA: {dearer((case, at_shown(case).ratio) for case in cases)}")


def made(seed: int) -> tuple[list[Series], dict[str, str]]:
    """Return loads of many natures, and by name whether there is anything to foresee in them."""
    loads = natures(seed)
    grouped = {one.name: "with structure" if one.structured else "without" for one in loads}
    return [Series(one.name, Kind.RATE, STEP_SECONDS, one.times, one.rates) for one in loads], grouped


def dearer(ratios: Iterable[tuple[Case, float]]) -> str:
    """Name what costs more than the HPA."""
    lost = [f"{case.name} ({case.startup:g} s) {ratio:.3f}" for case, ratio in ratios if ratio > 1.0]
    return ", ".join(lost) or "none"


def judged(one: Series, group: str, without: Ablations) -> Iterator[Case]:
    """Compare on one series; a load whose 95th percentile is zero has no capacity to size by."""
    rates = one.values / one.step_seconds if one.kind is Kind.COUNT else one.values
    served = float(np.nanpercentile(rates, 95)) / PODS_AT_P95
    if served <= 0.0:
        note(f"{one.name}: left out, its 95th percentile is 0")
        return
    capacity = 1000.0  # the HPA reckons in thousandths, which must not count against it where rates are small
    scale = capacity / served
    rates = rates * scale
    for startup in STARTUPS if one.step_seconds <= FINE_STEP_SECONDS else (one.step_seconds,):
        case = Scenario(rates, one.step_seconds, capacity, start=float(one.times[0]), start_up=constant(startup))
        lead = lead_buckets(one.step_seconds, startup_seconds=startup, interval_seconds=INTERVAL, lag_seconds=LAG)
        kind = Kind.GAUGE if one.kind is Kind.GAUGE else Kind.RATE
        leads = windows(lead, one.step_seconds)
        spec = ForecastSpec(one.step_seconds, leads, kind=kind, settings=constants(1, len(case.loads)))
        issued = forecasts(case, spec, scale=scale)
        policies = [_policy(capacity, quantile) for quantile in QUANTILES]
        ours = frontier(case, "ours", QUANTILES, [decided(issued, policy).replicas for policy in policies])
        values = [capacity * target for target in TARGETS]
        hpa = frontier(case, "hpa", TARGETS, sweep(Hpa(values[0]), case, values))
        knowing = least(case)
        mine, theirs = (one.cheapest(SHOWN) for one in (ours, hpa))
        reversals = np.nan
        if mine is not None and theirs is not None:
            reversals = ours.outcomes[mine].reversals / max(1, hpa.outcomes[theirs].reversals)
        steered = {AS_IT_IS: _steered(issued, startup, hpa, knowing)}
        for name, changes in without.items():
            alone = forecasts(case, replace(issued.spec, leads=(lead,)), scale=scale) if not changes else issued
            steered[name] = _steered(alone, startup, hpa, knowing, **changes)
        yield Case(one.name, group, startup, compare(ours, hpa, knowing), reversals, steered)


def _policy(capacity: float, quantile: float) -> Policy:
    """As a manifest that says no more than its capacity and its quantile."""
    return Policy(1, 1000, capacity, quantile=quantile, behavior=Behavior(UP, DOWN))


def _steered(
    issued: Forecasts,
    startup: float,
    hpa: Frontier,
    knowing: Frontier,
    *,
    calm: Calm = CALM,
    up: ScalingRules = UP,
    down: ScalingRules = DOWN,
) -> Steered:
    """Hold a budget of SHOWN."""
    case = issued.scenario
    budget = Budget(SHOWN, case.step_seconds, startup, LAG)
    policy = Policy(1, 1000, case.capacity, budget=budget, calm=calm, behavior=Behavior(up, down))
    mine = frontier(case, "ours", (SHOWN,), [decided(issued, policy).replicas])
    short = float(mine.violating[0])
    near = int(np.argmin(np.abs(np.log((hpa.violating + 1e-4) / (short + 1e-4)))))
    reversals = mine.outcomes[0].reversals / max(1, hpa.outcomes[near].reversals)
    return Steered(short, beside(mine, hpa, knowing), reversals)


def budget_table(cases: list[Case], without: Ablations) -> None:
    """Show what came of the budget, as it is and with each rule left out, and name the series that lose."""
    rows = []
    for name in (AS_IT_IS, *without):
        all_of = [case.steered[name] for case in cases]
        ratios = np.array([one.compared.ratio for one in all_of if np.isfinite(one.compared.ratio)])
        wastes = np.array([one.compared.waste for one in all_of if np.isfinite(one.compared.waste)])
        shorts = np.array([one.short for one in all_of])
        held = ((shorts > 0.5 * SHOWN) & (shorts < 1.5 * SHOWN)).mean()
        turns = np.median([one.reversals for one in all_of])
        figures = (np.median(wastes), wastes.mean(), np.median(ratios), ratios.max())
        rows.append((name, f"{held:.0%}", f"{shorts.max():.2%}", *(f"{one:.3f}" for one in figures), f"{turns:.2f}"))
    columns = ("budget of 1 %", "held", "most short", "waste: median", "mean", "ratio: median", "worst", "reversals")
    show(f"steered, {len(cases)} cases, held: short for .5 to 1.5 of the budget", columns, rows)
    steered = dearer((case, case.steered[AS_IT_IS].compared.ratio) for case in cases)
    note(f"dearer than the HPA at the same share of time short: {steered}")


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
    held = case.steered[AS_IT_IS]
    steered = (f"{value:.3f}" if np.isfinite(value) else "-" for value in (held.compared.ratio, held.compared.waste))
    return (
        *(case.name, f"{case.startup:g}", *numbers, ratio, sure, waste, turns),
        *(f"{held.short:.2%}", *steered, f"{held.reversals:.2f}"),
    )


if __name__ == "__main__":
    main()

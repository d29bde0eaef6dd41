"""The outcome of a backtest in the terminal."""

import math

from rich.console import Console
from rich.table import Table

from bayescaler.replay.backtest import Backtest
from bayescaler.replay.frontier import Comparison
from bayescaler.replay.judgement import Interval
from bayescaler.replay.report.figures import latency
from bayescaler.replay.report.verdict import verdict


def show(found: Backtest) -> None:
    """Print the verdict, the table of policies, and ours against the best HPA at equal time short."""
    console = Console(highlight=False, soft_wrap=True)
    scenario, spec = found.case.scenario, found.case.spec
    judged = len(scenario.judged_times) * scenario.grid_seconds / 86400
    learned = scenario.learned * scenario.step_seconds / 86400
    console.print(
        f"{found.case.name}: {judged:.3g} days judged after {learned:.3g} learned from; "
        f"{found.case.policy.aim}, {spec.leads[0] * spec.step_seconds:g} s ahead, "
        f"pods ready after {scenario.start_up.name}",
        markup=False,
    )
    said = verdict(found)
    console.print(f"{said.headline} ({said.confidence} confidence: {said.because})", style="bold", markup=False)
    console.print(_table(found))
    for line in (*said.sentences, *(_compared(one) for one in found.comparisons), *said.caveats):
        console.print(line, markup=False)


def _table(found: Backtest) -> Table:
    priced = found.prices.overload_hour > 0.0 or found.prices.replica_hour != 1.0
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("policy", no_wrap=True)
    waited = ["wait P95"] if found.waits else []
    for name in (
        "short",
        "95 %",
        "unserved",
        "replica-h",
        *(["cost"] if priced else []),
        "changes",
        "reversals",
        *waited,
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.judgements:
        outcome = one.outcome
        table.add_row(
            one.name,
            f"{outcome.violating_share:.2%}",
            _interval(one.violating),
            f"{outcome.unserved_share:.2%}",
            f"{outcome.pod_hours:,.0f}",
            *([f"{one.cost:,.0f}"] if priced else []),
            f"{outcome.scale_events:,}",
            f"{outcome.reversals:,}",
            *([latency(found.waits[one.name].wait_p95_seconds)] if found.waits else []),
        )
    return table


def _interval(interval: Interval) -> str:
    return "few days" if math.isnan(interval.low) else f"{100 * interval.low:.2f}-{100 * interval.high:.2f}"


def _compared(one: Comparison) -> str:
    """Return one sentence on two policies that are short equally often."""
    level = f"short {one.level:.2%} of the time"
    if math.isnan(one.ours):
        return f"{level}: no quantile of ours gets there" + ("" if math.isnan(one.theirs) else ", an HPA does")
    if math.isnan(one.theirs):
        return f"{level}: {one.ours:,.0f} replica-hours; no target of an HPA gets there"
    if math.isnan(one.ratio):
        return f"{level}: {one.ours:,.0f} replica-hours, as an HPA"
    low, high = one.ratio_interval.low, one.ratio_interval.high
    sure = "too few days to say how sure" if math.isnan(low) else f"95 %: {low:.2f}-{high:.2f}"
    return f"{level}: {one.ours:,.0f} replica-hours, {one.ratio:.2f} of the best HPA's {one.theirs:,.0f} ({sure})"

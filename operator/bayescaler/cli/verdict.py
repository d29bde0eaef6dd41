"""The outcome of a backtest in the terminal."""

import math

from rich.console import Console
from rich.table import Table

from bayescaler.replay.backtest import Backtest
from bayescaler.replay.frontier import Comparison
from bayescaler.replay.judgement import Interval, Judgement


def show(found: Backtest) -> None:
    """Print the table of policies and the comparison at equal time short."""
    console = Console(highlight=False, soft_wrap=True)
    scenario, spec = found.case.scenario, found.case.spec
    judged = len(scenario.judged_times) * scenario.grid_seconds / 86400
    learned = scenario.learned * scenario.step_seconds / 86400
    console.print(
        f"{found.case.name}: {judged:.3g} days judged after {learned:.3g} learned from; "
        f"{found.case.policy.quantile:g} quantile of the next {spec.leads[0] * spec.step_seconds:g} s, "
        f"pods ready after {scenario.start_up.name}",
        markup=False,
    )
    console.print(_table(found))
    for comparison in (found.own, *found.comparisons):
        console.print(_compared(comparison), markup=False)


def _table(found: Backtest) -> Table:
    table = Table(header_style="bold")
    table.add_column("policy", no_wrap=True)
    for name in ("time short", "95 % interval", "unserved", "replica-hours", "cost", "changes", "reversals", "at max"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.judgements:
        table.add_row(one.name, *_row(one))
    return table


def _row(one: Judgement) -> list[str]:
    outcome = one.outcome
    return [
        f"{outcome.violating_share:.2%}",
        _interval(one.violating),
        f"{outcome.unserved_share:.3%}",
        f"{outcome.pod_hours:,.0f}",
        f"{one.cost:,.0f}",
        str(outcome.scale_events),
        str(outcome.reversals),
        f"{outcome.at_max_seconds / outcome.seconds:.1%}",
    ]


def _interval(interval: Interval) -> str:
    return "too few days" if math.isnan(interval.low) else f"{interval.low:.2%} .. {interval.high:.2%}"


def _compared(one: Comparison) -> str:
    return f"{one.level:.2%}: ratio {one.ratio:.3f}, waste {one.waste:.3f}"

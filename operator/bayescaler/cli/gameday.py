"""`bayescaler gameday`: what can fail, played on an embedded cluster with the production operator, and checked."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from bayescaler.policy.explain import percent, span

if TYPE_CHECKING:
    from bayescaler.sandbox.gameday.checks import Verdict
    from bayescaler.sandbox.gameday.scenarios import Scenario

Played = list[tuple["Scenario", list["Verdict"]]]


@click.command()
@click.option("--scenario", "names", multiple=True, metavar="NAME", help="Play this one; repeat it. Default: all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the made traffic and of the pods' start-up.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the answer.",
)
def gameday(names: tuple[str, ...], seed: int, output: str) -> None:
    """Play failures against the sandbox cluster, and check that the operator bears them.

    A burst, an outage of Prometheus, poisoned metrics, a roll-out, another operator that takes over. Exit code 1 where
    a check fails.
    """
    try:
        from bayescaler.policy import warm_up
        from bayescaler.sandbox.gameday.scenarios import NAMED
    except ModuleNotFoundError as missing:
        raise click.ClickException(f"{missing.name} is not installed: pip install 'bayescaler[sandbox]'") from missing
    unknown = [name for name in names if name not in NAMED]
    if unknown:
        raise click.BadParameter(f"no {', '.join(unknown)}; there are {', '.join(NAMED)}", param_hint="--scenario")
    logging.getLogger().setLevel(logging.ERROR)
    beside = Console(stderr=True)
    with beside.status("compiling the forecaster (the first time only)"):
        warm_up()
    played = _play([NAMED[name] for name in names or NAMED], seed, beside)
    if output == "json":
        click.echo(json.dumps(_plain(played), indent=2))
    else:
        Console().print(_table(played))
    verdicts = [verdict for _, of_one in played for verdict in of_one]
    failed = sum(not verdict.holds for verdict in verdicts)
    if output == "table":
        click.echo(f"{len(played)} scenarios, {len(verdicts)} checks: {f'{failed} fail' if failed else 'all hold'}")
    if failed:
        raise click.exceptions.Exit(1)


def _play(scenarios: "Sequence[Scenario]", seed: int, console: Console) -> Played:
    """Play one after the other, with a bar for each."""
    from bayescaler.sandbox.gameday.scenarios import play

    told = TextColumn("{task.fields[told]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    columns: tuple[ProgressColumn, ...] = (TextColumn("{task.description}"), BarColumn(16), TimeElapsedColumn(), told)
    played: Played = []
    with Progress(*columns, console=console, expand=True) as progress:
        for scenario in scenarios:
            task = progress.add_task(f"{scenario.name:12}", total=scenario.ticks, told=scenario.told)

            def on_tick(task: Any = task) -> None:
                progress.advance(task)

            played.append((scenario, asyncio.run(play(scenario, seed=seed, on_tick=on_tick))))
    return played


def _plain(played: Played) -> list[dict[str, Any]]:
    return [
        {"scenario": scenario.name, **asdict(verdict), "holds": verdict.holds}
        for scenario, verdicts in played
        for verdict in verdicts
    ]


def _table(played: Played) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for name in ("scenario", "check", "figure", "limit", "verdict"):
        table.add_column(name, justify="right" if name in {"figure", "limit"} else "left", no_wrap=True)
    for scenario, verdicts in played:
        for verdict in verdicts:
            word = "[green]holds[/green]" if verdict.holds else "[red]FAILS[/red]"
            table.add_row(scenario.name, verdict.check, _amount(verdict.figure, verdict.unit), limit_of(verdict), word)
    return table


def limit_of(verdict: "Verdict") -> str:
    """Return what the figure may be at most, or at least."""
    return f"{'at least' if verdict.at_least else 'at most'} {_amount(verdict.limit, verdict.unit)}"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "never"
    if unit == "seconds":
        return span(value) if value else "0s"
    return percent(value) if unit == "share" else f"{value:.0f}"

"""`bayescaler top`: a table of all objects, once or kept up to date."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import click
from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ApiError
from bayescaler.policy.record import shown

from .files import console_of
from .options import DURATION
from .place import Place, answer, place_options, selected
from .rows import COLUMNS, ORDERS, Row, ordered, row_of
from .told import written

Read = Callable[[], Awaitable[list[Row]]]


@click.command()
@click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces.")
@click.option("-l", "--selector", help="Objects with these labels, as kubectl has it.")
@click.option(
    "--sort-by",
    type=click.Choice(["name", *ORDERS]),
    default="name",
    show_default=True,
    help="Largest first: room is wanted over max, missed what was promised less what was kept.",
)
@click.option("-w", "--watch/--once", default=None, help="Keep it up to date; default: on a terminal.")
@click.option("--interval", type=DURATION, default="5s", show_default=True, help="Time between two looks.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml"]),
    default="table",
    show_default=True,
    help="Form; json and yaml are told once.",
)
@place_options
def top(
    all_namespaces: bool,
    selector: str | None,
    sort_by: str,
    watch: bool | None,
    interval: float,
    output: str,
    namespace: str | None,
    kubeconfig: str | None,
    kube_context: str | None,
) -> None:
    """Show replicas, load and forecast, trust and budget of all objects of a namespace.

    KEPT is the share of windows that stayed below the forecast; BURN above 1 spends more than the budget of time.
    """
    if all_namespaces and namespace is not None:
        raise click.UsageError("give either --namespace or --all-namespaces")
    place, console = Place(namespace, kubeconfig, kube_context), console_of()
    told_once = output in {"json", "yaml"}
    if told_once and watch:
        raise click.UsageError(f"--output {output} is told once: leave out --watch")

    async def show() -> None:
        async with await place.connect() as client:
            read = _reader(client, None if all_namespaces else place.home, selector, sort_by)
            if told_once:
                click.echo(written({"items": [row.plain() for row in await read()]}, output), nl=False)
            elif console.is_terminal if watch is None else watch:
                await keep_up(read, console, interval, wide=output == "wide")
            else:
                console.print(table_of(await read(), time.time(), wide=output == "wide"), soft_wrap=True)

    with suppress(KeyboardInterrupt):
        answer(show())


def _reader(client: KubeClient, namespace: str | None, selector: str | None, by: str) -> Read:
    async def read() -> list[Row]:
        return ordered(map(row_of, await selected(client, namespace, selector)), by)

    return read


async def keep_up(
    read: Read,
    console: Console,
    interval: float,
    *,
    wide: bool,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Show the table until interrupted. An API server that is away for a while is told below the last table."""
    rows = await read()
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        trouble = ""
        while True:
            shown_now = table_of(rows, clock(), wide=wide)
            live.update(Group(shown_now, Text(trouble, style="red")) if trouble else shown_now, refresh=True)
            await sleep(interval)
            try:
                rows, trouble = await read(), ""
            except ApiError as error:
                trouble = f"not up to date: {shown(error)}"


def table_of(rows: list[Row], now: float, *, wide: bool) -> Text:
    """Return the table, one line an object however wide, or a line that says that there is nothing to show."""
    if not rows:
        return Text("no BayesianAutoscaler is here: -A looks into all namespaces")
    columns = [column for column in COLUMNS if wide or not column.wide]
    cells = [[column.title for column in columns], *([column.text(row, now) for column in columns] for row in rows)]
    styles = [["bold"] * len(columns), *([column.style(row) for column in columns] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for texts, marks in zip(cells, styles, strict=True):
        line = Text(no_wrap=True)
        for column, text, mark, width in zip(columns, texts, marks, widths, strict=True):
            blank = " " * (width - cell_len(text))
            line.append(blank if column.right else "").append(text, mark).append("  " if column.right else f"{blank}  ")
        line.rstrip()
        lines.append(line)
    return Text("\n", no_wrap=True, overflow="crop").join(lines)

"""`bayescaler demo`: a day of traffic on an embedded cluster, with the production operator, beside an HPA."""

import asyncio
import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bayescaler.api import SpecError, parse_spec
from bayescaler.replay.service import Outcome
from bayescaler.sources.trace import TraceError, read_trace

from .options import DURATION, LISTEN

if TYPE_CHECKING:
    from bayescaler.sandbox import demo as play

SHOWN_MOMENTS = 12
HISTORY_DAYS = 14


@click.command()
@click.option(
    "--trace", type=click.Path(dir_okay=False, path_type=Path), help="Play the last day of your own CSV or Parquet."
)
@click.option(
    "--unit", type=click.Choice(["rate", "count"]), default="rate", show_default=True, help="Of the trace's values."
)
@click.option("--startup", type=DURATION, default="60s", show_default=True, help="Time a pod takes to start.")
@click.option("--quantile", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the made traffic and of the pods' start-up.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), default="bayescaler-demo.png", show_default=True
)
@click.option(
    "--console", "console_at", type=LISTEN, default="127.0.0.1:0", help="Where the console is; default: any free port."
)
@click.option("--no-console", is_flag=True, help="Serve no console.")
@click.option("--stay", is_flag=True, help="Keep the console after the day, until Ctrl-C.")
def demo(
    trace: Path | None,
    unit: str,
    startup: float,
    quantile: float,
    seed: int,
    picture: Path,
    console_at: tuple[str, int],
    no_console: bool,
    stay: bool,
) -> None:
    """Play a day of traffic against the sandbox cluster and show what came of it."""
    try:
        from bayescaler.policy import warm_up
        from bayescaler.sandbox import demo as play
        from bayescaler.sandbox.picture import draw
        from bayescaler.serving.door import CannotServe, Door
    except ModuleNotFoundError as missing:
        raise click.ClickException(f"{missing.name} is not installed: pip install 'bayescaler[sandbox]'") from missing
    check_picture(picture)
    logging.getLogger().setLevel(logging.ERROR)
    console = Console()
    traffic = made(seed) if trace is None else read(trace, unit)
    door = None if no_console else Door(*console_at, plain_http=True)  # a token of the sandbox opens nothing else
    stage = play.Demo(traffic, startup_seconds=startup, quantile=quantile, seed=seed, door=door)
    try:
        parse_spec(stage.manifest)
    except SpecError as error:
        raise click.ClickException(f"this load cannot be played: {error}") from error
    days = (traffic.played_from - traffic.times[0]) / 86400
    console.print(
        f"[b]{days:.1f} days of history, then one day[/b] in ticks of 15 s; a pod serves {stage.day.capacity:g}/s "
        f"and takes about {startup:.0f} s to start; asked for: quantile {quantile:g}."
    )
    with console.status("compiling the forecaster (the first time only)"):
        warm_up()
    try:
        asyncio.run(_watch(stage, console, stay=stay and door is not None))
    except CannotServe as error:
        raise click.ClickException(str(error)) from error
    console.print()
    draw(stage.day, picture)
    console.print(summary(*stage.day.outcomes()))
    console.print(f"Picture: {picture}")


def check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written before the day is played."""
    from matplotlib.backend_bases import FigureCanvasBase

    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="--picture")
    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix and path.suffix.lstrip(".").lower() not in formats:
        raise click.BadParameter(f"{path.name}: give one of {', '.join(formats)}", param_hint="--picture")


async def _watch(stage: "play.Demo", console: Console, *, stay: bool) -> None:
    """Show the last moments in a live table while the day is played; then `stay` until Ctrl-C."""
    progress = Progress(
        TextColumn("playing"), BarColumn(), TextColumn("{task.fields[clock]}"), TimeElapsedColumn(), console=console
    )
    task = progress.add_task("day", total=stage.ticks, clock="")
    shown: list[play.Moment] = []

    async def wait() -> None:
        done = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, done.set)
        console.print("The day is over; the console stays until Ctrl-C.")
        await done.wait()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    with Live(console=console, refresh_per_second=8, get_renderable=lambda: Group(_table(shown), progress)):
        async for moment in stage.play(wait if stay else None):
            if not shown and stage.console_address:
                console.print(f"Console: {stage.console_address}", soft_wrap=True, highlight=False)
            clock = datetime.fromtimestamp(moment.at, UTC).strftime("%H:%M")
            progress.update(task, advance=1, clock=clock)
            if not shown or (moment.replicas, moment.limiter, moment.rung) != (
                shown[-1].replicas,
                shown[-1].limiter,
                shown[-1].rung,
            ):
                shown[:] = [*shown[1 - SHOWN_MOMENTS :], moment]
        progress.update(task, completed=stage.ticks)


def _table(moments: "list[play.Moment]") -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1), expand=True)
    for name in ("time", "load/s", "expected/s", "replicas", "ready", "HPA"):
        table.add_column(name, justify="right", no_wrap=True, min_width=max(len(name), 12 if name == "time" else 0))
    table.add_column("why", overflow="ellipsis", no_wrap=True, ratio=1)
    for m in moments:
        table.add_row(
            datetime.fromtimestamp(m.at, UTC).strftime("%a %H:%M:%S"),
            f"{m.load:.0f}",
            "-" if m.demand is None else f"{m.demand:.0f}",
            str(m.replicas),
            str(m.ready),
            str(m.hpa_replicas),
            m.message,
        )
    return table


def summary(ours: Outcome, hpa: Outcome) -> Table:
    """The day in numbers, ours beside the HPA's."""
    table = Table(title="the day", title_justify="left", header_style="bold")
    for name in ("", "Bayescaler", "HPA at 70 %"):
        table.add_column(name, justify="left" if not name else "right")
    rows: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
        ("time short of capacity", lambda o: f"{o.violating_seconds / 60:.1f} min  ({o.violating_share:.2%})"),
        ("load not served", lambda o: f"{o.unserved_share:.3%}"),
        ("pod-hours", lambda o: f"{o.pod_hours:.0f}"),
        ("changes of replicas", lambda o: str(o.scale_events)),
        ("of them reversals", lambda o: str(o.reversals)),
    )
    for label, of in rows:
        table.add_row(label, of(ours), of(hpa))
    return table


def made(seed: int) -> "play.Traffic":
    """Traffic made from a seed: two weeks, then a day with a crowd that nobody could know of."""
    from bayescaler.sandbox.demo import Traffic
    from bayescaler.sandbox.traffic import traffic

    start = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    load = traffic(start, days=HISTORY_DAYS + 1, seed=seed)
    return Traffic(load.times, load.rates, load.step_seconds, start + HISTORY_DAYS * 86400)


def read(path: Path, unit: str) -> "play.Traffic":
    """A trace of the user's own: its last day is played, all before is history."""
    from bayescaler.sandbox.demo import Traffic

    try:
        trace = read_trace(path, unit="count" if unit == "count" else "rate")
    except TraceError as error:
        raise click.ClickException(str(error)) from error
    rates = trace.values / trace.step_seconds if unit == "count" else trace.values
    end = float(trace.times[-1]) + trace.step_seconds
    played_from = end - 86400.0
    if not np.isfinite(rates[trace.times < played_from]).any():
        raise click.ClickException(
            f"{path}: holds no load before its last day; the demo learns from what comes before it"
        )
    return Traffic(trace.times, rates, trace.step_seconds, played_from)

"""Where a command of the lab gets its load from: a trace file, or the past as a Prometheus tells it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import nan
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bayescaler.api import seconds
from bayescaler.sources.trace import MAX_EPOCH, MIN_EPOCH, Trace, Unit, read_trace

from . import past
from .options import DURATION

Command = TypeVar("Command", bound=Callable[..., Any])


class Instant(click.ParamType[Callable[[float], float]]):
    """`now`, `-14d`, ISO 8601 or epoch seconds -> a function from now to epoch seconds."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Callable[[float], float]:
        """Return the function; an instant before now is only known once now is."""
        if callable(value):
            return value  # type: ignore[no-any-return]  # converted before
        text = str(value).strip()
        try:
            if text == "now" or text.startswith("-"):
                ago = 0.0 if text == "now" else seconds(text[1:])
                return lambda now: now - ago
            at = _epoch(text)
        except ValueError:
            self.fail(f"{text!r} is no instant: give now, -14d, 2026-03-02T08:00:00Z or epoch seconds", param, ctx)
        return lambda _: at


class Interval(click.ParamType[tuple[float, float]]):
    """ISO 8601 `start/end`, or a duration after the slash: `.../PT2H`, `.../2h` -> epoch seconds of both ends."""

    name = "start/end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return start and end."""
        if isinstance(value, tuple):
            return value
        first, slash, second = str(value).partition("/")
        try:
            start = _epoch(first.strip())
            end = _end(start, second.strip())
        except (ValueError, OverflowError):
            start = end = nan
        if not (slash and MIN_EPOCH <= start < end < MAX_EPOCH):
            cure = "give 2026-03-01T10:00Z/2026-03-01T12:00Z, or a duration as the end: 2026-03-01T10:00Z/PT2H"
            self.fail(f"{value!r} is no interval of time that ends after it starts: {cure}", param, ctx)
        return start, end


@dataclass(frozen=True, slots=True)
class Origin:
    """What the user asked for; exactly one of `trace` and `prometheus` is given."""

    unit: Unit
    trace: Path | None = None
    prometheus: str | None = None
    query: str = ""
    auth: Path | None = None
    since: Callable[[float], float] = lambda now: now
    until: Callable[[float], float] = lambda now: now
    step: float = 60.0
    exclude: tuple[tuple[float, float], ...] = ()
    keep: Path | None = None

    def read(self, progress: Progress) -> Trace:
        """Return the load, missing where it is excluded, or raise TraceError or SourceError."""
        if self.trace is not None:
            load = read_trace(self.trace, unit=self.unit)
        else:
            now = time.time()
            first = float(np.ceil(self.since(now) / self.step) * self.step)
            asked = past.Past(self.prometheus or "", self.query, self.step, first, min(self.until(now), now), self.auth)
            times, values = asyncio.run(past.read(asked, self.keep, progress))
            load = Trace(times, values, self.step, self.unit)
        return _without(load, self.exclude)

    def __str__(self) -> str:
        """Name it in a title."""
        return self.trace.name if self.trace is not None else self.query


keep_option = click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Trace to keep what was read of --prometheus in; what it holds is not asked for again.",
)


def load_options(command: Command) -> Command:
    """Add the options that say where load comes from."""
    for option in reversed(
        (
            click.option(
                "--trace", type=click.Path(dir_okay=False, path_type=Path), help="CSV or Parquet: timestamp,value."
            ),
            click.option(
                "--unit",
                type=click.Choice(["count", "rate", "gauge"]),
                default="rate",
                show_default=True,
                help="Of the values: per bucket, per second, or a level.",
            ),
            click.option("--prometheus", metavar="URL", help="Read from this Prometheus instead of a trace."),
            click.option("--query", metavar="PROMQL", help="Query that gives one series."),
            click.option(
                "--auth",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="Folder with the keys of an authRef Secret as files: token, username, password, ca.crt, ...",
            ),
            click.option("--from", "since", type=Instant(), help="First bucket: -14d (default), ISO 8601 or epoch."),
            click.option("--to", "until", type=Instant(), help="End of the last bucket; default: now."),
            click.option("--step", type=DURATION, help="Width of a bucket of the query; default: 1m."),
            keep_option,
            click.option(
                "--exclude",
                type=Interval(),
                multiple=True,
                help="Time not to learn from nor to score, such as a load test: "
                "2026-03-01T10:00Z/2026-03-01T12:00Z or 2026-03-01T10:00Z/PT2H. May be given again.",
            ),
        )
    ):
        command = option(command)
    return command


def origin(
    trace: Path | None,
    unit: Unit,
    prometheus: str | None,
    exclude: tuple[tuple[float, float], ...] = (),
    **of_prometheus: Any,
) -> Origin:
    """Check that the options fit together; click.UsageError names those that do not."""
    given = {name: value for name, value in of_prometheus.items() if value is not None}
    if (trace is None) == (prometheus is None):
        raise click.UsageError("give either --trace or --prometheus")
    if prometheus is None:
        if given:
            names = {"since": "from", "until": "to"}
            raise click.UsageError(f"--{names.get(min(given), min(given))} goes with --prometheus, not with --trace")
        return Origin(unit, trace=trace, exclude=exclude)
    if not given.get("query"):
        raise click.UsageError("--prometheus needs --query")
    given = {"since": lambda now: now - 14 * 86400.0} | given
    return Origin(unit, prometheus=prometheus, exclude=exclude, **given)


def bar() -> Progress:
    """Return a progress display on standard error that leaves nothing behind, and is silent off a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _epoch(text: str) -> float:
    """Return epoch seconds of ISO 8601 (without an offset: UTC) or of a number."""
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        return float(text)
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _without(load: Trace, ranges: tuple[tuple[float, float], ...]) -> Trace:
    """Return the load with the buckets missing that reach into one of the ranges; warn of a range that none does."""
    from bayescast.inputs import excluded

    for span in ranges:
        if not excluded(load.times, load.step_seconds, (span,)).any():
            held = interval_text((float(load.times[0]), float(load.times[-1]) + load.step_seconds))
            click.echo(f"bayescaler: warning: --exclude {interval_text(span)} is outside of the load, {held}", err=True)
    left_out = excluded(load.times, load.step_seconds, ranges)
    return replace(load, values=np.where(left_out, np.nan, load.values))


def interval_text(ends: tuple[float, float]) -> str:
    """Return an interval of time as ISO 8601 has it, in UTC."""
    return "/".join(map(past.clock, ends))


def _end(start: float, text: str) -> float:
    """Return the end of an interval in epoch seconds: an instant, or a duration after the start."""
    if text.startswith("P"):
        if set("YM") & set(text.partition("T")[0]):
            raise ValueError  # a month has no length, and P1M is easily written for PT1M
        return start + TypeAdapter(timedelta).validate_python(text).total_seconds()
    try:
        return start + seconds(text)
    except ValueError:
        return _epoch(text)

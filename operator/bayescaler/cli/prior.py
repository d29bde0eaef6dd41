"""`bayescaler prior`: what the loads of like workloads have in common, as a file the next forecast starts from."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bayescaler.sources.files import whole_file
from bayescaler.sources.trace import Trace, TraceError, Unit, read_trace

from .forecast import spec_of
from .load import bar
from .model import FAMILIES, Seasons
from .options import DURATION

if TYPE_CHECKING:
    from bayescast import Prior


@click.command()
@click.option(
    "--trace",
    "traces",
    required=True,
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Load of one workload, CSV or Parquet: timestamp,value. Give it once for each.",
)
@click.option(
    "--unit",
    type=click.Choice(["count", "rate", "gauge"]),
    default="rate",
    show_default=True,
    help="Of the values: per bucket, per second, or a level.",
)
@click.option("--horizon", required=True, type=DURATION, help="Length of the window that is to be forecast.")
@click.option("--time-zone", default="UTC", show_default=True, help="Local clock of the seasons.")
@click.option(
    "--seasons", type=Seasons(), default="24h,168h", show_default=True, help="Periods the loads repeat in, or none."
)
@click.option(
    "--family", type=click.Choice(FAMILIES, case_sensitive=False), default="Auto", show_default=True, help="Likelihood."
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="JSON to write.")
def prior(
    traces: tuple[Path, ...],
    unit: Unit,
    horizon: float,
    time_zone: str,
    seasons: tuple[float, ...],
    family: str,
    out: Path,
) -> None:
    """Pool the loads of like workloads into a prior, for `bayescaler forecast --prior`.

    All traces have one step and one unit; how large the loads are does not matter.
    """
    if not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}", param_hint="--out")
    from bayescast import BayescastError, Forecaster, pool

    members = []
    with bar() as progress:
        task = progress.add_task("fitting", total=len(traces))
        try:
            for path, load in zip(traces, _read(traces, unit), strict=True):
                spec = spec_of(load, horizon, seasons=seasons, time_zone=time_zone, family=family)
                members.append(Forecaster(spec).fit(load.times, load.values))
                progress.update(task, advance=1, description=f"fitted {path.name}")
            pooled = pool(members)
        except (TraceError, BayescastError) as error:
            raise click.ClickException(str(error)) from error
    try:
        with whole_file(out) as file:
            file.write_text(pooled.to_json())
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from error
    _tell(pooled)


def _read(traces: Sequence[Path], unit: Unit) -> list[Trace]:
    loads = [read_trace(path, unit=unit) for path in traces]
    for path, load in zip(traces, loads, strict=True):
        if load.step_seconds != loads[0].step_seconds:
            steps = f"a step of {load.step_seconds:g} s, {traces[0]} of {loads[0].step_seconds:g} s"
            raise TraceError(path, f"has {steps}: resample one of them")
    return loads


def _tell(pooled: "Prior") -> None:
    """Say how far the members agree, and so what a new workload takes over."""
    console = Console(highlight=False, soft_wrap=True)
    lines = [f"{pooled.members} workload{'s' if pooled.members > 1 else ''} pooled"]
    for period, visits, explained in zip(_periods(pooled), pooled.visits, pooled.agreement, strict=True):
        agreed = "nobody to compare with" if explained != explained else f"members explain {explained:.0%} of another's"  # noqa: PLR0124
        worth = f"counts as {visits} visit{'s' if visits > 1 else ''}" if visits else "left out"
        lines.append(f"shape of {period / 3600:g} h: {agreed}; {worth}")
    windows = ", ".join(f"{count:.0f}" for count in pooled.scale_windows)
    lines.append(f"size of errors: counts as {windows} windows; shape of errors: {pooled.bins[0, 0].sum():.0f}")
    for line in lines:
        console.print(line, markup=False)


def _periods(pooled: "Prior") -> tuple[float, ...]:
    from bayescast.seasons import layout

    return layout(pooled.spec.step_seconds, pooled.spec.seasons)[0]

"""`bayescaler doctor`: is what is believed, and what runs, sound? Exit code 1 where it is not."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import TraceError

from .forecast import spec_of
from .load import bar, load_options, origin
from .model import model_options
from .options import DURATION

if TYPE_CHECKING:
    from bayescast import ForecastSpec
    from bayescast.agreement import Agreement

LEAST_SAMPLES = 100


@click.group()
def doctor() -> None:
    """Check that what is believed, and what runs, is sound: exit code 1 where it is not."""


@doctor.command("forecast")
@load_options
@click.option("--horizon", required=True, type=DURATION, help="Length of the window whose highest load is forecast.")
@click.option(
    "--window", type=DURATION, help="Newest part that is sampled; default: all but what is forgotten, 5000 buckets."
)
@model_options
@click.option("--chains", type=click.IntRange(2, 16), default=4, show_default=True, help="Chains that are to meet.")
@click.option(
    "--samples", type=click.IntRange(LEAST_SAMPLES), default=1000, show_default=True, help="Draws kept of each chain."
)
@click.option("--warmup", type=click.IntRange(50), default=500, show_default=True, help="Steps of each before them.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same draws.")
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the answer."
)
def check_forecast(
    horizon: float,
    window: float | None,
    time_zone: str,
    seasons: tuple[float, ...],
    family: str,
    events: tuple[tuple[str, tuple[float, float]], ...],
    chains: int,
    samples: int,
    warmup: int,
    seed: int,
    output: str,
    **source: Any,
) -> None:
    """Hold the forecaster's online posterior against one sampled by NUTS, on the newest part of a load.

    The load is that of a trace, or of a query to Prometheus. Needs the extra mcmc.
    """
    asked = origin(**source)
    try:
        from bayescast import BayescastError
        from bayescast.checkup import compare
        from bayescast.evidence import gather
        from bayescast.nuts import Run, check_installed

        check_installed()
    except ModuleNotFoundError as missing:
        raise click.ClickException(str(missing)) from missing
    with bar() as progress:
        try:
            load = asked.read(progress)
            spec = spec_of(load, horizon, seasons=seasons, time_zone=time_zone, family=family, events=events)
            buckets = None if window is None else round(window / load.step_seconds)
            evidence = gather(spec, load.times, load.values, buckets=buckets)
        except (TraceError, SourceError, BayescastError) as error:
            raise click.ClickException(str(error)) from error
        task = progress.add_task(f"sampling {chains} chains", total=chains)
        run = Run(chains, samples, warmup, seed, moved=lambda: progress.advance(task))
        found = compare(evidence, run)
    if output == "json":
        click.echo(json.dumps(_plain(found, spec), allow_nan=False))
    else:
        from .agreement import show

        show(found, time_zone)
    if not found.healthy:
        sys.exit(1)


def _plain(found: "Agreement", spec: "ForecastSpec") -> dict[str, Any]:
    """Return all of it as JSON can hold it, findings first."""
    from bayescast.scorecard import plain

    rendered: dict[str, Any] = plain(
        {
            "healthy": found.healthy,
            "findings": tuple(asdict(finding) for finding in found.findings),
            "unit": spec.kind.value,
            **asdict(found),
        }
    )
    return rendered

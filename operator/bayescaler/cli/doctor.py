"""`bayescaler doctor`: is what runs, and what is believed, sound? Exit code 1 where it is not."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from bayescaler.sources.auth import Auth
from bayescaler.sources.port import SourceError
from bayescaler.sources.trace import TraceError

from . import past
from .files import console_of
from .findings import as_data, show
from .forecast import spec_of
from .load import bar, load_options, origin
from .model import model_options
from .named import NotThere, find
from .options import DURATION
from .place import NAMESPACE_NAME, OBJECT_NAME, Place, answer, place_options
from .told import written

if TYPE_CHECKING:
    from bayescaler.doctor.examine import Asked
    from bayescaler.doctor.finding import Finding
    from bayescast import ForecastSpec
    from bayescast.agreement import Agreement

LEAST_SAMPLES = 100
CHECK = "check"
clock: Callable[[], float] = time.time


class _CheckByDefault(click.Group):
    """A group that with anything but a command's name is `check`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `check` before a name of an object, and before options that are not of the group."""
        completing = ctx.resilient_parsing and not args  # the word to come may be a command's
        if not completing and (not args or args[0] not in {*self.commands, *ctx.help_option_names}):
            args = [CHECK, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and the names of objects, or the options of a check."""
        check = self.commands[CHECK]
        if incomplete.startswith("-"):
            return check.shell_complete(ctx, incomplete)
        return [*super().shell_complete(ctx, incomplete), *check.params[0].shell_complete(ctx, incomplete)]


@click.group(cls=_CheckByDefault, subcommand_metavar="[NAME|COMMAND] [ARGS]...")
def doctor() -> None:
    """Check an installation; with NAME or KIND/NAME an object too; or, by `forecast`, the posterior of a load.

    Exit code 1 where something is wrong. What is called as a command is: bas/forecast. Options: doctor check --help.
    """


@doctor.command(CHECK)
@click.argument("name", metavar="[NAME|KIND/NAME]", required=False, type=OBJECT_NAME)
@click.option("--prometheus", metavar="URL", help="Prometheus as it is reached from here; default: the object's.")
@click.option(
    "--auth",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the keys of an authRef Secret as files; default: the Secret itself, if you may read it.",
)
@click.option(
    "--operator-namespace", type=NAMESPACE_NAME, help="Namespace that the operator runs in; default: looked for in all."
)
@click.option("--all", "whole", is_flag=True, help="Tell what is sound too, line by line.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="Form of the answer.",
)
@place_options
def check(
    name: str | None,
    prometheus: str | None,
    auth: Path | None,
    operator_namespace: str | None,
    whole: bool,
    output: str,
    namespace: str | None,
    kubeconfig: str | None,
    kube_context: str | None,
) -> None:
    """Check the installation with your own rights, and with NAME one object: its target, query, history and forecast.

    Each finding names its cure. Exit code 1 if there is an error among them, 0 if not, 2 if nothing can be asked.
    """
    from bayescaler.doctor.examine import Asked
    from bayescaler.doctor.finding import Level, ordered, worst

    try:
        asked = Asked(prometheus, _auth_of(auth), operator_namespace)
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    found = ordered(answer(_examined(Place(namespace, kubeconfig, kube_context), name, asked)))
    if output == "table":
        show(console_of(), found, whole=whole)
    else:
        click.echo(written(as_data(found), output), nl=False)
    if worst(found) is Level.ERROR:
        sys.exit(1)


async def _examined(place: Place, name: str | None, asked: "Asked") -> "list[Finding]":
    from bayescaler.doctor.examine import Examination
    from bayescaler.doctor.finding import Finding, Level, Topic

    with bar() as progress:
        task = progress.add_task("", total=1.0)
        async with await place.connect() as client:
            looking = Examination(
                client,
                asked,
                clock=clock,
                moved=lambda what, share: progress.update(task, description=what, completed=share),
            )
            found = await looking.cluster()
            if name is None:
                return found
            try:
                obj = await find(client, place.home, name)
            except NotThere as nothing:
                where = f"{place.home}/{name}"
                cure = "name one that is there, or mend what the findings on the cluster name"
                return [*found, Finding(Level.ERROR, Topic.OBJECT, where, str(nothing), cure)]
            return found + await looking.object(obj)


def _auth_of(folder: Path | None) -> Auth | None:
    return None if folder is None else Auth.from_secret(past.keys_of(folder))


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
        from .agreement import show as show_agreement

        show_agreement(found, time_zone)
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

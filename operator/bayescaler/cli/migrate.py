"""`bayescaler generate from-hpa` and `from-scaledobject`: the manifest that behaves like what is there."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bayescaler.sources.files import whole_file

if TYPE_CHECKING:
    from bayescaler.migrate import Documents, Migrated, Unsaid

Command = TypeVar("Command", bound=Callable[..., None])
Convert = Callable[[Mapping[str, Any], "Unsaid"], "Migrated"]


class Requests(click.ParamType[float]):
    """`250m`, `2Gi` -> cores or bytes."""

    name = "quantity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        from kubernetes.utils.quantity import parse_quantity

        try:
            amount = float(parse_quantity(value))
        except (ValueError, ArithmeticError):
            amount = 0.0
        if not 0 < amount < float("inf"):
            self.fail(f"{value!r} is no amount, for example 250m or 2Gi", param, ctx)
        return amount


def _common(command: Command) -> Command:
    """Options of both commands."""
    options = (
        click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)),
        click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, not stdout."),
        click.option("--name", metavar="[NAMESPACE/]NAME", help="Convert this object alone."),
        click.option("-n", "--namespace", help="Namespace of objects that name none."),
        click.option("--requests-cpu", type=Requests(), help="CPU that one pod (or the measured container) requests."),
        click.option("--requests-memory", type=Requests(), help="Memory that one pod (or container) requests."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("from-hpa")
@_common
@click.option("--metric", "chosen", type=click.IntRange(min=0), help="Convert this one of several metrics, from 0.")
@click.option("--query", help="PromQL of a Pods, Object or External metric.")
def from_hpa(file: Path, out: Path | None, name: str | None, query: str | None, **said: Any) -> None:
    """Write BayesianAutoscalers that behave like the HorizontalPodAutoscalers of FILE (- is stdin), in mode Observe.

    What is assumed, differs, is left out or to be filled in stands in comments at the top, and on stderr. A target
    (Deployment, StatefulSet) in the same FILE tells what its pods request.
    """
    from bayescaler import migrate

    _convert("HorizontalPodAutoscaler", migrate.from_hpa, file, out, name, query=query, **said)


@click.command("from-scaledobject")
@_common
@click.option("--trigger", "chosen", type=click.IntRange(min=0), help="Convert this one of several triggers, from 0.")
def from_scaledobject(file: Path, out: Path | None, name: str | None, **said: Any) -> None:
    """Write BayesianAutoscalers that behave like the ScaledObjects (KEDA) of FILE (- is stdin), in mode Observe.

    What is assumed, differs, is left out or to be filled in stands in comments at the top, and on stderr. A target
    (Deployment, StatefulSet) in the same FILE tells what its pods request.
    """
    from bayescaler import migrate

    _convert("ScaledObject", migrate.from_scaledobject, file, out, name, **said)


def _convert(
    kind: str,
    convert: Convert,
    file: Path,
    out: Path | None,
    name: str | None,
    *,
    namespace: str | None,
    chosen: int | None,
    requests_cpu: float | None,
    requests_memory: float | None,
    query: str | None = None,
) -> None:
    from bayescaler.migrate import MigrateError, Unsaid

    if out is not None and not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}", param_hint="--out")
    requests = {"cpu": requests_cpu, "memory": requests_memory}
    given = {resource: amount for resource, amount in requests.items() if amount is not None}
    try:
        documents = _read(file)
        objects = documents.wanted(kind, name)
    except MigrateError as error:
        raise click.ClickException(str(error)) from error
    if len(objects) > 1 and (given or chosen is not None or query is not None):
        raise click.ClickException(f"{documents.origin}: {len(objects)} {kind}s, options of one: choose it with --name")
    unsaid = Unsaid(query, chosen, given, namespace, documents.objects)
    made, refused = [], []
    for obj in objects:
        try:
            made.append(convert(obj, unsaid))
        except MigrateError as error:
            refused.append(f"{documents.origin}: {error}")
    if not made:
        raise click.ClickException("; ".join(refused))
    _write("---\n".join(migrated.yaml() for migrated in made), out)
    _tell(made, documents.others(kind))
    if refused:
        raise click.ClickException("; ".join(refused))


def _read(file: Path) -> "Documents":
    from bayescaler.migrate import MigrateError, read_documents

    if str(file) == "-":
        return read_documents(sys.stdin.buffer.read(), "stdin")
    try:
        return read_documents(file.read_bytes(), str(file))
    except OSError as error:
        raise MigrateError(f"{file}: cannot be read: {error.strerror or error}") from error


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with whole_file(out) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror or error}") from error


def _tell(made: list["Migrated"], others: str) -> None:
    """Say on stderr what the comments say, and what was passed over."""
    for migrated in made:
        for note in migrated.notes:
            click.echo(f"{migrated.name}: {note}", err=True)
        if migrated.unfilled:
            click.echo(f"{migrated.name}: the API server refuses it until that is filled in", err=True)
    if others:
        click.echo(f"not converted: {others}", err=True)

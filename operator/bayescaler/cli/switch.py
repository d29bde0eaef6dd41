"""`bayescaler pause`, `resume`, `observe` and `auto`: one field of the spec, and how to undo it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.switching import set_spec
from bayescaler.doctor.gitops import keeper_of

from .named import find
from .place import OBJECT_NAME, Place, answer, place_options, selected
from .told import written

Json = Mapping[str, Any]
DEFAULTS: Mapping[str, object] = {"paused": False, "mode": "Auto"}
DRY = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


@dataclass(frozen=True, slots=True)
class Switch:
    """A value of one field, what it is called, and what follows from it; `about` is the help."""

    field: str
    value: object
    done: str
    follows: str
    about: str


SWITCHES: Mapping[str, Switch] = {
    "pause": Switch(
        "paused",
        True,
        "paused",
        "replicas stay as they are, and a raised floor is put back; the forecast goes on",
        "Stop all scaling of what these objects size, until they are resumed.",
    ),
    "resume": Switch(
        "paused",
        False,
        "resumed",
        "decisions are applied from the next tick on",
        "Let paused objects scale again.",
    ),
    "observe": Switch(
        "mode",
        "Observe",
        "observing",
        "decisions are told in the status, not applied; a raised floor is put back",
        "Set mode Observe: tell what would be done, do nothing.",
    ),
    "auto": Switch(
        "mode",
        "Auto",
        "set to Auto",
        "decisions are applied to the target from the next tick on",
        "Set mode Auto: apply what is decided.",
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One object before and after; `after` as the API server has it, or as it would be."""

    before: Json
    after: Json


def _command(name: str, switch: Switch) -> click.Command:
    @click.command(name, help=f"{switch.about}\n\nNAME is an object's; deploy/NAME finds the one that sizes it.")
    @click.argument("names", metavar="[NAME|KIND/NAME]...", nargs=-1, type=OBJECT_NAME)
    @click.option("--all", "everything", is_flag=True, help="All objects of the namespace.")
    @click.option("-l", "--selector", help="Objects with these labels, as kubectl has it.")
    @click.option(
        "--dry-run",
        type=click.Choice(list(DRY)),
        default="none",
        show_default=True,
        help="Write nothing: client tells what would be sent, server has the API server check it too.",
    )
    @click.option(
        "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form."
    )
    @place_options
    def command(
        names: tuple[str, ...],
        everything: bool,
        selector: str | None,
        dry_run: str,
        output: str,
        namespace: str | None,
        kubeconfig: str | None,
        kube_context: str | None,
    ) -> None:
        if sum((bool(names), everything, selector is not None)) != 1:
            raise click.UsageError("give either names, --selector or --all")
        asked = _apply(switch, Place(namespace, kubeconfig, kube_context), names, selector, dry_run)
        _tell(switch, answer(asked), dry_run, output)

    return command


async def _apply(
    switch: Switch, place: Place, names: Sequence[str], selector: str | None, dry_run: str
) -> list[Outcome]:
    async with await place.connect() as client:
        if names:
            found = list(await asyncio.gather(*(find(client, place.home, name) for name in names)))
        else:
            found = await selected(client, place.home, selector)
        return [Outcome(obj, await _switched(client, obj, switch, dry_run)) for obj in found]


async def _switched(client: KubeClient, obj: Json, switch: Switch, dry_run: str) -> Json:
    if _value(obj, switch.field) == switch.value:
        return obj
    if dry_run == "client":
        return {**obj, "spec": {**obj["spec"], switch.field: switch.value}}
    return await set_spec(client, dict(obj), switch.field, switch.value, dry_run=dry_run == "server")


def _tell(switch: Switch, outcomes: list[Outcome], dry_run: str, output: str) -> None:
    if output != "text":
        objects = [dict(one.after) for one in outcomes]
        told = objects[0] if len(objects) == 1 else {"apiVersion": "v1", "kind": "List", "items": objects}
        click.echo(written(told, output), nl=False)
        return
    if not outcomes:
        click.echo("bayescaler: no object is selected", err=True)
    for one in outcomes:
        for line in told_of(switch, one, dry_run):
            click.echo(line)


def told_of(switch: Switch, one: Outcome, dry_run: str) -> list[str]:
    """Return what is said of one object: what changed, what follows, how to undo it, and who may undo it unasked."""
    metadata = one.before["metadata"]
    label, before = f"{metadata['namespace']}/{metadata['name']}", _value(one.before, switch.field)
    if before == switch.value:
        return [f"{label}: unchanged, spec.{switch.field} is {_plain(before)} already"]
    lines = [
        f"{label}: {switch.done}{DRY[dry_run]}: spec.{switch.field} {_plain(before)} -> {_plain(switch.value)}",
        f"  then:    {switch.follows}",
        f"  undo:    {undo_of(switch.field, before, metadata['name'], metadata['namespace'])}",
    ]
    if switch.field == "mode" and _value(one.after, "paused"):
        lines.append("  note:    it is paused: nothing is written to the target until it is resumed")
    keeper = keeper_of(metadata)
    if keeper is not None:
        lines.append(f"  warning: {keeper.name} applies this object, and {keeper.does}: {keeper.cure}")
    return lines


def undo_of(field: str, before: object, name: str, namespace: str) -> str:
    """Return the command that puts a field back."""
    for verb, switch in SWITCHES.items():
        if (switch.field, switch.value) == (field, before):
            return f"kubectl bayescaler {verb} {name} -n {namespace}"
    patch = f'{{"spec":{{"{field}":"{before}"}}}}'
    return f"kubectl patch bas {name} -n {namespace} --type merge -p '{patch}'"


def _value(obj: Json, field: str) -> object:
    return obj["spec"].get(field, DEFAULTS[field])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


pause, resume, observe, auto = (_command(name, switch) for name, switch in SWITCHES.items())

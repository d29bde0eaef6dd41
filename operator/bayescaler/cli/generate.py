"""`bayescaler generate`: the repository's generated files from their one source, and manifests from what is there."""

from collections.abc import Callable
from pathlib import Path

import click

from bayescaler import api
from bayescaler.policy.glossary import reasons_markdown

from .migrate import from_hpa, from_scaledobject
from .reference import cli_markdown

CRD_FILE = "bayescaler.dev_bayesianautoscalers.yaml"

ARTEFACTS: dict[str, tuple[str, Callable[[], str]]] = {
    "crd": (f"crds/{CRD_FILE}", api.crd_yaml),
    "chart-crd": (f"charts/bayescaler/files/{CRD_FILE}", api.crd_yaml),
    "reference": ("docs/reference/resource.md", api.reference_markdown),
    "reasons": ("docs/reference/reasons.md", reasons_markdown),
    "cli": ("docs/reference/cli.md", cli_markdown),
}
EVERYTHING = "all"


class _AllByDefault(click.Group):
    """A group that without a command's name is `all`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `all` before options that are not of the group."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [EVERYTHING, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_AllByDefault)
def generate() -> None:
    """Write generated files, or the manifest that behaves like an autoscaler that is there."""


def _writer(name: str) -> click.Command:
    chosen = dict(ARTEFACTS) if name == EVERYTHING else {name: ARTEFACTS[name]}
    paths = ", ".join(path for path, _ in chosen.values())

    @click.command(name, help=f"Write {paths}, from the repository's root, or check that they are current.")
    @click.option("--check", is_flag=True, help="Write nothing; fail if a file differs from what would be written.")
    @click.option("--root", type=click.Path(file_okay=False, exists=True), default=".", help="Root of the repository.")
    def write(check: bool, root: str) -> None:
        _write(chosen, Path(root), check=check)

    return write


def _write(chosen: dict[str, tuple[str, Callable[[], str]]], root: Path, *, check: bool) -> None:
    stale = []
    for path, make in chosen.values():
        file, text = root / path, make()
        if file.exists() and file.read_text() == text:
            continue
        if check:
            stale.append(path)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        click.echo(f"wrote {path}")
    if stale:
        raise click.ClickException(f"not what its source says: {', '.join(stale)}; run: make generate")


for _name in (EVERYTHING, *ARTEFACTS):
    generate.add_command(_writer(_name))
generate.add_command(from_hpa)
generate.add_command(from_scaledobject)

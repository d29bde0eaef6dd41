"""`bayescaler generate`: every generated file of the repository, from its one source."""

from collections.abc import Callable
from pathlib import Path

import click

from bayescaler import api

CRD_FILE = "bayescaler.dev_bayesianautoscalers.yaml"

ARTEFACTS: dict[str, tuple[str, Callable[[], str]]] = {
    "crd": (f"crds/{CRD_FILE}", api.crd_yaml),
    "chart-crd": (f"charts/bayescaler/files/{CRD_FILE}", api.crd_yaml),
    "reference": ("docs/reference/resource.md", api.reference_markdown),
}


@click.command()
@click.argument("what", type=click.Choice(["all", *ARTEFACTS]), default="all")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file differs from what would be written.")
@click.option("--root", type=click.Path(file_okay=False, exists=True), default=".", help="Root of the repository.")
def generate(what: str, check: bool, root: str) -> None:
    """Write generated files (the CRD, its copy in the chart, the field reference), or check that they are current."""
    stale = []
    for name, (path, make) in ARTEFACTS.items():
        if what not in ("all", name):
            continue
        file, text = Path(root) / path, make()
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

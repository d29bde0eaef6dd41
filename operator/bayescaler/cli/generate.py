"""`bayescaler generate`: the repository's generated files from their one source, and manifests from what is there."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click

from bayescaler import api
from bayescaler.observability import reference, rules, runbooks
from bayescaler.policy.glossary import reasons_markdown

from .chart_manifests import CannotRender, plain_manifests
from .chart_values import chart_readme, values_page
from .migrate import from_hpa, from_scaledobject
from .reference import cli_markdown

CRD_FILE = "bayescaler.dev_bayesianautoscalers.yaml"

RULES = "charts/bayescaler/files/rules"


def _dashboard(name: str) -> str:
    try:
        from bayescaler.observability.grafana import dashboard_json
    except ModuleNotFoundError as missing:
        raise click.ClickException(f"dashboards need the dependency group `generate` ({missing}): make setup") from None
    return dashboard_json(name)


ARTEFACTS: dict[str, tuple[str, Callable[[], str]]] = {
    "crd": (f"crds/{CRD_FILE}", api.crd_yaml),
    "chart-crd": (f"charts/bayescaler/files/{CRD_FILE}", api.crd_yaml),
    "reference": ("docs/reference/resource.md", api.reference_markdown),
    "reasons": ("docs/reference/reasons.md", reasons_markdown),
    "metrics": ("docs/reference/metrics.md", reference.metrics_markdown),
    "recording-rules": (f"{RULES}/recording.yaml", rules.recording_yaml),
    "alerts": (f"{RULES}/alerts.yaml", rules.alerts_yaml),
    "alertmanager": ("docs/runbooks/alertmanager.yaml", rules.alertmanager_yaml),
    "runbooks": ("docs/runbooks/README.md", runbooks.runbooks_markdown),
    **{
        f"dashboard-{name}": (f"charts/bayescaler/files/dashboards/{name}.json", partial(_dashboard, name))
        for name in ("executive", "oncall", "debug")
    },
    "cli": ("docs/reference/cli.md", cli_markdown),
}
# Made of the chart in the repository, not of the code.
CHART = Path("charts/bayescaler")
FROM_CHART: dict[str, tuple[str, Callable[[Path], str]]] = {
    "values": ("docs/reference/values.md", values_page),
    "chart-readme": (f"{CHART}/README.md", chart_readme),
}
MANIFESTS = "deploy/install.yaml"
EVERYTHING = "all"
ROOT = click.option(
    "--root", type=click.Path(file_okay=False, exists=True), default=".", help="Root of the repository."
)
CHECK = click.option("--check", is_flag=True, help="Write nothing; fail if a file differs from what would be written.")


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
    names = (*ARTEFACTS, *FROM_CHART) if name == EVERYTHING else (name,)
    paths = ", ".join((ARTEFACTS | FROM_CHART)[one][0] for one in names)

    @click.command(name, help=f"Write {paths}, from the repository's root, or check that they are current.")
    @CHECK
    @ROOT
    def write(check: bool, root: str) -> None:
        chart = Path(root) / CHART
        made = ARTEFACTS | {one: (path, partial(make, chart)) for one, (path, make) in FROM_CHART.items()}
        try:
            _write({one: made[one] for one in names}, Path(root), check=check)
        except FileNotFoundError as error:
            raise click.ClickException(
                f"no {error.filename}: run in the repository, or name its root by --root"
            ) from error
        except ValueError as error:
            raise click.ClickException(str(error)) from error

    return write


@click.command()
@click.option("--helm", metavar="COMMAND", default="helm", show_default=True, help="The helm (3 or 4) that renders.")
@CHECK
@ROOT
def manifests(helm: str, check: bool, root: str) -> None:
    """Write deploy/install.yaml, the chart's manifests for kubectl and kustomize, or check that they are current."""
    try:
        text = plain_manifests(helm, Path(root) / CHART)
    except CannotRender as error:
        raise click.ClickException(str(error)) from error
    _write({"manifests": (MANIFESTS, lambda: text)}, Path(root), check=check)


def _write(chosen: Mapping[str, tuple[str, Callable[[], str]]], root: Path, *, check: bool) -> None:
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


for _name in (EVERYTHING, *ARTEFACTS, *FROM_CHART):
    generate.add_command(_writer(_name))
generate.add_command(manifests)
generate.add_command(from_hpa)
generate.add_command(from_scaledobject)

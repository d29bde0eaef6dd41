"""The chart as real helm renders it, without a cluster."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[3] / "charts" / "bayescaler"
RELEASE, NAMESPACE = "bayescaler", "bayescaler-system"
COMMAND_SECONDS = 60

Manifest = dict[str, Any]


class Helm:
    """Real helm on the chart (or a copy of it), with values from a file as a user gives them."""

    def __init__(self, command: tuple[str, ...], folder: Path, *, chart: Path = CHART) -> None:
        self._command, self._chart = command, chart
        self._values = folder / "values.yaml"

    def run(self, *arguments: str, values: Manifest | None = None) -> subprocess.CompletedProcess[str]:
        """Run helm with these arguments, the chart, the namespace and the values."""
        self._values.write_text(yaml.safe_dump(values or {}))
        command = [*self._command, *arguments, str(self._chart), "--namespace", NAMESPACE]
        command += ["--values", str(self._values)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)

    def template(self, values: Manifest) -> list[Manifest]:
        """Render every manifest, hooks too."""
        done = self.run("template", RELEASE, values=values)
        assert done.returncode == 0, done.stderr
        return [one for one in yaml.safe_load_all(done.stdout) if one]

    def refusal(self, values: Manifest) -> str:
        """Give what helm says of values that it refuses."""
        done = self.run("template", RELEASE, values=values)
        assert done.returncode != 0, f"taken: {json.dumps(values)}"
        return done.stderr

    def notes(self, values: Manifest) -> str:
        """Give what an installation tells."""
        done = self.run("install", RELEASE, "--dry-run=client", values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("NOTES:\n")[2]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Give the manifests of these kinds."""
    return [one for one in manifests if one["kind"] in kinds]


def pod_of(workload: Manifest) -> Manifest:
    """Give the spec of a workload's pods."""
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def operator_pod(manifests: list[Manifest]) -> Manifest:
    """Give the spec of the operator's pods."""
    (deployment,) = of_kind(manifests, "Deployment")
    return pod_of(deployment)

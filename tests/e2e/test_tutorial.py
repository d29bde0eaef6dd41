"""The tutorial followed to the letter: its values, manifests and commands, in their order, to a trusted Auto."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART
from harness.controlplane import ControlPlane
from harness.prometheus import PrometheusServer
from harness.release import OperatorProcess, Release

PAGE = (CHART.parents[1] / "docs" / "tutorial.md").read_text()
FILE = re.compile(r"^```yaml[^\n]*\n# (\S+\.yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall(PAGE))
COMMANDS = re.findall(r"^```sh runs\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM = "#!{python}\nimport sys\nfrom bayescaler.cli import {function}\nsys.exit({function}())\n"
FORWARDED = "http://127.0.0.1:9090"
BLOCK_SECONDS = 240.0


@pytest.fixture
def cluster(binaries: Binaries, tmp_path: Path) -> Iterator[ControlPlane]:
    """A new one, as the reader has."""
    with ControlPlane(binaries, tmp_path / "cluster") as cluster:
        yield cluster


@pytest.fixture
def shell(cluster: ControlPlane, binaries: Binaries, prometheus: PrometheusServer, tmp_path: Path):
    """Run a block of the page as a shell would, where its files and the programs it names are."""
    folder = tmp_path / "reader"
    programs = {
        "kubectl": f'#!/bin/sh\nexec {" ".join(map(str, binaries.kubectl))} "$@"\n',
        "bayescaler": PROGRAM.format(python=sys.executable, function="main"),
        "kubectl-bayescaler": PROGRAM.format(python=sys.executable, function="kubectl"),
    }
    (folder / "bin").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name, text in programs.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "KUBECONFIG": str(cluster.kubeconfig),
    }

    def run(block: str) -> str:
        script = "set -e\n" + block.replace(FORWARDED, prometheus.url)
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False,
            timeout=BLOCK_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def test_the_tutorial_leads_to_a_trusted_auto(
    cluster: ControlPlane, prometheus: PrometheusServer, shell, tmp_path: Path
) -> None:
    values = yaml.safe_load(FILES["tutorial-values.yaml"])
    assert values["prometheus"]["address"].startswith("http://")
    values["metrics"] = {"dashboards": values["metrics"]["dashboards"]}  # here is no Prometheus operator
    release = Release(cluster, values)
    release.install()
    assert (
        len(cluster.kubectl("get", "cm", "-n", release.namespace, "-l", "grafana_dashboard=1", "-o", "name").split())
        == 3
    )

    observe, trusted, paid, auto, stopped = COMMANDS
    with OperatorProcess(release, tmp_path, [f"--prometheus={prometheus.url}"]) as operator:
        assert "checkout" in shell(observe)

        said = shell(trusted)
        assert "not applied: mode Observe" in said
        assert cluster.get("deployment", "checkout", namespace="shop")["spec"]["replicas"] == 2, "nothing is written"
        assert "Trusted" in said

        assert "replica-hours" in shell(paid)

        shell(auto)
        status = cluster.get("bas", "checkout", namespace="shop")["status"]
        assert status["phase"] == "Trusted"
        assert status["calibration"]["windows"] > 5000, "two weeks in two-minute windows"
        assert cluster.get("deployment", "checkout", namespace="shop")["spec"]["replicas"] > 2

        assert "paused" in shell(stopped)
        assert operator.faults() == []
        assert operator.refusals() == []

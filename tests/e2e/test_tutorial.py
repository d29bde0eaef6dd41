"""The tutorial followed to the letter: its values, manifests and commands, in their order, to a trusted Auto."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.prometheus import PrometheusServer
from harness.reader import Block, Reader, blocks
from harness.release import OperatorProcess, Release

PAGE = "docs/tutorial.md"
FORWARDED = "http://127.0.0.1:9090"
BLOCK_SECONDS = 240.0


@pytest.fixture
def cluster(binaries: Binaries, tmp_path: Path) -> Iterator[ControlPlane]:
    """A new one, as the reader has."""
    with ControlPlane(binaries, tmp_path / "cluster") as cluster:
        yield cluster


def test_the_tutorial_leads_to_a_trusted_auto(
    cluster: ControlPlane, binaries: Binaries, prometheus: PrometheusServer, tmp_path: Path
) -> None:
    reader = Reader(cluster, binaries, tmp_path / "reader", instead={FORWARDED: prometheus.url})
    files = {block.file: block.text for block in blocks(PAGE) if block.file}
    for name, text in files.items():
        reader.save(name, text)
    values = yaml.safe_load(files["tutorial-values.yaml"])
    assert values["prometheus"]["address"].startswith("http://")
    values["metrics"] = {"dashboards": values["metrics"]["dashboards"]}  # here is no Prometheus operator
    release = Release(cluster, values)
    release.install()
    dashboards = ("get", "cm", "-n", release.namespace, "-l", "grafana_dashboard=1", "-o", "name")
    assert len(cluster.kubectl(*dashboards).split()) == 3

    def typed(block: Block) -> str:
        return reader.run(block.text, deadline_seconds=BLOCK_SECONDS)

    observe, trusted, paid, auto, stopped = blocks(PAGE, language="sh runs")
    with OperatorProcess(release, tmp_path, [f"--prometheus={prometheus.url}"]) as operator:
        assert "checkout" in typed(observe)

        said = typed(trusted)
        assert "not applied: mode Observe" in said
        assert cluster.get("deployment", "checkout", namespace="shop")["spec"]["replicas"] == 2, "nothing is written"
        assert "Trusted" in said

        assert "replica-hours" in typed(paid)

        typed(auto)
        status = cluster.get("bas", "checkout", namespace="shop")["status"]
        assert status["phase"] == "Trusted"
        assert status["calibration"]["windows"] > 5000, "two weeks in two-minute windows"
        assert cluster.get("deployment", "checkout", namespace="shop")["spec"]["replicas"] > 2

        assert "paused" in typed(stopped)
        assert operator.faults() == []
        assert operator.refusals() == []

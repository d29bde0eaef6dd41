"""Without Helm: the manifests for kubectl and kustomize are the chart's own, and nothing in them speaks of Helm."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART, Helm, operator_pod, pod_of

from bayescaler.cli import main

ROOT = CHART.parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "install.yaml").read_text()))
OVERLAY = re.compile(r"^```yaml kustomization\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def names(manifests: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"]) for one in manifests}


def by_name(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def kustomize(binaries: Binaries, folder: Path) -> list[dict[str, Any]]:
    """Build a folder as `kubectl apply -k` does."""
    command = [*binaries.kubectl, "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_they_are_what_the_chart_renders(binaries: Binaries, capsys: pytest.CaptureFixture[str]) -> None:
    main(["generate", "manifests", "--check", "--helm", *binaries.helm, "--root", str(ROOT)])
    assert capsys.readouterr().err == ""


def test_they_hold_all_of_the_chart_but_its_hook_and_begin_with_their_namespace(
    binaries: Binaries, tmp_path: Path
) -> None:
    rendered = [one for one in Helm(binaries.helm, tmp_path).template({}) if one["kind"] != "Job"]
    namespace, *rest = MANIFESTS
    assert (namespace["kind"], namespace["metadata"]["name"]) == ("Namespace", "bayescaler-system")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert names(rest) == names(rendered)
    assert operator_pod(rest) == operator_pod(rendered)
    assert "helm" not in (DEPLOY / "install.yaml").read_text().lower()
    for one in MANIFESTS:
        kubernetes_validate.validate(one, "1.37", strict=True)


def test_kustomize_takes_them_as_a_base(binaries: Binaries) -> None:
    built = kustomize(binaries, DEPLOY)
    assert sorted(built, key=by_name) == sorted(MANIFESTS, key=by_name)


def test_the_overlay_of_the_installation_page_does_what_the_page_says(binaries: Binaries, tmp_path: Path) -> None:
    (overlay,) = OVERLAY.findall((ROOT / "docs" / "install.md").read_text())
    (tmp_path / "kustomization.yaml").write_text(re.sub(r"https://\S+/deploy\S*", "base", overlay))
    shutil.copytree(DEPLOY, tmp_path / "base")
    built = kustomize(binaries, tmp_path)
    assert names(built) == names(MANIFESTS)
    (deployment,) = [one for one in built if one["kind"] == "Deployment"]
    (container,) = pod_of(deployment)["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["BAYESCALER_RUN_PROMETHEUS"] == "http://prometheus.monitoring:9090"
    assert "NUMBA_CACHE_DIR" in environment
    assert container["image"].endswith("@sha256:" + "0" * 64)
    assert pod_of(deployment)["initContainers"][0]["image"] == container["image"]

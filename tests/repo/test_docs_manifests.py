"""Every manifest of the documentation is one that the operator, or Kubernetes, takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bayescaler.api import KIND, parse_spec

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "charts/bayescaler/README.md"]
BLOCK = re.compile(r"^ *```yaml([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
KUBERNETES = "1.37"
OF_OTHERS = {"Application", "GitRepository", "HelmRelease", "Kustomization"}  # Argo CD, Flux and kustomize


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """All of them, each with its page; of a block of values of the chart test_docs_install.py tells."""
    for page in PAGES:
        for about, block in BLOCK.findall(page.read_text()):
            if about.strip() != "values":
                yield from ((page.name, one) for one in yaml.safe_load_all(block))


MANIFESTS = list(manifests())
OURS = [(page, one) for page, one in MANIFESTS if one.get("kind") == KIND]
KUBERNETES_OWN = [(page, one) for page, one in MANIFESTS if one.get("kind") not in {KIND, *OF_OTHERS}]


@pytest.mark.parametrize(("page", "manifest"), OURS)
def test_a_manifest_of_ours_is_taken(page: str, manifest: dict[str, object]) -> None:
    parse_spec(manifest)


@pytest.mark.parametrize(
    ("page", "manifest"), KUBERNETES_OWN, ids=[f"{page}: {one['kind']}" for page, one in KUBERNETES_OWN]
)
def test_a_manifest_of_a_kind_of_kubernetes_is_valid_by_its_schema(page: str, manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_pages_with_manifests_are_among_them() -> None:
    assert {"schedules.md", "scale-to-zero.md", "cluster-limits.md", "tutorial.md"} <= {page for page, _ in OURS}
    assert {("tutorial.md", "Deployment"), ("migrating.md", "HorizontalPodAutoscaler"), ("console.md", "Role")} <= {
        (page, one["kind"]) for page, one in KUBERNETES_OWN
    }
    assert all({"apiVersion", "kind", "metadata"} <= set(one) for _, one in MANIFESTS if one["kind"] != "Kustomization")

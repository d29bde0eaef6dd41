"""Every manifest of the documentation is one that the operator takes."""

import re
from pathlib import Path

import pytest
import yaml

from bayescaler.api import KIND, parse_spec

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MANIFESTS = [
    (page.name, manifest)
    for page in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
    for block in BLOCK.findall(page.read_text())
    for manifest in yaml.safe_load_all(block)
    if isinstance(manifest, dict) and manifest.get("kind") == KIND
]


@pytest.mark.parametrize(("page", "manifest"), MANIFESTS)
def test_a_manifest_is_taken(page: str, manifest: dict[str, object]) -> None:
    parse_spec(manifest)


def test_the_pages_with_manifests_are_among_them() -> None:
    assert {"schedules.md", "scale-to-zero.md", "cluster-limits.md"} <= {page for page, _ in MANIFESTS}

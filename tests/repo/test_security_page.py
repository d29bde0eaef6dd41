"""What the threat model says is held by a test, is."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = set(NAMED.findall(PAGE))
    assert len(named) > 10
    for path, name in sorted(named):
        tree = ast.parse((ROOT / path).read_text())
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in there, f"{path}::{name}"


def test_every_threat_names_what_holds_it() -> None:
    table = PAGE.split("## What stands in the way")[1].split("\n\n")[1]
    rows = [row for row in table.splitlines() if row.startswith("| ") and not row.startswith("| threat")]
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row)] == []

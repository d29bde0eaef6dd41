"""Kernels take nothing that their place in the cache is not named after: their folders, and what bayescast lends."""

import ast
from pathlib import Path

import pytest

from bayescaler.policy import kernels as policy_kernels
from bayescaler.replay import kernels
from bayescast.kernels import jit

FOLDER = Path(kernels.__file__).parent


@pytest.mark.parametrize("package", [kernels, policy_kernels], ids=lambda package: package.__name__)
def test_no_source_of_the_kernels_is_left_out(package):
    lent = {"bayescast.kernels.jit", *(f"bayescast.{Path(name).stem}" for name in jit.OUTSIDE)}
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                own = node.level == 1 or (node.module or "").startswith(package.__name__)
                plain = (node.module or "").split(".")[0] in {"numpy", "typing"}
                assert own or plain or node.module in lent, f"{path.name} imports {node.module}"


def test_machine_code_is_kept_apart_by_what_a_folder_holds(tmp_path, monkeypatch):
    monkeypatch.delenv("BAYESCALER_NUMBA_CACHE", raising=False)
    for name, text in (("one", "1"), ("same", "1"), ("other", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.py").write_text(text)
    one, same, other = (jit._cache_directory(tmp_path / name).name for name in ("one", "same", "other"))

    assert one == same
    assert len({one, other, jit._cache_directory(FOLDER).name, jit._cache_directory(jit._HERE).name}) == 4

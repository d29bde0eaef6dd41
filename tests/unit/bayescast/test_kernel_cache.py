"""Machine code is kept between processes, never stale, and never needed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bayescast
from bayescast.kernels import jit

PACKAGE = Path(bayescast.__file__).parent
ASK = """
import bayescast.kernels.jit as jit
from bayescast.kernels.jit import entry, kernel
print(jit._cache_directory(jit._HERE))
"""


def run(root, code=ASK, **environment):
    unset = {
        name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "BAYESCALER_", "XDG_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=unset | {"PYTHONPATH": str(root)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "bayescast", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_change_in_any_source_changes_the_place_of_the_cache(copy):
    before = jit.source_stamp(copy / "bayescast" / "kernels")
    for changed in ("kernels/levels.py", "settings.py"):
        (copy / "bayescast" / changed).write_text((copy / "bayescast" / changed).read_text() + "\n# changed\n")
        after = jit.source_stamp(copy / "bayescast" / "kernels")
        assert after != before
        before = after


def test_no_source_of_the_kernels_is_left_out():
    taken = set()
    for path in (PACKAGE / "kernels").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.level > 1 or (node.module or "").startswith("bayescast")):
                taken.add((node.module or "").removeprefix("bayescast").lstrip(".") + ".py")
    assert taken == set(jit.OUTSIDE)


def test_the_cache_lies_beside_the_kernels_or_where_numba_is_told(copy, tmp_path):
    assert run(copy).startswith(str(copy / "bayescast" / "kernels" / "__pycache__"))
    assert run(copy, NUMBA_CACHE_DIR=str(tmp_path / "elsewhere")).startswith(str(tmp_path / "elsewhere"))


def test_it_can_be_turned_off(copy):
    assert run(copy, BAYESCALER_NUMBA_CACHE="0") == "None"


def test_where_nothing_can_be_written_there_is_no_cache_and_no_error(copy, tmp_path):
    blocked = tmp_path / "a file, no folder"
    blocked.write_text("")
    assert run(copy, NUMBA_CACHE_DIR=str(blocked)) == "None"
    (copy / "bayescast" / "kernels" / "__pycache__").write_text("")
    assert run(copy, XDG_CACHE_HOME=str(blocked)) == "None"


@pytest.mark.jit
def test_a_callee_edited_after_caching_is_compiled_anew(copy, tmp_path):
    code = (
        "import numba\nfrom bayescast.kernels import callee\nfrom bayescast.kernels.jit import entry\n"
        "from bayescast.kernels.caller import outer\nprint(outer(1.0))"
    )
    kernels = copy / "bayescast" / "kernels"
    (kernels / "callee.py").write_text("from .jit import kernel\n@kernel\ndef inner(x):\n    return x + 1.0\n")
    (kernels / "caller.py").write_text(
        "from .callee import inner\nfrom .jit import entry\n@entry\ndef outer(x):\n    return inner(x)\n"
    )
    assert run(copy, code, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "2.0"
    (kernels / "callee.py").write_text("from .jit import kernel\n@kernel\ndef inner(x):\n    return x + 2.0\n")
    assert run(copy, code, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "3.0"
    assert list((tmp_path / "cache").rglob("*outer*.nbc"))

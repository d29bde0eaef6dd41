"""Machine code is kept between processes, never stale, and never needed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core.errors import NumbaWarning

import bayescast
from bayescast.kernels import jit

PACKAGE = Path(bayescast.__file__).parent


def run(root, code, **environment):
    """What a process of its own prints, with none of this one's settings."""
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
def place(monkeypatch):
    """Where the kernels of a folder would be kept, by these settings of numba's own and of the environment."""

    def tell(folder, told="", **environment):
        for name in ("BAYESCALER_NUMBA_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(jit._config, "CACHE_DIR", told)
        return jit._cache_directory.__wrapped__(folder)

    return tell


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


def test_the_cache_lies_beside_the_kernels_or_where_numba_is_told(copy, place, tmp_path):
    kernels, elsewhere = copy / "bayescast" / "kernels", tmp_path / "elsewhere"
    assert place(kernels).parent == kernels / "__pycache__"
    assert place(kernels, told=str(elsewhere)).parent == elsewhere


def test_it_can_be_turned_off(copy, place):
    assert place(copy / "bayescast" / "kernels", BAYESCALER_NUMBA_CACHE="0") is None


def test_kernels_of_another_package_move_with_what_they_take_from_ours(copy, place, tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "_HERE", copy / "bayescast" / "kernels")
    theirs = tmp_path / "other" / "kernels"
    theirs.mkdir(parents=True)
    before = place(theirs)
    (copy / "bayescast" / "predictive.py").write_text("LEVELS = (0.5, 0.9)\n")
    assert place(theirs) != before


def test_a_user_without_a_home_has_a_cache_elsewhere_or_none(copy, place, tmp_path, monkeypatch):
    def homeless(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", lambda path: homeless(path) if str(path).startswith("~") else path)
    kernels = copy / "bayescast" / "kernels"
    assert place(kernels).parent == kernels / "__pycache__"
    shutil.rmtree(kernels / "__pycache__")
    (kernels / "__pycache__").write_text("")
    assert place(kernels) is None


def test_where_nothing_can_be_written_there_is_no_cache_and_no_error(copy, place, tmp_path):
    kernels, blocked = copy / "bayescast" / "kernels", tmp_path / "a file, no folder"
    blocked.write_text("")
    assert place(kernels, told=str(blocked)) is None
    (kernels / "__pycache__").write_text("")
    assert place(kernels, XDG_CACHE_HOME=str(blocked)) is None


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
    kept = {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # bytecode is stale within a second
    assert run(copy, code, **kept) == "2.0"
    (kernels / "callee.py").write_text("from .jit import kernel\n@kernel\ndef inner(x):\n    return x + 2.0\n")
    assert run(copy, code, **kept) == "3.0"
    assert list((tmp_path / "cache").rglob("*outer*.nbc"))


@pytest.mark.jit
def test_on_a_disk_that_is_full_by_then_a_kernel_is_compiled_and_not_kept(tmp_path, monkeypatch):
    folder = tmp_path / "kernels"
    folder.mkdir()
    monkeypatch.setattr(jit, "_cache_directory", lambda _: folder)

    @jit.entry
    def first(x):
        return x + 1.0

    folder.rmdir()
    folder.write_text("")
    assert first(1.0) == 2.0


@pytest.mark.jit
def test_what_cannot_be_kept_is_compiled_each_time_and_told(tmp_path, monkeypatch):
    """As all of it cannot with NUMBA_OPT=0; here for a global array that is too large to be a part of it."""
    monkeypatch.setattr(jit, "_cache_directory", lambda _: tmp_path)
    large = np.ones(1_000_000)

    @jit.entry
    def first():
        return large[0]

    with pytest.warns(NumbaWarning, match='Cannot cache compiled function "first"'):
        assert first() == 1.0
    assert not list(tmp_path.rglob("*.nbc"))

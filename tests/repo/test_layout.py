"""The house rules a machine can check."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "operator").rglob("*.py")) + sorted((ROOT / "forecasting").rglob("*.py"))
MOST_LINES = 350
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_no_package_shadows_the_standard_library() -> None:
    for root in ("operator", "forecasting"):
        assert not (ROOT / root / "__init__.py").exists()
    assert not [p for p in (ROOT / "tests").rglob("operator") if p.is_dir()]


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert path.read_text().lstrip().startswith('"""')

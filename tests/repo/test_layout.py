"""The house rules a machine can check."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "operator").rglob("*.py")) + sorted((ROOT / "forecasting").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 350


def test_no_package_shadows_the_standard_library() -> None:
    for root in ("operator", "forecasting"):
        assert not (ROOT / root / "__init__.py").exists()
    assert not [p for p in (ROOT / "tests").rglob("operator") if p.is_dir()]


def test_files_stay_small_enough_to_read() -> None:
    assert SOURCES
    assert TESTS
    lines = {path: len(path.read_text().splitlines()) for path in SOURCES + TESTS}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_every_module_says_what_it_holds() -> None:
    assert [path for path in SOURCES if not path.read_text().lstrip().startswith('"""')] == []

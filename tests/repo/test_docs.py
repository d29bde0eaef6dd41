"""The documentation does what it says: its Python runs, its links lead somewhere, its settings are all of them."""

import re
from pathlib import Path

import click
import pytest

from bayescaler.cli import cli, load_command
from bayescast import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```python runs\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


RUNNING = [page for page in PAGES if BLOCK.search(page.read_text())]


def test_there_are_pages_to_run() -> None:
    assert {"docs/forecaster.md", "docs/forecaster-api.md"} <= {named(page) for page in RUNNING}


@pytest.mark.jit
@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text()
    space: dict[str, object] = {"__name__": "docs"}
    for block in BLOCK.finditer(text):
        lines_before = text.count("\n", 0, block.start(1))
        code = compile("\n" * lines_before + block[1], str(page), "exec")  # a traceback names the line of the page
        exec(code, space)  # noqa: S102  # our own documentation
    assert capsys.readouterr().out


def test_the_first_page_of_the_forecaster_keeps_to_ten_lines() -> None:
    first = BLOCK.search((ROOT / "docs/forecaster-api.md").read_text())
    assert first is not None
    assert len([line for line in first[1].splitlines() if line.strip()]) == 10


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_reference_of_the_command_line_tells_every_option_of_every_command() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()
    for name in cli.list_commands(click.Context(cli)):
        section = page.partition(f"\n## bayescaler {name}\n")[2].partition("\n## ")[0]
        command = load_command(name)
        assert section, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"`{option.opts[0]}`" in section


def test_the_table_of_switches_lists_all_of_them() -> None:
    listed = re.findall(r"^\| `(with_\w+)` \|", (ROOT / "docs/forecaster.md").read_text(), re.MULTILINE)
    assert listed == [name for name in Settings._fields if name.startswith("with_")]

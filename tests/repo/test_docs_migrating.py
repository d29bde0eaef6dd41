"""The worked example of the page on migrating is what the command says."""

import re
import shlex
from pathlib import Path

from bayescaler.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs/migrating.md"


def block(kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, kind
    return found[1]


def test_the_command_of_the_page_makes_the_manifest_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("hpa.yaml").write_text(block(r"yaml hpa\.yaml"))
    program, *words = shlex.split(block("console"))
    assert program == "bayescaler"

    main(words)

    said = capsys.readouterr()
    assert said.out == block("yaml made")
    notes = [line.removeprefix("# ") for line in said.out.splitlines() if line.startswith("# ")][1:]
    assert said.err.splitlines() == [f"shop/checkout: {note}" for note in notes]

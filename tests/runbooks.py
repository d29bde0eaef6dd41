"""What the pages of docs/runbooks have a reader type, a line each, in their order."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGES_OF = Path(__file__).resolve().parents[1] / "docs" / "runbooks"
COMMAND = re.compile(r"^ {4,6}((?:kubectl|bayescaler|helm|grep) .+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a page."""

    page: str
    line: str

    @property
    def typed(self) -> str:
        """The line without what it writes its output to."""
        return re.sub(r" > \S+$", "", self.line)


def commands() -> list[Command]:
    """Every command of every page."""
    return [
        Command(path.stem, found[1])
        for path in sorted(PAGES_OF.glob("*.md"))
        for found in COMMAND.finditer(path.read_text())
    ]

"""What the pages of docs/runbooks have a reader type, a line each, in their order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGES_OF = Path(__file__).resolve().parents[3] / "docs" / "runbooks"
COMMAND = re.compile(r"^ {4,6}((?:kubectl|bayescaler|helm|grep) .+)$", re.MULTILINE)
PROMQL = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a page, and the heading that it stands under."""

    page: str
    section: str
    line: str

    @property
    def typed(self) -> str:
        """The line without what it writes its output to."""
        return re.sub(r" > \S+$", "", self.line)


def commands() -> list[Command]:
    """Every command of every page."""
    return [Command(page, section, found[1]) for page, section, text in _sections() for found in COMMAND.finditer(text)]


def queries() -> list[tuple[str, str]]:
    """Every line of PromQL, with its page."""
    return [
        (page, line) for page, _, text in _sections() for block in PROMQL.findall(text) for line in block.splitlines()
    ]


def _sections() -> Iterator[tuple[str, str, str]]:
    for path in sorted(PAGES_OF.glob("*.md")):
        head, *rest = re.split(r"^## (.+)$", path.read_text(), flags=re.MULTILINE)
        yield path.stem, "", head
        yield from ((path.stem, section, text) for section, text in zip(rest[::2], rest[1::2], strict=True))

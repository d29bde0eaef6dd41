"""The page of all words of a decision (docs/reference/reasons.md), made from their meanings."""

from collections.abc import Iterator, Mapping
from typing import Any

from .conditions import REASONS, TYPES
from .meanings import CANARIES, LIMITERS, PHASES, RUNGS, Meaning

TITLE = """\
<!-- Made from operator/bayescaler/policy by `bayescaler generate reasons`; change it there. -->
# Reasons

The words that status, Events, metrics, logs and `bayescaler explain` share. Nothing below ever lowers replicas on
missing data. [Explain](../explain.md) tells how they come together.
"""


def reasons_markdown() -> str:
    """Return the page."""
    good = {f"{name} ({kind.good})": kind.words for name, kind in TYPES.items()}
    lines = [
        TITLE,
        *_section("Limiters", "The rule that fixed the number, in the order in which they are applied.", LIMITERS),
        *_section("Phases", "How far the forecast is trusted.", PHASES),
        *_section("Rungs", "Where the number comes from, best first; the ladder goes down by time.", RUNGS),
        *_section("Canaries", "Where other settings of the forecaster stand, tried beside the live ones.", CANARIES),
        *_section("Conditions", "Their types, with the status that is as it should be.", good),
        "## Reasons of conditions",
        "",
        "| reason | what it says | what to do |",
        "|---|---|---|",
        *(f"| `{reason}` | {_cell(says)} | {_cell(cure)} |" for reason, (says, cure) in REASONS.items()),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, about: str, entries: Mapping[Any, Meaning]) -> Iterator[str]:
    yield from (f"## {title}", "", about, "", "| word | what it says | example | what to do |", "|---|---|---|---|")
    for name, entry in entries.items():
        yield f"| `{name}` | {_cell(entry.meaning)} | {_cell(entry.example)} | {_cell(entry.cure)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")

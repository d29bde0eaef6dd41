"""Findings as a table, in colours on a terminal, or as plain data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from bayescaler.doctor.finding import Finding, Level, worst

STYLES = {Level.OK: "green", Level.INFO: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}
NOUNS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "remark", Level.OK: "sound"}


def as_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as JSON and YAML have them, the verdict first."""
    return {
        "healthy": worst(findings) is not Level.ERROR,
        "worst": str(worst(findings)),
        "findings": [{key: str(value) for key, value in asdict(one).items()} for one in findings],
    }


def show(console: Console, findings: Sequence[Finding], *, whole: bool) -> None:
    """Print findings, each with its cure below it; what is sound only as a count, unless the `whole` is asked for."""
    for one in findings:
        if one.level is Level.OK and not whole:
            continue
        head = Text.assemble((f"{one.level:<8}", STYLES[one.level]), (f"{one.topic:<11}", "dim"), _safe(one.where))
        console.print(Text.assemble(head, ": ", _safe(one.what)), soft_wrap=True)
        if one.cure:
            console.print(Text.assemble(f"{'':<19}", ("-> ", "bold"), _safe(one.cure)), soft_wrap=True)
    console.print(Text(summary(findings), style=STYLES[worst(findings)]))


def summary(findings: Sequence[Finding]) -> str:
    """Return how many there are of each level, worst first."""
    counts = Counter(one.level for one in findings)
    told = [_counted(counts[level], NOUNS[level]) for level in NOUNS if counts[level]]
    return ", ".join(told) if told else "nothing was checked"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 and noun != 'sound' else ''}"


def _safe(text: str) -> str:
    """Escape what is not printed: names and messages come from others."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

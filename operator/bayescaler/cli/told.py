"""A story as text, on a terminal in colours, or as plain data."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from bayescaler.policy.story import Line, Section, Story, Tone
from bayescaler.policy.why_not import WhyNot

INDENT = 12
STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.NOTICE: "yellow", Tone.BAD: "red"}


def as_text(story: Story, answer: WhyNot | None = None, before: tuple[str, ...] = ()) -> str:
    """Return a story, the answer to --why-not, and what came before, one thing a line, for a pipe."""
    return "".join(f"{text.plain}\n" for text in _lines(story, answer, before))


def show(console: Console, story: Story, answer: WhyNot | None, before: tuple[str, ...]) -> None:
    """Print it in colours."""
    for text in _lines(story, answer, before):
        console.print(text, soft_wrap=True)


def as_data(record: Mapping[str, Any], story: Story, answer: WhyNot | None, **more: Any) -> dict[str, Any]:
    """Return the record, the story's lines by title, and the answer to --why-not, as JSON and YAML have it."""
    told = {section.title: [line.text for line in section.lines] for section in story.sections}
    found: dict[str, Any] = {"decision": dict(record), "headline": story.headline.text, "story": told, **more}
    if answer is not None:
        given = asdict(answer)
        found["whyNot"] = {
            "replicas": given["replicas"],
            "rule": given["rule"] or None,
            "violationProbability": given["risk"],
            "comesTo": given["total"],
            "lines": list(given["lines"]),
        }
    return found


def written(data: Mapping[str, Any], form: str) -> str:
    """Return plain data as `json` or `yaml`; control characters are escaped by both."""
    plain = json.loads(json.dumps(data, default=str))
    if form == "json":
        return json.dumps(plain, indent=2) + "\n"
    return yaml.safe_dump(plain, sort_keys=False, width=118)


def _lines(story: Story, answer: WhyNot | None, before: tuple[str, ...]) -> list[Text]:
    lines = [
        Text(story.headline.text, style=f"bold {STYLES[story.headline.tone]}".strip()),
        Text(story.when, style="dim"),
    ]
    if answer is not None:
        lines += _section(Section(f"Why not {answer.replicas}", tuple(map(Line, answer.lines))))
    for section in story.sections:
        lines += _section(section)
    if before:
        lines += _section(Section("Before", tuple(map(Line, before))))
    return lines


def _section(section: Section) -> list[Text]:
    """Put the title beside the first line, and the lines below each other."""
    lines = []
    for place, line in enumerate(section.lines):
        title = f"{section.title if place == 0 else '':<{INDENT - 1}} "
        lines.append(Text.assemble((title, "bold"), (line.text, STYLES[line.tone])))
    return lines

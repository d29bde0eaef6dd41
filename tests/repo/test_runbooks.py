"""Runbooks: a page an alert, each with the same questions answered, and no command in them that could not be given."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bayescaler.api import parse_spec
from bayescaler.cli import cli
from bayescaler.observability.alerts import ALERTS

PAGES_OF = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
PAGES = sorted(path for path in PAGES_OF.glob("*.md") if path.stem != "README")
QUESTIONS = ["What it means", "Who is hurt", "Stop it now", "Find out why", "Go back"]
COMMAND = re.compile(r"^    ((?:kubectl|bayescaler|helm) .+)$", re.MULTILINE)
KUBECTL = {"get", "describe", "logs", "scale", "rollout", "top", "auth", "set"}

EXAMPLE: dict[str, Any] = {
    "apiVersion": "bayescaler.dev/v1alpha1",
    "kind": "BayesianAutoscaler",
    "metadata": {"name": "checkout", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
        "minReplicas": 2,
        "maxReplicas": 60,
        "load": {"prometheus": {"query": "sum(rate(http_requests_total[1m]))"}},
        "capacity": {"perReplica": 50},
    },
}
COMMANDS = [(path.stem, found[1]) for path in PAGES for found in COMMAND.finditer(path.read_text())]


def merged(onto: Any, patch: Any) -> Any:
    """Merge as RFC 7396 says."""
    if not isinstance(patch, dict):
        return patch
    base = dict(onto) if isinstance(onto, dict) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


def parsed(words: list[str]) -> None:
    """Read a command line as the program would, without running it."""
    context = cli.make_context("bayescaler", list(words))
    name, command, rest = cli.resolve_command(context, words)
    assert name is not None
    assert command is not None
    command.make_context(name, rest, parent=context)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert [page.stem for page in PAGES] == sorted(alert.name for alert in ALERTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_answers_the_same_questions_and_tells_what_to_type(page: Path) -> None:
    title, *parts = re.split(r"^#{1,2} (.+)$", page.read_text(), flags=re.MULTILINE)[1:][::2]
    answers = re.split(r"^#{1,2} .+$", page.read_text(), flags=re.MULTILINE)[2:]
    assert title == page.stem
    assert parts == QUESTIONS
    assert all(answer.strip() for answer in answers)
    assert COMMAND.search(answers[QUESTIONS.index("Find out why")])


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line[:60]}" for page, line in COMMANDS])
def test_a_command_is_one(page: str, line: str) -> None:
    program_name, *words = shlex.split(line)
    if program_name == "bayescaler":
        parsed(words)
    elif program_name == "helm":
        assert words[:2] == ["rollback", "bayescaler"]
    elif words[0] == "bayescaler":
        parsed(words[1:])
    elif words[:2] == ["patch", "bas"]:
        assert words[words.index("--type") + 1] == "merge"
        parse_spec(merged(EXAMPLE, json.loads(words[words.index("-p") + 1])))
    else:
        assert words[0] in KUBECTL

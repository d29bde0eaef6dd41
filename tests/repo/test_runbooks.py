"""Runbooks: a page an alert and one a failure, like questions answered, and no command that could not be given."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.harness.runbooks import COMMAND, PAGES_OF, commands

from bayescaler.api import parse_spec
from bayescaler.cli import cli
from bayescaler.observability.alerts import NAMED
from bayescaler.observability.runbooks import FAILURES

PAGES = sorted(path for path in PAGES_OF.glob("*.md") if path.stem != "README")
BY_ALERT = [page for page in PAGES if page.stem in NAMED]
FAILURE = {one.page: one.title for one in FAILURES}
BY_FAILURE = [page for page in PAGES if page.stem in FAILURE]
OF_AN_ALERT = ["What it means", "Who is hurt", "Stop it now", "Find out why", "Go back"]
OF_A_FAILURE = ["How you notice", "Stop it now", "Find out why", "Go back", "Afterwards"]
KUBECTL = {"get", "describe", "logs", "scale", "rollout", "top", "auth", "set", "replace"}

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
COMMANDS = [(one.page, one.typed) for one in commands()]


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


def parts(page: Path) -> tuple[str, dict[str, str]]:
    """The title of a page, and what stands under each heading of the second level."""
    head, *rest = re.split(r"^## (.+)$\n", page.read_text(), flags=re.MULTILINE)
    return head.splitlines()[0].removeprefix("# "), dict(zip(rest[::2], rest[1::2], strict=True))


def test_every_alert_and_every_failure_has_a_page_and_every_page_is_one_of_them() -> None:
    assert sorted(page.stem for page in PAGES) == sorted([*NAMED, *FAILURE, "game-day"])


@pytest.mark.parametrize("page", [*BY_ALERT, *BY_FAILURE], ids=lambda page: page.stem)
def test_a_page_answers_the_same_questions_and_tells_what_to_type(page: Path) -> None:
    title, answers = parts(page)
    assert title == FAILURE.get(page.stem, page.stem)
    assert list(answers) == (OF_A_FAILURE if page in BY_FAILURE else OF_AN_ALERT)
    assert all(answer.strip() for answer in answers.values())
    assert COMMAND.search(answers["Find out why"])


@pytest.mark.parametrize("page", BY_FAILURE, ids=lambda page: page.stem)
def test_a_failure_can_be_stopped_and_taken_back_by_a_command(page: Path) -> None:
    _, answers = parts(page)
    assert COMMAND.search(answers["Stop it now"])
    assert COMMAND.search(answers["Go back"])


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line[:60]}" for page, line in COMMANDS])
def test_a_command_is_one(page: str, line: str) -> None:
    program_name, *words = shlex.split(line)
    if program_name == "bayescaler":
        parsed(words)
    elif program_name == "helm":
        assert words[0] in {"rollback", "upgrade"}
        assert words[1] == "bayescaler"
    elif program_name == "grep":
        assert words[1] == "operator.log"
    elif words[:2] == ["patch", "hpa"]:
        assert set(json.loads(words[words.index("-p") + 1])["spec"]) <= {"minReplicas", "maxReplicas"}
    elif words[0] == "bayescaler":
        parsed(words[1:])
    elif words[:2] == ["patch", "bas"]:
        assert words[words.index("--type") + 1] == "merge"
        parse_spec(merged(EXAMPLE, json.loads(words[words.index("-p") + 1])))
    else:
        assert words[0] in KUBECTL

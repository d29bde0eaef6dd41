"""Commands of other programs on the pages name what is there: targets, extras, files, labels, fields, variables.

Those of `bayescaler` are read in test_docs_words.py, those of the runbooks in test_runbooks.py; docs/tutorial.md is run
by tests/e2e/test_tutorial.py.
"""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bayescaler.api import crd
from bayescaler.cli import load_command
from bayescaler.cluster.saved_states import LABELS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FENCED = re.compile(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^ *((?:kubectl|helm|make|pip) (?:.*\\\n)*.*)$", re.MULTILINE)
INDENTED = re.compile(r"^ {4}.*$", re.MULTILINE)
PROGRAMS = {"kubectl", "helm", "make", "bayescaler", "docker", "kind", "export", "source"}
KUBECTL = {
    "apply", "create", "delete", "get", "logs", "patch", "port-forward", "replace", "rollout", "scale", "set", "wait",
}  # fmt: skip
HELM = {"history", "install", "repo", "rollback", "template", "uninstall", "upgrade"}
INSTALLED = list(yaml.safe_load_all((ROOT / "deploy/install.yaml").read_text()))
SCHEMA = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def written() -> list[tuple[Path, str]]:
    """Every such command, and its page."""
    found = []
    for page in PAGES:
        text = page.read_text()
        blocks = "\n".join(
            [
                *FENCED.findall(text),
                *INDENTED.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)),
            ]
        )
        found += [(page, line) for line in COMMAND.findall(blocks) if not line.startswith("kubectl bayescaler")]
    return found


COMMANDS = written()


def labels(one: Any) -> set[str]:
    """All labels anywhere in a manifest, as key=value."""
    if isinstance(one, list):
        return set[str]().union(*map(labels, one))
    if not isinstance(one, dict):
        return set()
    own = one.get("labels")
    here = {f"{key}={value}" for key, value in own.items()} if isinstance(own, dict) else set()
    return here.union(*map(labels, one.values()))


def has(schema: dict[str, Any], path: list[str]) -> bool:
    """Whether a schema has a field."""
    return not path or (path[0] in schema.get("properties", {}) and has(schema["properties"][path[0]], path[1:]))


def fields(patch: dict[str, Any]) -> Iterator[list[str]]:
    """Every field that a merge patch names."""
    for name, value in patch.items():
        yield [name]
        if isinstance(value, dict):
            yield from ([name, *path] for path in fields(value))


def check_kubectl(page: Path, line: str, words: list[str]) -> None:
    verb = words[2] if words[0] == "-n" else words[0]
    assert verb in KUBECTL
    if "bas" in words or any(word.startswith("bas/") for word in words):
        for path in re.findall(r"\{\.((?:status|spec)[.\w]*)", line):
            assert has(SCHEMA, path.split(".")), path
    if verb == "patch":
        for path in fields(json.loads(words[words.index("-p") + 1])):
            assert has(SCHEMA, path), path
    if verb == "apply":
        file = words[words.index("-f") + 1]
        shown = f"# {file}\n" in page.read_text() or f"This is `{file}`" in page.read_text()
        assert file == "-" or (ROOT / file).exists() or shown, file
    if "bayescaler-system" in words:
        there = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in INSTALLED}
        assert {word for word in words if word.startswith("deployment/")} <= there
        known = set().union(*(labels(one) for one in INSTALLED)) | {f"{key}={value}" for key, value in LABELS.items()}
        assert {words[i + 1] for i, word in enumerate(words) if word == "-l"} <= known
    for variable in re.findall(r"\bBAYESCALER_RUN_(\w+)=", line):
        names = {one.name for one in load_command("run").params if isinstance(one, click.Option)}
        assert variable.lower() in names
    for crd_name in re.findall(r"delete crd (\S+)", line):
        assert crd_name == crd()["metadata"]["name"]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page.name}: {line[:60]}" for page, line in COMMANDS])
def test_a_command_names_what_is_there(page: Path, line: str) -> None:
    program, *words = shlex.split(re.split(r" [|>] | && ", line.replace("\\\n", " "))[0], comments=True)
    if program == "kubectl":
        check_kubectl(page, line, words)
    elif program == "helm":
        assert words[0] in HELM
        if words[0] != "repo":
            assert words[1] in {"bayescaler", "kube-prometheus-stack"}
    elif program == "make":
        assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
    else:
        (extra,) = re.findall(r"bayescaler\[(\w+)\]", line)
        assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_a_block_for_a_shell_begins_with_a_program_that_is_known() -> None:
    for page in PAGES:
        for block in FENCED.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                assert line.split()[0] in PROGRAMS, f"{page.name}: {line}"


def test_commands_of_each_program_are_among_them() -> None:
    assert {line.split()[0] for _, line in COMMANDS} == {"kubectl", "helm", "make", "pip"}
    assert len(COMMANDS) > 50

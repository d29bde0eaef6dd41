"""Every name in the documentation is one that the program has: commands, flags, words, metrics, fields, values."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from bayescaler.api import crd
from bayescaler.cli import cli
from bayescaler.telemetry.catalogue import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
SOURCES = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "forecasting").rglob("*.py")]
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^(?:.*[|(] ?|\s*)(?:\.venv/bin/|kubectl[ -])?(bayescaler [a-z](?:.+\\\n)*.*)$", re.MULTILINE)
# A folder of the reader's own, which has to be there.
THEIR_FOLDER = ("--auth", "./prometheus-auth")
OF_HELM = {"--reuse-values", "--reset-then-reuse-values"}
ENDS = {"|", ">", "<", ";", "&&", ")", "&"}
# Words of Kubernetes and KEDA that the program never writes or reads.
OF_KUBERNETES = {"AverageValue", "OnDelete", "FailedCreate", "Unschedulable", "Parallel", "ScaledJob"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def spans(page: Path, pattern: str) -> set[str]:
    """The names between backticks, outside of blocks, that look like this."""
    return {span for span in SPAN.findall(BLOCK.sub("", page.read_text())) if re.fullmatch(pattern, span)}


def in_blocks(page: Path) -> str:
    """What is indented or fenced."""
    text = page.read_text()
    fenced = "\n".join(block.split("\n", 1)[1] for block in BLOCK.findall(text))
    return fenced + "\n" + "\n".join(re.findall(r"^ {4}.*$", BLOCK.sub("", text), re.MULTILINE))


def words_of(line: str) -> list[str]:
    """A command as a shell hands it over, up to the first pipe or redirection."""
    reader = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars=True)
    reader.whitespace_split, reader.commenters = True, "#"
    words: list[str] = []
    for word in reader:
        if word in ENDS:
            break
        words.append(word)
    return words


def resolved(words: list[str]) -> tuple[click.Command, list[str], click.Context | None]:
    """The command that these words name, what is left for it, and within what."""
    command: click.Command = cli
    parent: click.Context | None = None
    while isinstance(command, click.Group):
        parent = command.make_context(command.name, words, parent=parent)  # a group may have a command by default
        _, found, words = command.resolve_command(parent, [*parent._protected_args, *parent.args])
        assert found is not None
        command = found
    return command, words, parent


def commands(group: click.Group) -> Iterator[click.Command]:
    yield group
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found) if isinstance(found, click.Group) else [found]


def flags(command: click.Command) -> set[str]:
    given = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}
    return given | {"-h", "--help"}


def constants() -> set[str]:
    """Every string and class of the program."""
    trees = [node for source in SOURCES for node in ast.walk(ast.parse(source.read_text()))]
    texts = {node.value for node in trees if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts | {node.name for node in trees if isinstance(node, ast.ClassDef)}


def paths(schema: dict[str, Any], *, start: str = "") -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        yield f"{start}{name}"
        yield from paths(below, start=f"{start}{name}.")
    if "items" in schema:
        yield from paths(schema["items"], start=start)


WRITTEN = [(page, line) for page in PAGES for line in COMMAND.findall(in_blocks(page)) if "--help" not in line]


def test_there_are_commands_to_parse() -> None:
    assert len(WRITTEN) >= 25
    assert {line.split()[1] for _, line in WRITTEN} >= {
        "backtest",
        "forecast",
        "prior",
        "explain",
        "restore",
        "generate",
    }


@pytest.mark.parametrize(("page", "line"), WRITTEN, ids=[f"{page.name}: {line[:60]}" for page, line in WRITTEN])
def test_a_command_is_one_that_the_program_takes(page: Path, line: str) -> None:
    command, words, parent = resolved(words_of(line)[1:])
    command.make_context(command.name, [word for word in words if word not in THEIR_FOLDER], parent=parent)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_command_in_a_sentence_exists_with_its_flags(page: Path) -> None:
    for span in spans(page, r"(kubectl )?bayescaler [a-z].*"):
        command, words, _ = resolved(words_of(span.removeprefix("kubectl "))[1:])
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags(command), span


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_flag_in_a_sentence_exists(page: Path) -> None:
    ours = {flag for command in commands(cli) for flag in flags(command)}
    scripts = "".join(script.read_text() for script in (ROOT / "tests/benchmarks").rglob("*.py"))
    theirs = set(re.findall(r"\"(--[a-z-]+)\"", scripts))  # of the benchmarks
    assert {re.split(r"[ =]", flag)[0] for flag in spans(page, r"--[a-z].*")} <= ours | theirs | OF_HELM


def test_a_word_of_status_events_and_records_is_one_that_the_program_says() -> None:
    used = {word: named(page) for page in PAGES for word in spans(page, r"([A-Z][a-z0-9]+){2,}")}
    assert {"ScalingActive", "ReversalGate", "ReplicasEdited"} <= set(used)
    unknown = set(used) - constants() - OF_KUBERNETES
    assert not unknown, {word: used[word] for word in unknown}


def test_a_metric_is_one_that_is_exposed() -> None:
    exposed = {metric.exposed for metric in METRICS.values()}
    used = {name for page in PAGES for name in re.findall(r"\bbayescaler_[a-z_]+[a-z]\b", page.read_text())}
    assert used
    assert used <= exposed


def test_a_value_of_the_chart_is_one_it_has() -> None:
    schema = json.loads((ROOT / "charts/bayescaler/values.schema.json").read_text())
    known = set(paths(schema))
    # What stands below an object without fields is Kubernetes' own.
    free = {path for path in known if not any(other.startswith(f"{path}.") for other in known)}
    given = {name for page in PAGES for name in re.findall(r"--set(?:-string)? ([A-Za-z.]+)[=\[]", page.read_text())}
    assert given
    unknown = {name for name in given if name not in known and not any(name.startswith(f"{path}.") for path in free)}
    assert not unknown


def test_a_field_is_one_of_the_resource_the_chart_or_kubernetes() -> None:
    (version,) = crd()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    known = set(paths(schema)) | set(paths(json.loads((ROOT / "charts/bayescaler/values.schema.json").read_text())))
    tails = {path.split(".", cut)[-1] for path in known for cut in range(path.count(".") + 1)}
    roots = {name.partition(".")[0] for name in tails if name.count(".")}
    used = {
        name: named(page)
        for page in PAGES
        for name in spans(page, r"[a-z][A-Za-z]*(\.[A-Za-z]+)+")
        if name.partition(".")[0] in roots - {"target"} and not name.endswith((".py", ".yaml", ".csv"))
    }
    assert {"load.activationThreshold", "capacity.perReplica", "state.volume"} <= set(used)
    unknown = set(used) - tails - {"spec.replicas", "status.replicas"}  # of scale
    assert not unknown, {name: used[name] for name in unknown}

"""Somebody with a page of the docs and a cluster: takes its commands and files, and uses them as they stand."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from harness.binaries import Binaries, Command
from harness.controlplane import ControlPlane
from harness.process import HarnessError, Said, run

REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Block:
    """A block of a page: what it is called (`yaml`, or nothing for an indented one), and its text."""

    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its commands, each with the lines that it goes on in."""
        return re.split(r"(?<!\\)\n+", self.text.strip())

    @property
    def file(self) -> str | None:
        """The file that its first line says it is."""
        found = re.match(r"# (\S+\.\w+)\n", self.text)
        return found and found[1]


def blocks(page: str, heading: str | None = None, language: str | None = None) -> list[Block]:
    """Give the blocks of a page (a path in the repository), or of a section; all, or of a language; in order."""
    tokens = MarkdownIt().parse((REPOSITORY / page).read_text())
    found, inside = [], heading is None
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and heading is not None:
            inside = tokens[index + 1].content == heading
        elif inside and token.type in {"fence", "code_block"} and language in {None, token.info.strip()}:
            found.append(Block(token.info.strip(), token.content))
    assert found, f"{page} has no such block in section {heading!r}"
    return found


class Reader:
    """Somebody in a checkout, with kubectl, helm and what its .venv has on the path, and the cluster's kubeconfig.

    `instead` has what a reader has to put in the place of what the page says, and is all that is changed.
    """

    def __init__(self, cluster: ControlPlane, binaries: Binaries, folder: Path, *, instead: Mapping[str, str]) -> None:
        self._instead, self._checkout, self._clients = instead, folder / "checkout", folder / "bin"
        home = folder / "home"
        for made in (self._checkout, self._clients, home):
            made.mkdir(parents=True)
        for path in REPOSITORY.iterdir():
            if path.name not in {".venv", ".git"}:
                (self._checkout / path.name).symlink_to(path)
        (self._checkout / ".venv").symlink_to(sys.prefix)
        self.has("kubectl", binaries.kubectl)
        self.has("helm", binaries.helm)
        self._environment = os.environ | {
            "PATH": f"{self._clients}:{self._checkout}/.venv/bin:{os.environ['PATH']}",
            "HOME": str(home),
            "KUBECONFIG": str(cluster.kubeconfig),
        }

    def has(self, name: str, command: Command) -> None:
        """Put a client on the path, in the place of one of its name."""
        client = self._clients / name
        client.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        client.chmod(0o755)

    def type(self, command: str, *, deadline_seconds: float = COMMAND_SECONDS) -> Said:
        """Type a command, or several of which the first that fails is the last."""
        for said, here in self._instead.items():
            command = command.replace(said, here)
        shell = ["bash", "-e", "-o", "pipefail", "-c", command]
        return run(shell, self._environment, deadline_seconds=deadline_seconds, folder=self._checkout)

    def run(self, command: str, *, deadline_seconds: float = COMMAND_SECONDS) -> str:
        """Type it, and give what it printed; raises `HarnessError` with its errors where it fails."""
        said = self.type(command, deadline_seconds=deadline_seconds)
        if said.code:
            raise HarnessError(f"`{command}`: exit code {said.code}: {said.out}{said.err}")
        return said.out

    def save(self, name: str, text: str) -> None:
        """Save a file of the reader's own in the checkout."""
        path = self._checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

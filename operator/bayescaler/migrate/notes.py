"""What a migration says: the manifest, and notes on what it could not carry over, one line each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

SHOWN_NAMES = 8


class MigrateError(ValueError):
    """An object that cannot be carried over: which, what of it, and the cure."""


class Topic(StrEnum):
    """What a note is about, in the order the notes are told."""

    FILL_IN = "Fill in"
    ASSUMED = "Assumed"
    DIFFERS = "Differs"
    LEFT_OUT = "Left out"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know, in one printable line whatever the object held."""

    topic: Topic
    text: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.text}"


@dataclass(slots=True)
class Notes:
    """Notes as they are taken on the way through one object; each is told once."""

    taken: list[Note] = field(default_factory=list)

    def add(self, topic: Topic, text: str) -> None:
        """Take a note."""
        note = Note(topic, one_line(text))
        if note not in self.taken:
            self.taken.append(note)

    def leave_out(self, unread: Iterable[str]) -> None:
        """Note, by name and not by value, fields that nobody reads."""
        for path in unread:
            self.add(Topic.LEFT_OUT, f"{path}: no counterpart")

    def in_order(self) -> tuple[Note, ...]:
        """Return all notes by topic."""
        topics = list(Topic)
        return tuple(sorted(self.taken, key=lambda note: topics.index(note.topic)))


@dataclass(frozen=True, slots=True)
class Migrated:
    """A manifest and what to know about it. `name` is namespace/name, `origin` kind and name of what it was made from.

    `unfilled` are the paths of fields that the manifest cannot be applied without and that nobody could know.
    """

    name: str
    origin: str
    manifest: dict[str, Any]
    notes: tuple[Note, ...]
    unfilled: tuple[str, ...] = ()

    def yaml(self) -> str:
        """Return the manifest as one YAML document, the notes as comments above it."""
        head = [f"Made by `bayescaler generate` from {one_line(self.origin)}.", *map(str, self.notes)]
        body = yaml.dump(self.manifest, Dumper=_Plain, sort_keys=False, width=float("inf"), allow_unicode=True)
        return "".join(f"# {line}\n" for line in head) + body


def one_line(text: str) -> str:
    """Return printable text without line breaks: what stands in an object must not end a comment."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def listed(names: Collection[str]) -> str:
    """Return names in a row, the first few of many."""
    shown = list(names)[:SHOWN_NAMES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)

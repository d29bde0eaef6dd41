"""What a check has found: how bad, what, where, and the cure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is, best first."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Topic(StrEnum):
    """What a finding is about, in the order they are told."""

    ACCESS = "access"
    CLUSTER = "cluster"
    OPERATOR = "operator"
    CLOCK = "clock"
    OBJECT = "object"
    TARGET = "target"
    CONFLICT = "conflict"
    PROMETHEUS = "prometheus"
    QUERY = "query"
    HISTORY = "history"
    FORECAST = "forecast"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `where` names an object, field, address or query, `cure` is empty only where nothing is wrong."""

    level: Level
    topic: Topic
    where: str
    what: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be had. Where the reader may not have it (`refused`), the finding on access says so."""

    why: str
    refused: bool = False


def unread(fact: object, topic: Topic, where: str, cure: str) -> list[Finding]:
    """Return the finding that a fact could not be read, unless it is there or access is the reason."""
    if not isinstance(fact, Unread) or fact.refused:
        return []
    return [Finding(Level.WARNING, topic, where, f"could not be read: {fact.why}", cure)]


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level; OK of none."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with the worst first, else by topic as they were found."""
    levels, topics = list(Level), list(Topic)
    return sorted(findings, key=lambda one: (-levels.index(one.level), topics.index(one.topic)))

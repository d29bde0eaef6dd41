"""What a dashboard is made of, as data: panels, their queries, units and thresholds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SELECTED = 'namespace=~"$namespace",name=~"$autoscaler"'
"""Matches the objects that a dashboard's variables select."""
NAMESPACES = 'namespace=~"$namespace"'


class Draw(StrEnum):
    """How a panel is drawn."""

    STAT = "stat"
    LINES = "timeseries"
    TABLE = "table"
    STATES = "state-timeline"


class Show(StrEnum):
    """Units as Grafana names them."""

    NUMBER = "short"
    WHOLE = "none"
    SHARE = "percentunit"
    SECONDS = "s"
    AGE = "dateTimeFromNow"
    MONEY = "currencyUSD"
    PER_SECOND = "ops"
    STATE = "bool_yes_no"


GREEN, YELLOW, RED = "green", "yellow", "red"
Thresholds = tuple[tuple[float | None, str], ...]
"""Colours from a value upwards; the first has none and is the base."""
CALM: Thresholds = ((None, GREEN),)


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and what its series are called; of a table, the column of its value, hidden without a name."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click leads; `url` may name Grafana's variables."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `width` of 24. `empty` says why it may rightly show nothing, and is shown then."""

    title: str
    description: str
    draw: Draw
    show: Show
    queries: tuple[Query, ...]
    thresholds: Thresholds = CALM
    width: int = 8
    empty: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Markdown between the panels."""

    title: str
    text: str
    width: int = 24
    height: int = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and what stands under it."""

    title: str
    panels: tuple[Panel | Note, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; `one_object` selects a single autoscaler, `priced` asks what a replica costs an hour."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    since: str
    refresh: str
    one_object: bool = False
    priced: bool = False


def lines(title: str, description: str, show: Show, *queries: Query, **more: Any) -> Panel:
    """Return a panel of lines over time."""
    return Panel(title, description, Draw.LINES, show, queries, **more)


def stat(title: str, description: str, show: Show, *queries: Query, **more: Any) -> Panel:
    """Return a panel of the last value of each query, four to a row unless a width is given."""
    return Panel(title, description, Draw.STAT, show, queries, **{"width": 4, **more})

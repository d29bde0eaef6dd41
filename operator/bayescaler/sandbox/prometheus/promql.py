"""The part of PromQL that the sandbox's Prometheus speaks: the tree of a query. `promql_parser` reads it
from text.

Selectors with matchers, ranges and `offset`; the functions of FUNCTIONS; the aggregations of AGGREGATIONS
with `by` and `without`; `+ - * /` between scalars and vectors (one-to-one); numbers and parentheses. All
else is refused by name: a query must never get an answer that Prometheus would not give. Grammar:
prometheus.io/docs/prometheus/latest/querying.
"""

import re
from dataclasses import dataclass, field

FUNCTIONS = (
    "rate",
    "increase",
    "irate",
    "avg_over_time",
    "max_over_time",
    "min_over_time",
    "sum_over_time",
    "count_over_time",
)
AGGREGATIONS = ("sum", "avg", "max", "min", "count")

SCALAR, INSTANT, RANGE = "scalar", "instant vector", "range vector"

_UNIT_MS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = re.compile("".join(rf"(?:(\d+){unit})?" for unit in _UNIT_MS))


class PromQLError(Exception):
    """The query cannot be read; the message is as Prometheus words it, with the position."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is absent counts as empty."""

    label: str
    operator: str
    value: str
    pattern: re.Pattern[str] | None = None

    def accepts(self, labels: dict[str, str]) -> bool:
        """Whether a label set meets the condition."""
        held = labels.get(self.label, "")
        met = self.pattern.fullmatch(held) is not None if self.pattern else held == self.value
        return met != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float
    kind: str = field(default=SCALAR, init=False)


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by matchers: an instant vector, or a range vector when `range_ms` is given."""

    matchers: tuple[Matcher, ...]
    range_ms: int | None = None
    offset_ms: int = 0

    @property
    def kind(self) -> str:
        """The type, in the words of Prometheus."""
        return INSTANT if self.range_ms is None else RANGE

    def accepts(self, labels: dict[str, str]) -> bool:
        """Whether a series is selected."""
        return all(matcher.accepts(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS over a range selector."""

    function: str
    argument: Selector
    kind: str = field(default=INSTANT, init=False)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation of AGGREGATIONS over groups: those of `labels`, or of all labels but those."""

    operation: str
    argument: "Expression"
    labels: tuple[str, ...] = ()
    without: bool = False
    kind: str = field(default=INSTANT, init=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic between two expressions; a minus before one is a product with -1."""

    operator: str
    left: "Expression"
    right: "Expression"

    @property
    def kind(self) -> str:
        """Scalar only if both sides are."""
        return SCALAR if self.left.kind == self.right.kind == SCALAR else INSTANT


Expression = Number | Selector | Call | Aggregate | Binary


def duration_ms(text: str) -> int:
    """Read a Prometheus duration such as `1h30m`, units in falling order; ValueError if it is none."""
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise ValueError(f'not a valid duration string: "{text}"')
    return sum(int(count) * unit for count, unit in zip(found.groups(), _UNIT_MS.values(), strict=True) if count)

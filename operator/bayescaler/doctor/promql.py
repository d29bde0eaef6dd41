"""As much of PromQL as a doctor needs: the selectors of a query, their ranges, and the functions around each.

Not a parser: what is wrong with a query Prometheus says itself. One pass over the tokens, linear in the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bayescaler.api.durations import seconds

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+'|`[^`]*+`)
    |(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+)
    |(?P<number>[0-9][0-9.eExXa-fA-F_]*)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:.]*)
    |(?P<sign>=~|!~|!=|==|.)""",
    re.VERBOSE | re.DOTALL,
)
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _LISTS | {"and", "or", "unless", "offset", "bool", "atan2", "inf", "nan", "start", "end"}
AGGREGATIONS = frozenset(
    {"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"}
)
RATES = frozenset({"rate", "increase", "irate"})


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label: `operator` is =, !=, =~ or !~."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector of a query: `text` as written without its range, `calls` the functions around it, outermost first."""

    text: str
    metric: str
    matchers: tuple[Matcher, ...]
    range_seconds: float | None
    calls: tuple[str, ...]

    @property
    def rated(self) -> str:
        """The rate function that it stands in, or nothing."""
        return next((call for call in reversed(self.calls) if call in RATES), "")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def selectors(query: str) -> tuple[Selector, ...]:
    """Return the selectors of a query, in their order; what is no PromQL gives what can be made of it."""
    tokens = [
        _Token(str(found.lastgroup), found[0], found.start(), found.end())
        for found in _TOKEN.finditer(query)
        if found.lastgroup != "blank"
    ]
    return tuple(_selectors(query, tokens))


def _selectors(query: str, tokens: list[_Token]) -> Iterator[Selector]:
    calls: list[str] = []
    pending, place = "", 0
    while place < len(tokens):
        token, after = tokens[place], _text(tokens, place + 1)
        if token.kind == "name" and token.text.lower() in _LISTS and after == "(":
            place = _past(tokens, place + 1, "(", ")")
            continue
        if token.text == "(":
            calls.append(pending)
            pending = ""
        elif token.text == ")" and calls:
            calls.pop()
        elif token.text == "[":  # of a subquery: those of selectors are taken with them
            place = _past(tokens, place, "[", "]")
            continue
        elif token.kind == "name" and (after == "(" or (after.lower() in _LISTS and token.text in AGGREGATIONS)):
            pending = token.text
        elif (token.kind == "name" and token.text.lower() not in _WORDS) or token.text == "{":
            selector, place = _selector(query, tokens, place, tuple(call for call in calls if call))
            yield selector
            continue
        place += 1


def _selector(query: str, tokens: list[_Token], place: int, calls: tuple[str, ...]) -> tuple[Selector, int]:
    """Read a selector that begins at a token; return it and the place after it."""
    start, metric, matchers = tokens[place].start, "", ()  # type: int, str, tuple[Matcher, ...]
    if tokens[place].kind == "name":
        metric, place = tokens[place].text, place + 1
    if _text(tokens, place) == "{":
        until = _past(tokens, place, "{", "}")
        matchers = tuple(_matchers(tokens[place + 1 : until - 1]))
        place = until
    named = next((m.value for m in matchers if (m.label, m.operator) == ("__name__", "=")), "")
    end, range_seconds = tokens[place - 1].end, None
    if _text(tokens, place) == "[":
        until = _past(tokens, place, "[", "]")
        inside = tokens[place + 1 : until - 1]
        if len(inside) == 1 and inside[0].kind == "duration":
            range_seconds = _seconds(inside[0].text)
        place = until
    return Selector(query[start:end], metric or named, matchers, range_seconds, calls), place


def _matchers(tokens: list[_Token]) -> Iterator[Matcher]:
    for label, operator, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if label.kind == "name" and operator.text in {"=", "!=", "=~", "!~"} and value.kind == "text":
            yield Matcher(label.text, operator.text, _unquoted(value.text))


def _past(tokens: list[_Token], place: int, opening: str, closing: str) -> int:
    """Return the place after the bracket that closes the one at `place`, or the end."""
    depth = 0
    for at in range(place, len(tokens)):
        depth += (tokens[at].text == opening) - (tokens[at].text == closing)
        if depth == 0:
            return at + 1
    return len(tokens)


def _text(tokens: list[_Token], place: int) -> str:
    return tokens[place].text if place < len(tokens) else ""


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("`") else re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _seconds(text: str) -> float | None:
    try:
        return float(seconds(text))
    except ValueError:
        return None  # in milliseconds or years

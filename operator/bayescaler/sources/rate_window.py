"""How far back a query looks for one value: the range of its rate(), as far as that can be read from its text."""

import re

from bayescaler.api.durations import seconds

_STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_COMMENTS = re.compile(r"#[^\n]*")
_BLANKS = re.compile(r"\s+")
# Of text with single blanks, and nothing is tried twice (possessive): a query may be written to be slow to read.
_RANGES = re.compile(
    r"\b(?:rate|increase|avg_over_time) ?\( ?[\w:]*+ ?(?:\{[^{}]*+\})?+ ?\[ ?([0-9wdhms]++) ?\]", re.ASCII
)


def rate_window_seconds(query: str) -> float | None:
    """Return the longest range that rate(), increase() or avg_over_time() of a series takes; None without one.

    Ranges of subqueries, and those in units above weeks or below seconds, are not read.
    """
    plain = _BLANKS.sub(" ", _COMMENTS.sub("", _STRINGS.sub('""', query)))
    found = []
    for text in _RANGES.findall(plain):
        try:
            found.append(seconds(text))
        except ValueError:
            continue
    return max(found, default=None)

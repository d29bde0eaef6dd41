"""Durations as text and as seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.api import duration_text, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("1m30s", 90),
        ("14d", 1_209_600),
        ("1w", 604_800),
        ("1d12h", 129_600),
        ("1w1d1h1m1s", 694_861),
    ],
)
def test_a_duration_has_seconds(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "-1m",
        "+1m",
        "1.5h",
        "0s",
        "1m 30s",
        "30s1m",
        "1h1h",
        "1M",
        "1d\n",
        " 1d",
        "P1D",
        "1ms",
        "٣d",
        "9" * 40 + "s",
    ],
)
def test_anything_else_is_refused_with_advice(text):
    with pytest.raises(ValueError, match="is not a duration: write whole numbers with units, largest first"):
        seconds(text)


@given(st.integers(min_value=1, max_value=10**8))
def test_text_and_seconds_are_inverse(value):
    assert seconds(duration_text(value)) == value


def test_less_than_a_second_rounds():
    assert (duration_text(0.2), duration_text(59.6)) == ("0s", "1m")

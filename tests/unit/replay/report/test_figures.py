"""Numbers as people read them: as many digits as they deserve."""

from math import nan

import pytest

from bayescaler.replay.report.figures import NONE, between, change, duration, number, share


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.00913, "0.91 %"), (0.0098765, "0.99 %"), (0.045, "4.5 %"), (0.2365, "24 %"),
        (0.000031, "0.0031 %"), (0.5, "50 %"), (0.948, "94.8 %"), (0.9991, "99.91 %"), (0.99, "99.0 %"), (nan, NONE),
    ],
)  # fmt: skip
def test_shares(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12345.6, "12,346"), (93.44, "93.4"), (0.567, "0.57"), (-250.0, "-250"), (nan, NONE)],
)
def test_quantities(value, text):
    assert number(value) == text


def test_the_rest():
    assert between(0.0083, 0.0103) == "0.83 to 1.0 %"
    assert between(nan, nan) == between(0.0, 0.0) == ""
    assert [change(ratio) for ratio in (0.978, 1.35, 1.0)] == ["2.2 %", "35 %", "0.0 %"]
    assert [duration(seconds) for seconds in (0.0, 45.0, 5520.0)] == ["never", "45s", "1h32m"]

"""Numbers as a tired person reads them."""

import pytest

from bayescaler.policy.explain import amount, percent, replicas, span


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0s"),
        (-3.0, "0s"),
        (45.0, "45s"),
        (59.6, "1m"),
        (180.0, "3m"),
        (250.0, "4m10s"),
        (3600.0, "1h"),
        (3661.0, "1h1m"),
        (86400.0, "1d"),
        (183600.0, "2d3h"),
    ],
)
def test_span(seconds, told):
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(571.4, "571/s"), (12345.6, "12346/s"), (12.34, "12.3/s"), (0.0412, "0.0412/s"), (0.0, "0/s")],
)
def test_amount(value, told):
    assert amount(value, "/s") == told


def test_percent_and_replicas():
    assert (percent(0.95), percent(0.999), percent(0.1)) == ("95 %", "99.9 %", "10 %")
    assert (replicas(1), replicas(0)) == ("1 replica", "0 replicas")

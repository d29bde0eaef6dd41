"""How far back a query looks for one value, read from its text."""

import pytest

from bayescaler.sources.rate_window import rate_window_seconds


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("sum(rate(http_requests_total[1m]))", 60.0),
        ('sum(rate(http_requests_total{namespace="shop",path=~"/a/{id}[5m]"}[1m30s]))', 90.0),
        ("sum by (app) (increase(jobs:total:sum [ 5m ]))", 300.0),
        ("sum(rate(a[1m])) + sum(rate(b[5m]))", 300.0),
        ("max_over_time(sum(rate(a[2m]))[1h:1m])", 120.0),
        ("avg_over_time(queue_length[10m])", 600.0),
        ("sum(rate(a[1m])) # once rate(a[1h])", 60.0),
        ("sum(queue_length)", None),
        ("irate(a[5m])", None),
        ("max_over_time(a[1h])", None),
        ("rate(a[500ms])", None),
        ("rate(", None),
        ("a or rate (\n  b { x = '1' } [ 5m ] )", 300.0),
    ],
)
def test_the_range_of_its_rates(query, seconds):
    assert rate_window_seconds(query) == seconds


@pytest.mark.parametrize("query", ["rate(" + 4000 * " " + "x)", 680 * "rate({", "rate(a{" + 4000 * "[" + "}[1m"])
def test_a_query_that_was_written_to_be_slow_to_read_is_not(query):
    """Each took minutes, or would if anything were tried twice; pytest's own time limit is the judge."""
    assert rate_window_seconds(query) is None

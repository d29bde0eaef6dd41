"""Stories of queries that give no load, each found by its cure, and of those that are left in peace."""

import pytest

from bayescaler.doctor.finding import Level
from bayescaler.doctor.promql import selectors
from bayescaler.doctor.query import (
    Held,
    Matcher,
    check_query,
    nearest_label,
    nearest_metric,
    nearest_value,
)


def judged(query, *, load="Rate", step=60.0, series=1, scrape=15.0, **held):
    """The findings on a query of one selector, of which Prometheus holds this."""
    return check_query([Held(one, series, scrape_seconds=scrape, **held) for one in selectors(query)], load, step)


RIGHT = {
    "a rate of a counter": ("sum(rate(http_requests_total[1m]))", {}),
    "an increase as a count": ("sum(increase(http_requests_total[1m]))", {"load": "Count"}),
    "a gauge": ("sum(queue_length)", {"load": "Gauge", "kind": "gauge", "falls": True}),
    "a recorded rate": ("job:requests:rate1m", {"kind": "", "falls": True}),
    "a counter that starts anew": ("sum(rate(jobs_total[1m]))", {"kind": "counter", "falls": True}),
    "how many there are of a counter": ("count(http_requests_total)", {"load": "Gauge"}),
    "a gauge named as a counter": ("sum(slots_total)", {"load": "Gauge", "kind": "gauge"}),
    "a range of just two scrapes": ("sum(rate(a_total[30s]))", {"step": 30.0}),
    "a quantile of a summary": ("max(latency_seconds)", {"load": "Gauge", "kind": "summary"}),
    "the count of a histogram": ("sum(rate(latency_seconds_count[1m]))", {"kind": "histogram"}),
    "where nothing is known": ("sum(rate(a_total[1m]))", {"scrape": None}),
}


@pytest.mark.parametrize("story", RIGHT)
def test_what_gives_a_load_is_sound(story):
    query, more = RIGHT[story]
    (found,) = judged(query, **more)
    assert found.level is Level.OK, found


WRONG = {
    "a counter without rate, by its name": (
        ("sum(http_requests_total)", {}), Level.ERROR, "is a counter", "sum(rate(http_requests_total[1m]))"),
    "a counter without rate, by its metadata": (
        ("sum(work)", {"kind": "counter"}), Level.ERROR, "is a counter", "sum(rate(work[1m]))"),
    "the count of a histogram without rate": (
        ("sum(latency_seconds_count)", {"kind": "histogram"}), Level.ERROR, "is a counter", "sum(rate(latency"),
    "a rate of a gauge, by its metadata": (
        ("sum(rate(queue_length[1m]))", {"kind": "gauge"}), Level.ERROR, "is a gauge", "load.kind Gauge"),
    "a rate of a gauge, as it falls": (
        ("sum(rate(queue_length[1m]))", {"falls": True}), Level.WARNING, "goes down, as a gauge", "load.kind Gauge"),
    "a range below two scrapes": (
        ("sum(rate(a_total[1m]))", {"scrape": 60.0}), Level.ERROR, "shorter than two scrapes (2m)", "write [4m]"),
    "a range that sees a part of each step": (
        ("sum(rate(a_total[1m]))", {"step": 300.0}), Level.WARNING, "only a part of each load.step", "write [5m]"),
    "a range over many steps": (
        ("sum(rate(a_total[10m]))", {}), Level.INFO, "smooths over 10 steps", "write [1m]"),
    "the last two samples": (
        ("sum(irate(a_total[1m]))", {}), Level.WARNING, "the last two samples alone", "write rate()"),
    "a count taken for a rate": (
        ("sum(increase(a_total[1m]))", {}), Level.ERROR, "60 times as much", "set load.kind Count"),
    "a rate taken for a count": (
        ("sum(rate(a_total[1m]))", {"load": "Count"}), Level.ERROR, "gives events per second", "set load.kind Rate"),
    "a rate taken for a level": (
        ("sum(rate(a_total[1m]))", {"load": "Gauge"}), Level.ERROR, "gives events per second", "set load.kind Rate"),
    "the load of one pod": (
        ("avg(rate(a_total[1m]))", {"series": 3}), Level.ERROR, "falls with replicas", "write sum()"),
    "series that have gone": (
        ("sum(rate(a_total[1m]))", {"series": 0, "last_seconds": 7200.0}), Level.ERROR, "the newest sample is 2h old",
        "see whether its targets are up"),
    "series that never were": (
        ("sum(rate(a_total[1m]))", {"series": 0, "near": "there is b_total"}), Level.ERROR, "no series match",
        "there is b_total"),
}  # fmt: skip


@pytest.mark.parametrize("story", WRONG)
def test_what_gives_no_load_is_found_by_its_cure(story):
    (query, more), level, what, cure = WRONG[story]
    (found,) = judged(query, **more)
    assert found.level is level
    assert what in found.what
    assert cure in found.cure


def test_each_selector_of_a_query_is_judged_by_itself():
    found = judged("sum(rate(a_total[1m])) + sum(b_total)")
    assert [one.where for one in found] == ["b_total"]


KNOWN = ["http_requests_total", "http_request_duration_seconds_count", "process_cpu_seconds_total", "up", "grpc_total"]


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("http_request_total", "did you mean http_requests_total"),
        ("nginx_ingress", "nor one like it"),
    ],
)
def test_a_metric_that_is_not_there_is_told_with_those_like_it(metric, told):
    assert told in nearest_metric(metric, KNOWN)


def test_of_a_server_without_any_metric_the_server_is_doubted():
    assert "is it the right server?" in nearest_metric("a_total", [])


def test_labels_and_values_that_are_not_there_are_told_with_those_like_them():
    wrong = Matcher("servce", "=", "checkout")
    assert (
        nearest_label(wrong, ["__name__", "service", "pod"]) == "the metric has no label servce: did you mean service?"
    )
    assert nearest_label(Matcher("x", "=", "y"), ["__name__", "pod", "zone"]).endswith("there is pod or zone")
    values = ["cart", "checkout-api", "payments"]
    assert nearest_value(Matcher("service", "=", "checkout"), values).endswith("did you mean checkout-api?")
    assert nearest_value(Matcher("service", "=", "xyz"), ["c", "b", "a", "d"]).endswith("there is a, b, c or d")


def test_of_very_many_metrics_only_those_that_share_a_word_are_compared():
    many = [f"other_{number}_thing" for number in range(50_000)]
    assert "mean http_requests_total" in nearest_metric("http_requests_totals", [*many, "http_requests_total"])

"""What the evaluator computes, beside a slow reading of Prometheus' own definition; what it does not speak,
it names.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescaler.sandbox.prometheus.engine import ExecutionError, Vector, evaluate
from bayescaler.sandbox.prometheus.functions import PROMETHEUS_2, PROMETHEUS_3, Dialect
from bayescaler.sandbox.prometheus.parser import parse
from bayescaler.sandbox.prometheus.promql import PromQLError, Selector
from bayescaler.sandbox.prometheus.store import Samples, SeriesStore

NOW = 10_000.0


def ask(
    store: SeriesStore, query: str, at: Sequence[float], dialect: Dialect = PROMETHEUS_3
) -> dict[str, list[float | None]]:
    """Values at each instant by `pod`, None where absent."""

    def select(selector: Selector) -> list[Samples]:
        return [one.visible(int(NOW * 1000)) for one in store if selector.accepts(dict(one.labels))]

    grid = np.array([round(1000 * time) for time in at], dtype=np.int64)
    answer = evaluate(parse(query), grid, select, dialect)
    assert isinstance(answer, Vector)
    return {
        dict(labels).get("pod", ""): [float(v) if p else None for v, p in zip(values, present, strict=True)]
        for labels, values, present in zip(answer.labels, answer.values, answer.present, strict=True)
    }


def slow_rate(times: list[float], values: list[float], at: float, width: float, dialect: Dialect) -> float | None:
    """extrapolatedRate of Prometheus, sample by sample."""
    start = at - width
    inside = [
        (t, v) for t, v in zip(times, values, strict=True)
        if (start < t or (t == start and not dialect.left_open)) and t <= at
    ]  # fmt: skip
    if len(inside) < 2:
        return None
    (first_time, first), (last_time, last) = inside[0], inside[-1]
    growth, before = last - first, first
    for _, value in inside[1:]:
        if value < before:
            growth += before
        before = value
    sampled = last_time - first_time
    spacing = sampled / (len(inside) - 1)
    to_start, to_end = first_time - start, at - last_time
    zero = sampled * (first / growth) if growth > 0 else float("inf")
    if dialect.zero_last:
        if to_start >= 1.1 * spacing:
            to_start = spacing / 2
        to_start = min(to_start, zero)
    else:
        to_start = min(to_start, zero)
        if to_start >= 1.1 * spacing:
            to_start = spacing / 2
    if to_end >= 1.1 * spacing:
        to_end = spacing / 2
    return growth * (sampled + to_start + to_end) / sampled / width


@settings(max_examples=150, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 200), min_size=0, max_size=40),
    counts=st.lists(st.integers(0, 500), min_size=41, max_size=41),
    resets=st.sets(st.integers(0, 40)),
    width=st.integers(1, 600),
    dialect=st.sampled_from([PROMETHEUS_2, PROMETHEUS_3]),
)
def test_rate_of_all_windows_at_once_is_rate_of_each_alone(
    gaps: list[int], counts: list[int], resets: set[int], width: int, dialect: Dialect
) -> None:
    times = [100.0 + sum(gaps[:n]) for n in range(len(gaps) + 1)]
    values: list[float] = []
    for n in range(len(times)):
        values.append(counts[n] + (0 if n in resets or not values else values[-1]))
    store = SeriesStore()
    store.series("x").append(times, values)
    instants = np.arange(90, times[-1] + 700, 35).tolist()
    answer = ask(store, f"rate(x[{width}s])", instants, dialect).get("", [None] * len(instants))
    for at, value in zip(instants, answer, strict=True):
        expected = slow_rate(times, values, at, width, dialect)
        assert (value is None) == (expected is None)
        if expected is not None:
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_versions_differ_in_the_sample_at_the_start_of_a_window() -> None:
    store = SeriesStore()
    store.series("x").append([0, 60, 120], [0, 60, 120])
    assert ask(store, "rate(x[1m])", [120], PROMETHEUS_2) == {"": [1.0]}
    assert ask(store, "rate(x[1m])", [120], PROMETHEUS_3) == {}
    assert ask(store, "x", [420], PROMETHEUS_2) == {"": [120.0]}
    assert ask(store, "x", [420], PROMETHEUS_3) == {}


def test_absent_stale_nan_and_zero_are_four_things() -> None:
    store = SeriesStore()
    store.series("x", {"pod": "zero"}).append([0, 60], [0, 0])
    store.series("x", {"pod": "nan"}).append([0, 60], [1, np.nan])
    store.series("x", {"pod": "old"}).append(0, 1)
    store.series("x", {"pod": "ended"}).append(0, 1)
    store.series("x", {"pod": "ended"}).end(60)
    found = ask(store, "x", [0, 60, 310])
    assert found["zero"] == [0, 0, 0]
    assert found["old"] == [1, 1, None]
    assert found["ended"] == [1, None, None]
    assert found["nan"][0] == 1
    assert np.isnan(found["nan"][1])
    assert ask(store, "count(x)", [0, 60, 310]) == {"": [4, 3, 2]}


def test_a_marker_ends_a_series_without_spoiling_its_windows() -> None:
    store = SeriesStore()
    store.series("x").append([15, 30, 45], [10, 20, 30])
    store.series("x").end(50)
    assert ask(store, "sum_over_time(x[1m])", [60]) == {"": [60.0]}


def test_aggregation_takes_at_each_instant_whoever_is_present() -> None:
    store = SeriesStore()
    store.series("x", {"pod": "a"}).append([0, 600], [1, 5])
    store.series("x", {"pod": "b"}).append([0], [3])
    for query, expected in (("sum(x)", [4, 5]), ("avg(x)", [2, 5]), ("max(x)", [3, 5]), ("min(x)", [1, 5])):
        assert ask(store, query, [0, 600]) == {"": expected}
    assert ask(store, "sum by (pod) (x)", [600]) == {"a": [5]}


def test_series_that_differ_only_in_name_clash_unless_they_never_meet() -> None:
    store = SeriesStore()
    store.series("old_total", {"pod": "a"}).append([0, 15], [0, 15])
    store.series("new_total", {"pod": "a"}).append([600, 615], [0, 30])
    assert ask(store, 'rate({__name__=~".+_total"}[1m])', [15, 300, 615]) == {
        "a": [pytest.approx(0.25), None, pytest.approx(0.5)]
    }
    with pytest.raises(ExecutionError, match="same labelset"):
        ask(_twins(), "-{pod='a'}", [0])


def _twins() -> SeriesStore:
    store = SeriesStore()
    store.series("x", {"pod": "a"}).append(0, 1)
    store.series("y", {"pod": "a"}).append(0, 1)
    return store


def test_vectors_pair_by_equal_labels_and_refuse_several_partners() -> None:
    store = _twins()
    store.series("x", {"pod": "b"}).append(0, 8)
    assert ask(store, "x / y", [0]) == {"a": [1.0]}
    with pytest.raises(ExecutionError, match=r'right hand-side.*many-to-many|pod="a"'):
        ask(store, 'x * {__name__=~"x|y", pod="a"}', [0])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("histogram_quantile(0.9, x)", "histogram_quantile"),
        ("topk(3, x)", "topk"),
        ("quantile by (pod) (x)", "quantile"),
        ("x and y", '"and"'),
        ("x or y", '"or"'),
        ("x unless y", '"unless"'),
        ("x / on (pod) y", '"on"'),
        ("x * ignoring (pod) group_left y", '"ignoring"'),
        ("x > 5", '">"'),
        ("x == bool 5", '"=="'),
        ("x % 2", '"%"'),
        ("x ^ 2", '"\\^"'),
        ("x @ 1700000000", '"@"'),
        ("max_over_time(x[1h:1m])", "subquery"),
        ("max_over_time(rate(x[1m])[1h])", "subquery"),
        ("vector(1)", "vector"),
        ("absent(x)", "absent"),
    ],
)
def test_what_is_not_spoken_is_refused_by_name(query: str, named: str) -> None:
    with pytest.raises(PromQLError, match=f"^1:[0-9]+: parse error: .*{named}.* not supported by the sandbox"):
        parse(query)


def test_an_error_tells_its_line_and_column() -> None:
    with pytest.raises(PromQLError, match=r'^2:10: parse error: unexpected identifier "b"'):
        parse("sum(\n  rate(a b[5m]))")


def test_names_of_functions_and_words_may_name_metrics_and_labels() -> None:
    store = SeriesStore()
    store.series("rate", {"by": "sum", "pod": "a"}).append(0, 1)
    assert ask(store, 'rate{by="sum"}', [0]) == {"a": [1]}
    assert ask(store, "sum by (by, pod) (rate)", [0]) == {"a": [1]}


@pytest.mark.parametrize("quoted", ['"a\\"b\\n"', "'a\"b\\n'", '`a"b\n`', '"a\\x22b\\u000a"'])
def test_strings_are_read_in_each_quoting(quoted: str) -> None:
    store = SeriesStore()
    store.series("x", {"pod": 'a"b\n'}).append(0, 1)
    assert ask(store, f"x{{pod={quoted}}}", [0]) == {'a"b\n': [1]}

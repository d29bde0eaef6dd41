"""What is read of a query's text: its selectors, their ranges and matchers, and the functions around each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.doctor.promql import Matcher, selectors


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("up", [("up", None, ())]),
        ("sum(rate(http_requests_total[1m]))", [("http_requests_total", 60.0, ("sum", "rate"))]),
        ("sum by (pod) (rate(a[5m]))", [("a", 300.0, ("sum", "rate"))]),
        ("sum(rate(a[5m])) by (pod, node)", [("a", 300.0, ("sum", "rate"))]),
        ("max_over_time(sum(rate(a[1m]))[10m:1m])", [("a", 60.0, ("max_over_time", "sum", "rate"))]),
        ("sum(a) / on (pod) group_left (x) sum(b)", [("a", None, ("sum",)), ("b", None, ("sum",))]),
        ("rate(a[1m] offset 5m) and b or vector(0)", [("a", 60.0, ("rate",)), ("b", None, ())]),
        ("sum(rate(a[1h30m])) # sum(rate(b[1m]))", [("a", 5400.0, ("sum", "rate"))]),
        ("job:requests:rate1m", [("job:requests:rate1m", None, ())]),
        ("2 * 1e3 + Inf", []),
        ("a[500ms]", [("a", None, ())]),
        ("(a)", [("a", None, ())]),
        ("topk(3, a) unless bool b", [("a", None, ("topk",)), ("b", None, ())]),
    ],
)
def test_selectors_with_range_and_functions_outermost_first(query, told):
    assert [(one.metric, one.range_seconds, one.calls) for one in selectors(query)] == told


@pytest.mark.parametrize(
    ("query", "matchers"),
    [
        ('a{b="c"}', [("b", "=", "c")]),
        ("""a{b='c', d!="e",f=~"g|h" , i!~`j\\d`}""",
         [("b", "=", "c"), ("d", "!=", "e"), ("f", "=~", "g|h"), ("i", "!~", "j\\d")]),
        ('a{b="x\\"} + c{d=\\"y"}', [("b", "=", 'x"} + c{d="y')]),
        ("a{}", []),
        ('{__name__="a", b="c"}', [("__name__", "=", "a"), ("b", "=", "c")]),
    ],
)  # fmt: skip
def test_matchers_with_their_quotes_undone(query, matchers):
    (one,) = selectors(query)
    assert one.metric == "a"
    assert one.matchers == tuple(Matcher(*each) for each in matchers)


def test_the_text_of_a_selector_is_as_it_was_written_without_its_range():
    query = 'sum(rate(http_requests_total{ job = "web" }[1m])) + up'
    assert [one.text for one in selectors(query)] == ['http_requests_total{ job = "web" }', "up"]


def test_a_label_list_is_no_metric_and_no_aggregation_is_lost_behind_it():
    (one,) = selectors("sum without (instance) (a)")
    assert one.calls == ("sum",)
    assert selectors("a")[0].calls == ()


@given(st.text(alphabet="abc_:(){}[]=\"',|~!0159smh.# \n\\`+by", max_size=200))
def test_whatever_is_typed_is_read_without_an_error_and_every_text_is_part_of_it(query):
    for one in selectors(query):
        assert one.text in query


def test_a_hostile_query_of_the_longest_length_is_read_in_no_time():
    for hostile in ("(" * 4096, "[" * 4096, '"' + "\\" * 4094, "a{" * 2048, "1" * 4096, "by(" * 1365, "9s" * 2048):
        assert len(selectors(hostile)) <= 4096

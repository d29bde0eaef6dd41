"""What would turn the verdict: prices at which two policies cost the same, start-up times at which another wins."""

from dataclasses import replace
from math import isnan, nan

import pytest

from bayescaler.replay.frontier import Comparison
from bayescaler.replay.judgement import Interval
from bayescaler.replay.report.opposite import Pays, WhatIf, break_evens, crossing, crossings, what_if

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

NONE = Interval(nan, nan)


def run(seconds, ratio):
    return WhatIf(seconds, Comparison(0.01, ratio, 1.0, ratio, nan, NONE, NONE))


@pytest.mark.parametrize(
    ("saved", "short", "pays", "price"),
    [
        (10.0, 2.0, Pays.BELOW, 5.0),
        (-10.0, -2.0, Pays.ABOVE, 5.0),
        (10.0, 0.0, Pays.ALWAYS, nan),
        (10.0, -1.0, Pays.ALWAYS, nan),
        (0.0, -1.0, Pays.ALWAYS, nan),
        (-10.0, 1.0, Pays.NEVER, nan),
        (-10.0, 0.0, Pays.NEVER, nan),
        (0.0, 1.0, Pays.NEVER, nan),
        (0.0, 0.0, Pays.ALIKE, nan),
    ],
)
def test_two_straight_lines_cross_once_or_one_lies_above(saved, short, pays, price):
    assert crossing(saved, short) == (pays, pytest.approx(price, nan_ok=True))


def test_at_the_price_that_is_told_both_cost_the_same(found):
    ours = found.judgement.outcome
    priced = 0
    for one, peer in zip(break_evens(found), found.judgements[1:], strict=True):
        assert one.name == peer.name
        if not isnan(one.replica_hours):
            priced += 1
            mine, theirs = (
                played.pod_hours + one.replica_hours * played.violating_seconds / 3600.0
                for played in (ours, peer.outcome)
            )
            assert mine == pytest.approx(theirs)
            dearer = 2.0 * one.replica_hours
            mine, theirs = (
                played.pod_hours + dearer * played.violating_seconds / 3600.0 for played in (ours, peer.outcome)
            )
            assert (mine < theirs) is (one.pays is Pays.ABOVE)
            assert isnan(one.interval.low) or one.interval.low <= one.replica_hours <= one.interval.high
    assert priced > 0


def test_another_start_up_time_is_replayed_as_if_it_had_been_asked_for(found):
    as_it_was = found.case.scenario.start_up.quantile(0.5)
    same, slow = what_if(found.case, [as_it_was, 3600.0])

    assert same.comparison == found.own
    assert slow.startup_seconds == 3600.0
    assert slow.comparison.ours > same.comparison.ours


def test_the_start_up_time_at_which_the_winner_changes_lies_between_two_runs():
    assert crossings([run(60.0, 0.9), run(240.0, 1.1)]) == [pytest.approx(120.0)]
    assert crossings([run(240.0, 1.1), run(60.0, 0.9)]) == [pytest.approx(120.0)]
    assert crossings([run(0.0, 1.1), run(100.0, 0.9)]) == [pytest.approx(50.0)]


def test_without_a_change_or_a_ratio_there_is_none():
    assert crossings([run(60.0, 0.9), run(240.0, 0.8)]) == []
    assert crossings([run(60.0, nan), run(240.0, 0.8)]) == []
    assert crossings([]) == []


def test_intervals_need_days(found):
    one_day = replace(found.case.scenario, learned_buckets=len(found.case.scenario.loads) - 48)
    short = replace(found, case=replace(found.case, scenario=one_day))

    assert all(isnan(one.interval.low) for one in break_evens(short))

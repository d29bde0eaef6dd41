"""Two policies compared where it is fair: at equal time short, or at equal cost."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.frontier import LEVELS, beside, compare, cost_at, frontier, least, violating_at
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant

VIOLATING = np.array([0.001, 0.01, 0.1])
COST = np.array([300.0, 200.0, 100.0])


def test_between_two_knobs_cost_is_linear_in_the_logarithm_of_the_share():
    halfway = (0.01 * 0.1) ** 0.5

    assert cost_at(VIOLATING, COST, 0.01) == pytest.approx(200.0)
    assert cost_at(VIOLATING, COST, halfway) == pytest.approx(150.0, rel=1e-3)
    assert cost_at(VIOLATING, COST, 0.02) == pytest.approx(200.0 - 100.0 * log(2.0) / log(10.0), rel=1e-3)


def test_the_order_of_the_knobs_does_not_matter():
    assert cost_at(VIOLATING[[2, 0, 1]], COST[[2, 0, 1]], 0.02) == cost_at(VIOLATING, COST, 0.02)


def test_beyond_the_laxest_knob_it_is_the_cheapest_and_before_the_strictest_there_is_none():
    assert cost_at(VIOLATING, COST, 0.5) == 100.0
    assert np.isnan(cost_at(VIOLATING, COST, 0.0005))


def test_a_knob_that_is_safer_and_cheaper_counts():
    assert cost_at(np.array([0.001, 0.01]), np.array([80.0, 200.0]), 0.05) == 80.0


def test_the_share_at_a_cost_is_the_other_way_round():
    for level in (0.002, 0.01, 0.05):
        cost = float(cost_at(VIOLATING, COST, level))
        assert violating_at(VIOLATING, COST, cost) == pytest.approx(level, rel=1e-6)
    assert violating_at(VIOLATING, COST, 1000.0) == 0.001
    assert np.isnan(violating_at(VIOLATING, COST, 50.0))


def test_many_frontiers_at_once_are_each_alone():
    shares = np.array([[0.001, 0.01, 0.1], [0.02, 0.03, 0.1], [0.0, 0.0, 0.5]])
    costs = np.array([[300.0, 200.0, 100.0], [9.0, 8.0, 7.0], [30.0, 20.0, 10.0]])
    told = cost_at(shares, costs, 0.01)

    alone = [float(cost_at(share, cost, 0.01)) for share, cost in zip(shares, costs, strict=True)]
    assert told.tolist() == pytest.approx(alone, nan_ok=True)
    assert np.isnan(told[1])


@given(
    some.lists(some.tuples(some.floats(0.0, 0.5), some.floats(1.0, 100.0)), min_size=1, max_size=8),
    some.floats(1e-4, 0.4),
)
def test_more_time_short_is_never_dearer(points, level):
    shares, costs = np.array(points).T

    strict, lax = (float(cost_at(shares, costs, at)) for at in (level, 1.1 * level))
    assert np.isnan(strict) or lax <= strict + 1e-9
    assert np.isnan(strict) or strict >= costs.min() - 1e-9


DAYS = 12


def scenario():
    dice = np.random.default_rng(0)
    loads = np.tile(10.0 + 6.0 * np.sin(np.arange(96) / 96 * 2 * np.pi), DAYS) * dice.gamma(25.0, 1 / 25.0, 96 * DAYS)
    return Scenario(
        loads, 900.0, 1.0, interval_seconds=900.0, lag_seconds=0.0, learned_buckets=0, start_up=constant(900.0)
    )


def knobs(case, name, factors, base):
    return frontier(case, name, factors, [np.ceil(factor * base).astype(np.int64) for factor in factors])


@pytest.fixture(scope="module")
def three():
    case = scenario()
    usual = np.tile(np.nanmean(case.arrivals.reshape(DAYS, 96), axis=0), DAYS)
    factors = (0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 3.0, 4.0)
    flat = np.full(len(usual), usual.mean())
    return (
        least(case),
        knobs(case, "by the hour", factors, np.maximum(usual, np.roll(usual, -1))),
        knobs(case, "flat", factors, flat),
    )


def test_against_itself_nothing_is_gained_and_of_that_there_is_no_doubt(three):
    knowing, ours, _ = three
    for told in compare(ours, ours, knowing):
        if np.isfinite(told.ratio):
            assert (told.ratio, told.waste) == (1.0, 1.0)
        if np.isfinite(told.ratio_interval.low):
            assert (told.ratio_interval.low, told.ratio_interval.high) == (1.0, 1.0)


def test_one_who_knows_the_hour_needs_less_than_one_who_does_not(three):
    knowing, ours, flat = three
    told = compare(ours, flat, knowing, levels=(0.05, 0.02))

    for one in told:
        assert one.ratio < 0.9
        assert one.ratio_interval.low <= one.ratio <= one.ratio_interval.high < 1.0
        assert one.waste == pytest.approx((one.ours - knowing.cost[0]) / (one.theirs - knowing.cost[0]))


def test_where_one_cannot_be_brought_there_it_says_so(three):
    knowing = three[0]
    case = scenario()
    lax = knobs(case, "lax", (0.5, 0.7), case.arrivals)
    told = compare(lax, knowing, knowing, levels=(0.01,))[0]

    assert np.isnan([told.ours, told.ratio, told.waste, told.ratio_interval.low]).all()
    assert told.theirs == knowing.cost[0]


def test_nobody_never_short_is_cheaper_than_the_one_who_knows(three):
    knowing, ours, flat = three

    assert knowing.violating[0] == 0.0
    for one in (ours, flat):
        assert all(cost >= knowing.cost[0] for cost, share in zip(one.cost, one.violating, strict=True) if share == 0)


def test_the_knob_chosen_in_hindsight_is_the_cheapest_that_holds(three):
    _, ours, _ = three
    place = ours.cheapest(0.02)

    assert ours.violating[place] <= 0.02
    assert ours.knobs[place] == min(k for k, share in zip(ours.knobs, ours.violating, strict=True) if share <= 0.02)
    assert ours.cheapest(-1.0) is None
    assert ours.outcomes[place].violating_share == pytest.approx(ours.violating[place])


def test_it_is_compared_at_four_levels():
    assert LEVELS == (0.05, 0.02, 0.01, 0.005)


def test_each_knob_needs_its_timeline():
    with pytest.raises(ValueError, match="2 knobs and 1 timelines of x"):
        frontier(scenario(), "x", (1.0, 2.0), [np.ones(96 * DAYS, dtype=np.int64)])


def test_one_setting_is_compared_at_the_time_short_that_it_has_on_whichever_days_are_drawn(three):
    knowing, _, flat = three
    case = scenario()
    usual = np.tile(np.nanmean(case.arrivals.reshape(DAYS, 96), axis=0), DAYS)
    mine = knobs(case, "by the hour", (1.4,), np.maximum(usual, np.roll(usual, -1)))
    told = beside(mine, flat, knowing)

    at_its_share = compare(mine, flat, knowing, levels=(float(mine.violating[0]),))[0]
    assert (told.level, told.ours, told.theirs) == (at_its_share.level, at_its_share.ours, at_its_share.theirs)
    assert np.isnan(at_its_share.ratio_interval.low)  # half of the draws are short for longer than that
    assert told.ratio_interval.low <= told.ratio <= told.ratio_interval.high < 1.0


def test_beside_one_that_costs_nothing_there_is_no_ratio(three):
    ours = three[1]
    free = replace(ours, pod_hours=np.zeros_like(ours.pod_hours))

    assert np.isnan(compare(ours, free, free)[0].ratio)


def test_one_setting_beside_itself_costs_the_same_on_any_days(three):
    knowing = three[0]
    case = scenario()
    mine = knobs(case, "flat", (1.2,), np.full(len(case.arrivals), case.arrivals.mean()))

    told = beside(mine, mine, knowing)
    assert (told.ratio, told.ratio_interval.low, told.ratio_interval.high) == (1.0, 1.0, 1.0)

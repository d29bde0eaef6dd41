"""A fleet: what one workload would gain beside what it has, and many of them ranked and summed."""

from dataclasses import replace
from functools import partial
from math import isnan, nan

import numpy as np
import pytest

from bayescaler.policy import Policy
from bayescaler.replay.backtest import Case, backtest, target_frontier
from bayescaler.replay.baselines import Hpa, Static
from bayescaler.replay.fleet import MEANING, Present, Row, Side, ranked, total, weigh
from bayescaler.replay.frontier import cost_at
from bayescaler.replay.judgement import Interval, Prices
from bayescaler.replay.report import Category, verdict
from bayescaler.replay.scenario import Scenario
from bayescast import ForecastSpec

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

STEP, DAYS = 300.0, 12
CAPACITY = 20.0
NOWHERE = Interval(nan, nan)


@pytest.fixture(scope="module")
def case():
    """Twelve days of a wave around 300/s, six of them judged."""
    at = np.arange(0.0, DAYS * 86400.0, STEP)
    noise = np.random.default_rng(1).normal(0.0, 12.0, len(at))
    loads = np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0)
    policy = Policy(1, 60, CAPACITY)
    return Case("shop/web", policy, ForecastSpec(STEP, (1,), seasons=(86400.0,)), Scenario(loads, STEP, CAPACITY))


@pytest.fixture(scope="module")
def row(case):
    return weigh(case, "BayesianAutoscaler", Present("HPA at 70%", 0.7 * CAPACITY, Hpa), Prices(2.0, 10.0))


def side(pod_hours, short=0.01):
    return Side(short, 0.0, pod_hours, pod_hours, 1, 0)


def made(name, ours, present, tuned=nan, interval=NOWHERE, days=1.0, safest=nan, **shorts):
    return Row(
        name,
        "BayesianAutoscaler",
        "HPA",
        days * 86400.0,
        side(ours, shorts.get("short", 0.01)),
        side(present, shorts.get("present_short", 0.01)),
        NOWHERE,
        tuned,
        safest,
        ours / tuned,
        interval,
    )


def test_a_row_has_the_figures_of_the_single_backtest(case, row):
    alone = backtest(case, ("hpa",), Prices(2.0, 10.0))

    for one, judged in zip((row.ours, row.present), alone.judgements, strict=True):
        assert one.pod_hours == pytest.approx(judged.outcome.pod_hours)
        assert one.short == judged.outcome.violating_share
        assert one.cost == pytest.approx(judged.cost)
        assert (one.changes, one.reversals) == (judged.outcome.scale_events, judged.outcome.reversals)
    assert row.saved_pod_hours == row.present.pod_hours - row.ours.pod_hours
    assert row.saved.low < row.saved_pod_hours < row.saved.high
    assert row.seconds == DAYS / 2 * 86400.0
    assert row.verdict is verdict(alone).category


def test_the_opponent_is_its_best_target_at_the_time_short_of_ours(case, row):
    swept = target_frontier(case.scenario)

    assert row.tuned_pod_hours == pytest.approx(float(cost_at(swept.violating, swept.cost, row.ours.short)), rel=1e-9)
    assert row.ratio == pytest.approx(row.ours.pod_hours / row.tuned_pod_hours)
    assert row.ratio_interval.low <= row.ratio <= row.ratio_interval.high


def test_its_own_target_is_one_of_those_it_may_be_tuned_to(case):
    odd = 0.62 * CAPACITY
    found = weigh(case, "HorizontalPodAutoscaler", Present("HPA at 62%", odd, Hpa))
    played = case.scenario.play(Hpa(odd).replicas(case.scenario)).outcome()

    assert found.present.pod_hours == pytest.approx(played.pod_hours)


def test_where_no_target_is_short_as_seldom_its_safest_is_the_one_to_beat(case):
    """So many pods, whatever the load per pod to steer to: short each day, and ours is not."""
    for pods, verdict_of in ((15, Category.DEPENDS), (24, Category.WORTH_IT)):
        present = Present("fixed", CAPACITY, lambda _, pods=pods: Static(pods))
        found = weigh(replace(case, policy=replace(case.policy, quantile=0.99)), "HorizontalPodAutoscaler", present)

        assert found.ours.short < found.present.short
        assert isnan(found.tuned_pod_hours)
        assert found.safest_pod_hours == found.present.pod_hours
        assert found.gained_pod_hours == found.saved_pod_hours
        assert found.verdict is verdict_of


def test_a_load_of_too_few_days_is_weighed_but_leaves_one_unsure(case):
    scenario = replace(case.scenario, loads=case.scenario.loads[: round(2 * 86400 / STEP)])
    found = weigh(replace(case, scenario=scenario), "BayesianAutoscaler", Present("HPA", 14.0, Hpa))

    assert isnan(found.saved.low)
    assert found.verdict is Category.UNTOLD


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(0.8, 0.97), Category.WORTH_IT),
        (Interval(0.985, 1.01), Category.ALIKE),
        (Interval(0.9, 1.1), Category.UNTOLD),
        (Interval(1.01, 1.2), Category.NOT_WORTH_IT),
        (NOWHERE, Category.UNTOLD),
    ],
)
def test_the_verdict_needs_the_whole_interval(interval, said):
    assert made("a", 90.0, 100.0, tuned=100.0, interval=interval).verdict is said
    assert MEANING[said]


def test_the_first_has_the_most_to_gain_at_equal_time_short_whatever_it_saves_as_it_is():
    """`loose` saves by being short, which is no gain; `none` beats the safest by 20."""
    loose = made("loose", 50.0, 200.0, tuned=40.0)
    tight = made("tight", 100.0, 90.0, tuned=130.0)
    none = made("none", 100.0, 300.0, safest=120.0)

    assert [row.name for row in ranked([loose, tight, none])] == ["tight", "none", "loose"]


def test_a_price_of_overload_ranks_by_cost():
    dear = replace(made("dear", 100.0, 130.0, tuned=100.0), present=Side(0.2, 0.0, 130.0, 900.0, 1, 0))
    tight = made("tight", 100.0, 120.0, tuned=200.0)

    assert [row.name for row in ranked([tight, dear], Prices(1.0, 20.0))] == ["dear", "tight"]


def test_the_sum_weighs_time_short_by_time_and_compares_what_can_be_compared():
    short, long = (
        made("short", 10.0, 20.0, tuned=20.0, days=1.0, short=0.04),
        made("long", 30.0, 30.0, days=3.0, safest=31.0),
    )
    found = total([short, long])

    assert found.short == pytest.approx((0.04 + 3 * 0.01) / 4)
    assert (found.pod_hours, found.present_pod_hours, found.compared, found.ratio) == (40.0, 50.0, 1, 0.5)
    assert {said: count for said, count in found.verdicts.items() if count} == {
        Category.WORTH_IT: 1,
        Category.UNTOLD: 1,
    }


def test_another_kind_of_autoscaler_is_steered_to_each_target(case):
    from bayescaler.replay.baselines import Keda

    polled = weigh(case, "ScaledObject", Present("KEDA", 0.7 * CAPACITY, partial(Keda, cooldown_period_seconds=60.0)))
    assert polled.present.pod_hours > 0
    assert not isnan(polled.tuned_pod_hours)

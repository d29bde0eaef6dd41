"""Golden vectors of autoscaling/v2 behavior, worked from the formulas of the HPA's controller: its lab's own step."""

import pytest

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.replay.behavior import History, remember, scale_down_limit, scale_up_limit, stabilize

NOW = 1000.0
UP = Behavior().scale_up
TEN_PERCENT = ScalingPolicy(PolicyType.PERCENT, 10, 60.0)
FOUR_PODS = ScalingPolicy(PolicyType.PODS, 4, 60.0)


def down(*policies, select=Select.MAX):
    return ScalingRules(policies, 300.0, select)


@pytest.mark.parametrize(
    ("rules", "current", "ups", "downs", "limit"),
    [
        pytest.param(UP, 3, (), (), 7, id="from 3, four pods are more than double"),
        pytest.param(UP, 10, (), (), 20, id="from 10, double is more than four pods"),
        pytest.param(UP, 10, ((990.0, 3),), (), 14, id="3 of the 10 came within the period"),
        pytest.param(UP, 10, ((985.0, 3),), (), 20, id="as old as the period is outside of it"),
        pytest.param(UP, 10, (), ((990.0, 5),), 30, id="what was removed may come back"),
        pytest.param(UP, 10, ((990.0, 8),), (), 10, id="the allowance is used up, nothing is taken back"),
        pytest.param(ScalingRules(UP.policies, 0.0, Select.MIN), 10, (), (), 14, id="Min takes the smaller change"),
        pytest.param(ScalingRules(UP.policies, 0.0, Select.DISABLED), 10, (), (), 10, id="Disabled stays"),
        pytest.param(ScalingRules((TEN_PERCENT,), 0.0), 1, (), (), 2, id="percent of one pod is a pod"),
    ],
)
def test_scale_up_limit(rules, current, ups, downs, limit):
    assert scale_up_limit(rules, History(ups=ups, downs=downs), current, NOW) == limit


@pytest.mark.parametrize(
    ("rules", "current", "downs", "limit"),
    [
        pytest.param(down(TEN_PERCENT), 15, (), 13, id="10 % of 15 is rounded to the safe side of 13.5"),
        pytest.param(down(TEN_PERCENT), 15, ((950.0, 5),), 15, id="5 went within the period, no more may"),
        pytest.param(down(FOUR_PODS, TEN_PERCENT), 80, (), 72, id="Max takes the larger change, 8 of 80"),
        pytest.param(down(FOUR_PODS, TEN_PERCENT, select=Select.MIN), 80, (), 76, id="Min the smaller, 4"),
        pytest.param(down(FOUR_PODS, select=Select.DISABLED), 80, (), 80, id="Disabled stays"),
        pytest.param(Behavior().scale_down, 80, (), 0, id="by default all may go"),
    ],
)
def test_scale_down_limit(rules, current, downs, limit):
    assert scale_down_limit(rules, History(downs=downs), current, NOW) == limit


@pytest.mark.parametrize(
    ("earlier", "current", "desired", "held"),
    [
        pytest.param((9, 7, 4), 10, 4, 9, id="a scale-in stops at the highest recommendation"),
        pytest.param((6, 9), 5, 9, 6, id="a raise stops at the lowest recommendation"),
        pytest.param((15, 4), 10, 4, 10, id="a scale-in is held but never turned into a raise"),
        pytest.param((3, 9), 5, 9, 5, id="a raise is held but never turned into a scale-in"),
    ],
)
def test_stabilization(earlier, current, desired, held):
    rules = Behavior(ScalingRules(UP.policies, 300.0), ScalingRules(UP.policies, 300.0))
    history = History()
    for age, recommended in zip(range(len(earlier) * 15, 0, -15), earlier, strict=True):
        history = remember(history, rules, recommended, NOW - age)

    assert stabilize(remember(history, rules, desired, NOW), current, desired) == held

"""Golden vectors of autoscaling/v2 behavior, worked from the formulas of the HPA's controller, as decisions."""

import pytest

from bayescaler.policy import Behavior, Limiter, PolicyType, ScalingPolicy, ScalingRules, Select, State, decide
from bayescaler.policy.kernels import columns as col

from .worlds import FREE, NOON, TICK, expecting, live, policy

UP = Behavior().scale_up
TEN_PERCENT = ScalingPolicy(PolicyType.PERCENT, 10, 60.0)
FOUR_PODS = ScalingPolicy(PolicyType.PODS, 4, 60.0)
ALL = ScalingRules(Behavior().scale_down.policies, 0.0, tolerance=0.0)


def remembering(**windows):
    """A state that looks back on these windows, as (seconds ago, value), oldest first."""
    state = State()
    state.memory[col.DECIDED_AT] = NOON - TICK
    for name, entries in windows.items():
        window = getattr(col, name.upper())
        state.memory[col.COUNT + window] = len(entries)
        for place, (age, value) in enumerate(entries):
            state.windows[window, place] = NOON - age, value
    return state


def asked_for(pods, current, behavior, **windows):
    """What becomes of `pods` wanted now, of `current` that run."""
    rules = policy(behavior=behavior, min_replicas=0, max_replicas=1000)
    forecast = expecting(pods * rules.capacity)
    return decide(rules, live(current, 0.0), forecast, remembering(**windows), now=NOON)[0]


@pytest.mark.parametrize(
    ("rules", "current", "ups", "downs", "limit"),
    [
        pytest.param(UP, 3, (), (), 7, id="from 3, four pods are more than double"),
        pytest.param(UP, 10, (), (), 20, id="from 10, double is more than four pods"),
        pytest.param(UP, 10, ((10.0, 3),), (), 14, id="3 of the 10 came within the period"),
        pytest.param(UP, 10, ((15.0, 3),), (), 20, id="as old as the period is outside of it"),
        pytest.param(UP, 10, (), ((10.0, 5),), 30, id="what was removed may come back"),
        pytest.param(UP, 10, ((10.0, 8),), (), 10, id="the allowance is used up, nothing is taken back"),
        pytest.param(ScalingRules(UP.policies, 0.0, Select.MIN), 10, (), (), 14, id="Min takes the smaller change"),
        pytest.param(ScalingRules(UP.policies, 0.0, Select.DISABLED), 10, (), (), 10, id="Disabled stays"),
        pytest.param(ScalingRules((TEN_PERCENT,), 0.0), 1, (), (), 2, id="percent of one pod is a pod"),
    ],
)
def test_a_raise_goes_no_faster_than_its_policies(rules, current, ups, downs, limit):
    decision = asked_for(900, current, Behavior(rules, FREE), ups=ups, downs=downs)
    assert (decision.final, decision.limiter) == (limit, Limiter.SCALE_UP_POLICY)


@pytest.mark.parametrize(
    ("policies", "select", "current", "downs", "limit"),
    [
        pytest.param((TEN_PERCENT,), Select.MAX, 15, (), 13, id="10 % of 15 is rounded to the safe side of 13.5"),
        pytest.param((TEN_PERCENT,), Select.MAX, 15, ((50.0, 5),), 15, id="5 went within the period, no more may"),
        pytest.param((FOUR_PODS, TEN_PERCENT), Select.MAX, 80, (), 72, id="Max takes the larger change, 8 of 80"),
        pytest.param((FOUR_PODS, TEN_PERCENT), Select.MIN, 80, (), 76, id="Min the smaller, 4"),
        pytest.param((FOUR_PODS,), Select.DISABLED, 80, (), 80, id="Disabled stays"),
    ],
)
def test_a_scale_in_goes_no_faster_than_its_policies(policies, select, current, downs, limit):
    decision = asked_for(0, current, Behavior(UP, ScalingRules(policies, 0.0, select)), downs=downs)
    assert (decision.final, decision.limiter) == (limit, Limiter.SCALE_DOWN_POLICY)


def test_by_default_all_may_go():
    assert asked_for(0, 80, Behavior(UP, FREE)).final == 0


@pytest.mark.parametrize(
    ("highest", "lowest", "current", "desired", "held"),
    [
        pytest.param((9, 7), (4,), 10, 4, 9, id="a scale-in stops at the highest recommendation"),
        pytest.param((9,), (6,), 5, 9, 6, id="a raise stops at the lowest recommendation"),
        pytest.param((15,), (4,), 10, 4, 10, id="a scale-in is held but never turned into a raise"),
        pytest.param((9,), (3,), 5, 9, 5, id="a raise is held but never turned into a scale-in"),
    ],
)
def test_both_windows_hold(highest, lowest, current, desired, held):
    patient = ScalingRules(ALL.policies, 300.0, tolerance=0.0)
    up = ScalingRules(UP.policies, 300.0, tolerance=0.0)

    def aged(values):
        return [(15.0 * (len(values) - place), value) for place, value in enumerate(values)]

    decision = asked_for(desired, current, Behavior(up, patient), highest=aged(highest), lowest=aged(lowest))
    window = Limiter.SCALE_UP_STABILIZATION if desired > current else Limiter.SCALE_DOWN_STABILIZATION
    assert (decision.final, decision.limiter) == (held, window)


@pytest.mark.parametrize(("wanted", "kept"), [(90, True), (89, False), (105, True), (106, False)])
def test_tolerance_is_told_apart_by_direction(wanted, kept):
    up, down = ScalingRules(UP.policies, 0.0, tolerance=0.05), ScalingRules(ALL.policies, 0.0, tolerance=0.1)
    assert (asked_for(wanted, 100, Behavior(up, down)).final == 100) is kept


def test_scale_events_are_forgotten_after_the_longest_period():
    rules = policy(behavior=Behavior(UP, ScalingRules((TEN_PERCENT,), 0.0)))
    state = remembering(ups=((100.0, 3), (30.0, 5)), downs=((80.0, 2),))
    state.memory[[col.ASKED_AT, col.ASKED_FROM, col.ASKED_TO]] = NOON - TICK, 9, 10
    _, state = decide(rules, live(10, 400.0), expecting(500.0), state, now=NOON)

    assert state.ups == ((NOON - 30.0, 5), (NOON - TICK, 1))
    assert state.downs == ()

"""To zero and back, and what a rollout holds: stories of the rules that stand before scale-in."""

import pytest

from bayescaler.policy import Behavior, Fallback, Limiter, Phase, ScalingRules, State, decide
from bayescaler.policy.types import Shortfall

from .worlds import NOON, TICK, blind, expecting, live, policy, settled


def idle(**changes):
    """A workload that may go to zero, wanted above 5/s."""
    return policy(**{"min_replicas": 0, "activation_threshold": 5.0} | changes)


def lived(rules, replicas, sights, state=None):
    """The decisions along (observation, forecast) pairs, each number done by the next tick."""
    state, said = state or State(), []
    for tick, (sight, forecast) in enumerate(sights):
        decision, state = decide(rules, sight(replicas), forecast, state, now=NOON + tick * TICK)
        said.append(decision)
        replicas = decision.final
    return said


def test_a_workload_goes_to_zero_once_load_and_forecast_have_been_low_for_the_stabilization_window():
    quiet = (lambda replicas: live(replicas, 3.0), expecting(4.0))
    said = lived(idle(), 2, [quiet] * 30)
    assert [d.final for d in said[:20]] == [2] * 20
    assert said[20].final == 0, "300 s after the last time that more was wanted"
    assert said[20].limiter is Limiter.ACTIVATION
    assert "load 3/s is not above activationThreshold 5/s, 4/s expected" in said[20].message


@pytest.mark.parametrize("replicas", [1, 3])
def test_load_at_the_threshold_keeps_nothing_awake_and_load_above_it_does(replicas):
    for load, final in ((5.0, 0), (5.001, 1)):
        rules = idle(behavior=_at_once())
        decision, _ = decide(rules, live(replicas, load), expecting(0.0), State(), now=NOON)
        assert decision.final == final


def _at_once():
    return Behavior(scale_down=ScalingRules(Behavior().scale_down.policies, 0.0))


def test_live_load_above_the_threshold_wakes_it():
    said = lived(idle(), 0, [(lambda n: live(n, 4.0), expecting(0.0)), (lambda n: live(n, 60.0), expecting(0.0))])
    assert [d.final for d in said] == [0, 2]
    assert said[1].limiter is Limiter.SAFETY_FLOOR


def test_a_trusted_forecast_wakes_it_before_the_load_comes():
    decision, _ = decide(idle(), live(0, 0.0), expecting(120.0), State(), now=NOON)
    assert (decision.final, decision.limiter) == (3, Limiter.FORECAST)


def test_a_forecast_that_is_not_trusted_wakes_nothing_but_lets_nothing_fall_asleep_either():
    for replicas, final in ((0, 0), (3, 3)):
        sight = live(replicas, 0.0, phase=Phase.LEARNING)
        decision, _ = decide(idle(behavior=_at_once()), sight, expecting(120.0), State(), now=NOON)
        assert decision.final == final
    asleep, _ = decide(idle(), live(0, 0.0, phase=Phase.LEARNING), expecting(120.0), State(), now=NOON)
    assert "120/s expected by a forecast that is learning and wakes nothing" in asleep.message


def test_at_zero_absent_load_is_not_zero_and_not_a_reason_to_wake():
    """The exporter of a workload at zero is gone with it: it stays until a forecast or the last rung raises it."""
    rules = idle()
    asleep, _ = decide(rules, blind(0), None, State(), now=NOON)
    assert asleep.final == 0
    expected, _ = decide(rules, blind(0), expecting(120.0), State(), now=NOON)
    assert expected.final == 3


def test_at_zero_the_last_rung_still_raises_to_the_fallback():
    rules = idle(fallback=Fallback(replicas=4, after_seconds=30.0, hold_seconds=30.0))
    said = lived(rules, 0, [(blind, None)] * 8)
    assert [d.final for d in said][:4] == [0] * 4
    assert said[-1].final == 4


def test_nothing_goes_to_zero_on_missing_data():
    rules = idle(behavior=_at_once())
    state = settled(rules, 2, 100.0)
    for tick in range(60):
        decision, state = decide(rules, blind(2), expecting(0.0), state, now=NOON + tick * TICK)
        assert decision.final == 2


def test_busy_pods_raise_though_the_stored_forecast_expects_nothing():
    rules = idle(behavior=_at_once())
    state = settled(rules, 5, 100.0)
    for tick in range(20):
        sight = blind(5, utilization=1.4)
        decision, state = decide(rules, sight, expecting(0.0), state, now=NOON + tick * TICK)
    assert decision.final == 10


def test_with_a_minimum_the_threshold_says_nothing():
    decision, _ = decide(policy(activation_threshold=500.0), live(3, 100.0), expecting(100.0), State(), now=NOON)
    assert decision.limiter is not Limiter.ACTIVATION
    assert decision.final > 0


# rollouts and shortfalls


def test_nothing_scales_in_during_a_rollout_and_scale_out_goes_on():
    rules = policy(behavior=_at_once())
    held, _ = decide(rules, live(8, 100.0, rolling_out=True), expecting(100.0), State(), now=NOON)
    assert (held.final, held.limiter) == (8, Limiter.ROLLOUT_IN_PROGRESS)
    assert "not lowered to 2 while a rollout replaces pods" in held.message
    raised, _ = decide(rules, live(8, 600.0, rolling_out=True), expecting(600.0), State(), now=NOON)
    assert (raised.final, raised.limiter) == (12, Limiter.FORECAST)


def test_a_rollout_that_changed_no_number_is_not_spoken_of():
    decision, _ = decide(policy(), live(8, 400.0, rolling_out=True), expecting(400.0), State(), now=NOON)
    assert Limiter.ROLLOUT_IN_PROGRESS not in {step.limiter for step in decision.steps}


def test_a_shortfall_is_told_beside_the_number_and_changes_nothing():
    short = Shortfall(Limiter.UNSCHEDULABLE, "3 of 12 pods wait for a node")
    told, _ = decide(policy(), live(8, 600.0, shortfall=short), expecting(600.0), State(), now=NOON)
    plain, _ = decide(policy(), live(8, 600.0), expecting(600.0), State(), now=NOON)
    assert (told.final, told.limiter, told.raw) == (plain.final, plain.limiter, plain.raw)
    assert told.message == f"{plain.message}; 3 of 12 pods wait for a node"
    assert told.steps == (*plain.steps, told.steps[-1])
    assert (told.steps[-1].limiter, told.steps[-1].before) == (Limiter.UNSCHEDULABLE, 12)

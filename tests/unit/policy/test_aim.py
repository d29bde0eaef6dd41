"""When it is right to follow the forecast: the longer window, the gate, the surprise; a price instead of a quantile."""

from dataclasses import replace

import numpy as np
import pytest

from bayescaler.policy import Behavior, Budget, Limiter, Outlook, Phase, ScalingRules, State, decide
from bayescaler.policy.kernels import columns as col

from .worlds import FREE, NOON, TICK, blind, expected, expecting, live, policy, settled, uniform

QUICK = Behavior(ScalingRules(Behavior().scale_up.policies, 0.0, tolerance=0.0), replace(FREE, tolerance=0.0))


def after_a_scale_in(rules, replicas, *, to):
    """The state one tick after `replicas` were lowered."""
    state = settled(rules, replicas, 50.0 * to, until=NOON - 2 * TICK)
    decision, state = decide(rules, live(replicas, 50.0 * to), expecting(50.0 * to), state, now=NOON - 2 * TICK)
    assert decision.final == to
    _, state = decide(rules, live(to, 50.0 * to), expecting(50.0 * to), state, now=NOON - TICK)
    return state


def test_no_pod_is_dropped_that_will_be_wanted_back():
    rules = policy(behavior=QUICK)
    lull = expecting(300.0, longer=500.0)
    decision, _ = decide(rules, live(12, 280.0), lull, settled(rules, 12, 560.0), now=NOON)
    assert (decision.raw, decision.final, decision.limiter) == (6, 10, Limiter.SCALE_IN_WINDOW)
    assert "10 will be wanted back within 30m" in decision.message


def test_the_longer_window_never_adds_a_pod():
    rules = policy(behavior=QUICK)
    decision, _ = decide(rules, live(12, 280.0), expecting(300.0, longer=5000.0), settled(rules, 12, 560.0), now=NOON)
    assert decision.final == 12


def test_a_raise_after_a_scale_in_has_to_pay():
    rules = policy(behavior=QUICK)
    state = after_a_scale_in(rules, 12, to=10)
    decision, _ = decide(rules, live(10, 480.0), expecting(520.0), state, now=NOON)
    assert (decision.raw, decision.final, decision.limiter) == (11, 10, Limiter.REVERSAL_GATE)
    decision, _ = decide(rules, live(10, 480.0), expecting(900.0), state, now=NOON)
    assert (decision.final, decision.limiter) == (18, Limiter.FORECAST), "with much to lose it does"


@pytest.mark.parametrize(
    ("seen", "final"),
    [(live(10, 510.0), 11), (live(10, 400.0, phase=Phase.LEARNING), 12)],
    ids=["already short", "reactive asks for it"],
)
def test_no_gate_holds_what_the_load_asks_for_now(seen, final):
    rules = policy(behavior=QUICK)
    decision, _ = decide(rules, seen, expecting(520.0), after_a_scale_in(rules, 12, to=10), now=NOON)
    assert decision.final == final


def test_a_raise_that_follows_a_raise_is_free():
    rules = policy(behavior=QUICK)
    decision, _ = decide(rules, live(10, 480.0), expecting(520.0), settled(rules, 10, 480.0), now=NOON)
    assert (decision.final, decision.limiter) == (11, Limiter.FORECAST)


def surprised(rules, load, *, at=NOON):
    """The state after a bucket whose load the forecast before it had held for impossible."""
    state = settled(rules, 40, 500.0, until=at - TICK)
    told = live(40, 500.0, load_at=at - 75.0)
    _, state = decide(rules, told, expecting(520.0), state, now=at - TICK)
    decision, state = decide(rules, live(40, load, load_at=at - 15.0), expecting(520.0), state, now=at)
    return decision, state


def test_a_load_beyond_the_forecast_is_served_with_a_margin():
    decision, _ = surprised(policy(behavior=QUICK, min_replicas=0), 1000.0)
    assert (decision.final, decision.limiter) == (22, Limiter.SURPRISE)


def test_a_load_that_was_thought_possible_is_no_surprise():
    decision, _ = surprised(policy(behavior=QUICK, min_replicas=0), 540.0)
    assert (decision.final, decision.limiter) == (11, Limiter.FORECAST)


@pytest.mark.parametrize(("later", "final"), [(285.0, 22), (300.0, 20)])
def test_a_surprise_lasts_five_minutes(later, final):
    rules = policy(behavior=QUICK)
    _, state = surprised(rules, 1000.0)
    decision, _ = decide(rules, live(22, 1000.0, load_at=NOON - 15.0), expecting(520.0), state, now=NOON + later)
    assert decision.final == final


@pytest.mark.parametrize(("price", "final"), [(1.0, 6), (20.0, 10), (1000.0, 11)])
def test_the_dearer_running_short_is_the_more_pods_are_kept(price, final):
    rules = policy(price=price, behavior=QUICK)
    decision, _ = decide(rules, live(10, 100.0), expecting(500.0, 0.95), State(), now=NOON)
    assert decision.raw == final
    assert f"priced at {price:g} replicas" in decision.message


def test_a_raise_after_a_scale_in_tells_what_it_gains_and_what_it_has_to():
    rules = policy(behavior=QUICK, price=12.0)
    state = after_a_scale_in(rules, 12, to=9)
    decision, _ = decide(rules, live(9, 400.0), expecting(520.0), state, now=NOON)
    assert (decision.final, decision.limiter) == (9, Limiter.REVERSAL_GATE)
    assert "after a scale-in: it gains " in decision.message
    assert "turning back has to gain 5.4" in decision.message


@pytest.mark.parametrize("aim", [{"quantile": 0.5}, {"quantile": 0.8}, {"price": 3.0}], ids=["even", "often", "cheap"])
def test_what_the_median_needs_is_never_put_off(aim):
    rules, state = policy(behavior=QUICK, **aim), settled(policy(behavior=QUICK), 8, 300.0)
    state.memory[col.LAST_MOVE] = -1.0
    decision, _ = decide(rules, live(8, 300.0), uniform(1100.0), state, now=NOON)
    assert decision.final >= 11


def test_without_live_load_no_raise_is_put_off():
    rules = policy(behavior=QUICK)
    decision, _ = decide(rules, blind(10), expecting(520.0), after_a_scale_in(rules, 12, to=10), now=NOON)
    assert decision.final == 11


def test_a_price_is_told_when_the_maximum_binds():
    rules = policy(price=1e4, max_replicas=10, behavior=QUICK)
    decision, _ = decide(rules, live(10, 300.0), expecting(600.0), settled(policy(), 10, 300.0), now=NOON)
    assert (decision.final, decision.limiter) == (10, Limiter.MAX_REPLICAS)
    assert decision.raw > 10


@pytest.mark.parametrize("median", [1e-6, 0.01, 3.0])
def test_by_a_price_a_workload_rests_as_it_does_by_a_quantile(median):
    rules = policy(price=200.0, min_replicas=0, activation_threshold=5.0, behavior=QUICK)
    next_to_nothing = Outlook(*2 * (expected(median * np.linspace(1.0, 1.6, 9)),))
    decision, _ = decide(rules, live(1, 0.0), next_to_nothing, settled(policy(), 1, 0.0), now=NOON)
    assert (decision.final, decision.limiter) == (0, Limiter.ACTIVATION)


def test_a_utilization_of_nothing_under_load_lowers_nothing():
    rules = policy(capacity=float("nan"), behavior=QUICK)
    decision, _ = decide(rules, live(13, 600.0, utilization=0.0), None, State(), now=NOON)
    assert (decision.final, decision.limiter) == (13, Limiter.HOLD)


def test_an_edited_capacity_is_the_same_fleet_in_other_pods():
    def steered(capacity, state, ticks, replicas):
        rules = policy(capacity=capacity, budget=Budget(0.01, 60.0, 60.0, 15.0), behavior=QUICK, max_replicas=1000)
        for tick in ticks:
            end = NOON + 60.0 * tick
            seen = live(replicas, 500.0, load_at=end)
            _, state = decide(rules, seen, expecting(520.0), state, now=end + TICK)
        return state

    before = steered(50.0, State(), range(200), 10)
    after = steered(5.0, before, range(200, 203), 100)
    assert after.price == pytest.approx(10.0 * before.price, rel=0.1)

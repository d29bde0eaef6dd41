"""Steering by a budget: as the plain one reckons, and what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy import Behavior, Budget, Health, Observation, Policy, ScalingRules, State, decide
from bayescaler.policy.kernels import books as steering
from bayescaler.policy.kernels import columns as steering_columns

from . import reference_steering as plain
from .examples import examples
from .worlds import START, exponential

STEP, TICK = 60.0, 15.0


def budgeted(share=0.01, startup=60.0, **changes):
    rules = Behavior()
    down = ScalingRules(rules.scale_down.policies, 300.0, tolerance=0.0)
    behavior = Behavior(ScalingRules(rules.scale_up.policies, 0.0, tolerance=0.0), down)
    budget = Budget(share, step_seconds=STEP, startup_seconds=startup, lag_seconds=TICK)
    return Policy(
        **{"min_replicas": 1, "max_replicas": 60, "capacity": 50.0, "budget": budget, "behavior": behavior} | changes
    )


@examples(25)
@given(
    st.floats(0.002, 0.1),
    st.sampled_from([0.0, 60.0, 180.0]),
    st.lists(
        st.tuples(st.floats(1.0, 1500.0), st.floats(50.0, 900.0), st.sampled_from([1.0, 1.3, 3.0])),
        min_size=3,
        max_size=14,
    ),
    st.sampled_from([0, 0, 3]),
)
def test_the_compiled_steering_reckons_as_the_plain_one(share, startup, buckets, gap):
    policy, state, replicas = budgeted(share, startup), State(), 10
    reference = plain.Plain(policy)
    end = START
    for place, (load, median, growth) in enumerate(buckets):
        end += STEP * (1 + (gap if place == 5 else 0))
        outlook = exponential(median, growth)
        for tick in range(1, 5):
            now = end + tick * TICK
            reference.note(replicas, now)
            before = state.memory.copy()
            seen = Observation(replicas, replicas, Health.LIVE, load, load_at=end)
            decision, state = decide(policy, seen, outlook, state, now=now)
            if tick == 1:
                told = before[steering_columns.SURPRISING]
                surprised = now - before[steering_columns.SURPRISED_AT] < 300.0 or load > told
                reference.steer(seen, outlook, surprised=surprised)
            reference.note(decision.final, now)
            replicas = decision.final
        assert state.price == pytest.approx(reference.price, rel=1e-9)
        asked = state.steering.rungs[:, steering.CURRENT].tolist()
        assert asked == [rung.current for rung in reference.rungs]
        shares = [rung.short for rung in reference.rungs]
        np.testing.assert_allclose(state.steering.rungs[:, steering.RATE], shares, atol=1e-12)
        assert state.steering.figures[steering.SHORT] == pytest.approx(reference.short)


def priced(share, loads, policy=None):
    """The price after these loads, all of them forecast as usual: a median of 300."""
    policy, state, replicas = policy or budgeted(share), State(), 8
    for place, load in enumerate(loads):
        end = START + (place + 1) * STEP
        seen = Observation(replicas, replicas, Health.LIVE, load, load_at=end)
        decision, state = decide(policy, seen, exponential(300.0), state, now=end + TICK)
        replicas = decision.final
    return state.price


def test_what_was_overspent_raises_the_price():
    quiet = [280.0] * 600
    assert priced(0.01, quiet[:500] + [2900.0] * 20 + quiet[:80]) > 1.5 * priced(0.01, quiet)


def test_a_smaller_budget_is_dearer():
    loads = 300.0 * np.random.default_rng(5).lognormal(0.0, 0.5, 600)
    assert priced(0.002, loads) > priced(0.02, loads) > priced(0.2, loads)


def test_a_bucket_that_was_not_seen_teaches_nothing():
    loads = [280.0] * 100
    policy, state = budgeted(), State()
    for place, load in enumerate(loads):
        end = START + (place + 1) * STEP
        live = Observation(8, 8, Health.LIVE, load, load_at=end)
        _, state = decide(policy, live, exponential(300.0), state, now=end + TICK)
        blind = Observation(8, 8, Health.ABSENT, load_at=end)
        before = state.steering.figures.copy()
        _, state = decide(policy, blind, exponential(300.0), state, now=end + 2 * TICK)
        sums = [steering.AT, steering.WEIGHT, steering.FLEET, steering.SHORT, steering.COUNT]
        np.testing.assert_array_equal(before[sums], state.steering.figures[sums])

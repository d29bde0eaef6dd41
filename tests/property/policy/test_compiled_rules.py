"""The compiled rules against plain ones: the same steps and the same memory, whatever comes."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy import State, decide
from bayescaler.policy.kernels import books as steering
from bayescaler.policy.kernels import columns as col

from . import reference
from .worlds import START, days, policies, seen

SHARED = ("rung", "usable_at", "usable_since", "missing_since", "asked", "decided_at", "last_scale_at")
REMEMBERED = {"last_move": col.LAST_MOVE, "surprised_at": col.SURPRISED_AT, "price": col.PRICE_IN_FORCE}
WINDOWS = ("highest", "lowest", "ups", "downs")


def number(value):
    return nan if value is None else value


def same_books(books, plain):
    """What every price asks for, how long it was short, and how long we were."""
    np.testing.assert_array_equal(books.rungs[:, steering.CURRENT], [number(rung.current) for rung in plain.rungs])
    np.testing.assert_allclose(books.rungs[:, steering.RATE], [rung.short for rung in plain.rungs], atol=1e-9)
    sums = books.figures[[steering.SHORT, steering.WEIGHT, steering.FLEET]]
    np.testing.assert_allclose(sums, [plain.short, plain.weight, plain.fleet], atol=1e-9)


@given(policies(), st.integers(0, 120), days(most=30), st.data())
def test_the_compiled_rules_say_what_the_plain_ones_say(policy, replicas, ticks, data):
    state, memory, now = State(), reference.Memory(), START
    for seconds, sight, forecast in ticks:
        now += data.draw(st.sampled_from([seconds, seconds, seconds, -seconds]))
        observation = seen(replicas, sight, now=now, ready=data.draw(st.none() | st.integers(0, 120)))
        decision, state = decide(policy, observation, forecast, state, now=now)
        steps, memory = reference.decide(policy, observation, forecast, memory, now=now)

        ruled = [step for step in decision.steps if step.limiter is not decision.withheld]
        assert [(step.limiter, step.before, step.after) for step in ruled] == steps
        assert (decision.limiter, decision.final) == (steps[-1][0], steps[-1][2])
        assert [getattr(state, name) for name in SHARED] == [getattr(memory, name) for name in SHARED]
        assert [getattr(state, name) for name in WINDOWS] == [getattr(memory.history, name) for name in WINDOWS]
        for name, column in REMEMBERED.items():
            assert state.memory[column] == pytest.approx(number(getattr(memory, name)), rel=1e-9, nan_ok=True)
        assert state.memory[[col.TOLD_AT, col.SURPRISING]].tolist() == pytest.approx(
            [nan, nan] if memory.told is None else list(memory.told), nan_ok=True
        )
        if memory.steering is not None:
            same_books(state.steering, memory.steering)
        if decision.acts and data.draw(st.booleans()):
            replicas = decision.final
        elif data.draw(st.integers(0, 9)) == 0:
            replicas = data.draw(st.integers(0, 120))

"""The compiled rules against plain ones: the same steps and the same memory, whatever comes."""

from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy import State, decide

from . import reference
from .worlds import START, days, policies, seen

SHARED = ("rung", "usable_at", "usable_since", "missing_since", "asked", "decided_at", "last_scale_at")
WINDOWS = ("highest", "lowest", "ups", "downs")


@given(policies(), st.integers(0, 120), days(most=30), st.data())
def test_the_compiled_rules_say_what_the_plain_ones_say(policy, replicas, ticks, data):
    state, memory, now = State(), reference.Memory(), START
    for seconds, sight, forecast in ticks:
        now += data.draw(st.sampled_from([seconds, seconds, seconds, -seconds]))
        observation = seen(replicas, sight, ready=data.draw(st.none() | st.integers(0, 120)))
        decision, state = decide(policy, observation, forecast, state, now=now)
        steps, memory = reference.decide(policy, observation, forecast, memory, now=now)

        ruled = [step for step in decision.steps if step.limiter is not decision.withheld]
        assert [(step.limiter, step.before, step.after) for step in ruled] == steps
        assert (decision.limiter, decision.final) == (steps[-1][0], steps[-1][2])
        assert [getattr(state, name) for name in SHARED] == [getattr(memory, name) for name in SHARED]
        assert [getattr(state, name) for name in WINDOWS] == [getattr(memory.history, name) for name in WINDOWS]
        if decision.acts and data.draw(st.booleans()):
            replicas = decision.final
        elif data.draw(st.integers(0, 9)) == 0:
            replicas = data.draw(st.integers(0, 120))

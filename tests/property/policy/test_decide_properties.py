"""What holds for every policy, every load and every history."""

from dataclasses import replace
from itertools import pairwise
from math import inf, isnan
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from bayescaler.policy import Health, Limiter, Mode, State, decide

from .examples import examples
from .worlds import MISSING, START, days, exponential, forecasts, loads, policies, seen, sights

AUTO = {"mode": Mode.AUTO, "paused": False}
counts = st.integers(0, 120)


def live_through(policy, replicas, ticks, state=None):
    """Yield (observation, decision, state) of each tick; what acts comes about by the next."""
    state, now = state or State(), START
    for seconds, sight, forecast in ticks:
        now += seconds
        observation = seen(replicas, sight, now=now)
        decision, state = decide(policy, observation, forecast, state, now=now)
        yield observation, decision, state
        replicas = decision.final if decision.acts else replicas


def remembered(policy, replicas, past):
    """The replicas and the state after a past."""
    state = State()
    for _, decision, after in live_through(policy, replicas, past):
        replicas = decision.final if decision.acts else replicas
        state = after
    return replicas, state


NOW = START + 15 * 400.0 + 1.0


def the_final_number_is_within_bounds_or_the_workload_is_switched_off(policy, observation, decision, state):
    if decision.limiter is Limiter.SCALED_TO_ZERO:
        assert observation.replicas == decision.final == 0 < policy.min_replicas
    elif decision.final > policy.max_replicas:
        assert not observation.scale_in_allowed
        assert decision.final == observation.replicas
    else:
        assert policy.min_replicas <= decision.final <= policy.max_replicas


def nothing_scales_in_before_the_objects_were_listed_anew(policy, observation, decision, state):
    if not observation.scale_in_allowed:
        assert decision.final >= observation.replicas


def no_rollout_and_no_missing_data_lets_a_schedule_or_a_threshold_lower_anything(policy, observation, decision, state):
    blind = observation.load is None or not observation.scale_in_allowed
    if observation.rolling_out or blind:
        ruled = [step for step in decision.steps if step.limiter is Limiter.SCHEDULE]
        lowest = min([step.after for step in ruled], default=observation.replicas)
        assert not blind or lowest >= min(observation.replicas, policy.max_replicas)
        if decision.limiter is not Limiter.SCHEDULE:
            assert decision.final >= min(observation.replicas, policy.max_replicas)


def the_number_keeps_to_the_schedules_in_force(policy, observation, decision, state):
    if decision.limiter is Limiter.SCALED_TO_ZERO:
        return
    floor, ceiling = decision.case.scheduled.columns
    floor, ceiling = 0 if isnan(floor) else floor, inf if isnan(ceiling) else ceiling
    assert decision.final >= min(floor, policy.max_replicas)
    if observation.load is not None and observation.scale_in_allowed and state.missing_since is None:
        assert decision.final <= max(ceiling, floor, policy.min_replicas)


def the_steps_lead_from_the_raw_number_to_the_final_one(policy, observation, decision, state):
    steps = decision.steps
    assert steps[0].before == decision.current == observation.replicas
    assert steps[0].after == decision.raw
    assert all(one.after == other.before for one, other in pairwise(steps))
    assert steps[-1].after == decision.final
    assert all(step.before != step.after for step in steps[1:] if step.limiter is not decision.withheld)
    assert decision.limiter in {step.limiter for step in steps}


def an_unapplied_decision_never_acts(policy, observation, decision, state):
    off = decision.limiter is Limiter.SCALED_TO_ZERO
    held_back = policy.paused or policy.mode is Mode.OBSERVE or bool(observation.conflict)
    assert decision.acts is (not off and not held_back and decision.final != observation.replicas)
    assert held_back <= (state.asked is None)


LAWS = (
    the_final_number_is_within_bounds_or_the_workload_is_switched_off,
    nothing_scales_in_before_the_objects_were_listed_anew,
    no_rollout_and_no_missing_data_lets_a_schedule_or_a_threshold_lower_anything,
    the_number_keeps_to_the_schedules_in_force,
    the_steps_lead_from_the_raw_number_to_the_final_one,
    an_unapplied_decision_never_acts,
)


@examples(100)
@given(policies(), counts, days())
def test_every_decision_of_a_day_keeps_every_law(policy, replicas, ticks):
    for observation, decision, state in live_through(policy, replicas, ticks):
        for law in LAWS:
            law(policy, observation, decision, state)


@examples(60)
@given(policies(), counts, days(), st.sampled_from(MISSING), forecasts, st.data())
def test_nothing_is_lowered_on_missing_data_whatever_came_before(policy, replicas, past, health, forecast, data):
    replicas, state = remembered(policy, replicas, past)
    sight = data.draw(sights(healths=[health]))
    decision, _ = decide(policy, seen(replicas, sight, now=NOW), forecast, state, now=NOW)

    assert decision.final >= min(replicas, policy.max_replicas)


@examples(60)
@given(policies(**AUTO), counts, days(healths=MISSING))
def test_through_any_outage_replicas_never_fall(policy, replicas, ticks):
    assume(replicas <= policy.max_replicas)
    for observation, decision, _ in live_through(policy, replicas, ticks):
        assert decision.final >= observation.replicas


@examples(60)
@given(policies(), counts, days(), sights(healths=[Health.LIVE]), forecasts, loads)
def test_more_load_never_means_fewer_replicas(policy, replicas, past, sight, forecast, other):
    replicas, state = remembered(policy, replicas, past)
    low, high = sorted((sight["load"], other))
    less, _ = decide(policy, seen(replicas, sight | {"load": low}, now=NOW), forecast, state, now=NOW)
    more, _ = decide(policy, seen(replicas, sight | {"load": high}, now=NOW), forecast, state, now=NOW)

    assert less.final <= more.final
    assert less.raw <= more.raw


@examples(60)
@given(policies(), counts, days(), sights(), loads, loads)
def test_a_higher_forecast_never_means_fewer_replicas(policy, replicas, past, sight, one, other):
    replicas, state = remembered(policy, replicas, past)
    low, high = sorted((one, other))
    less, _ = decide(policy, seen(replicas, sight, now=NOW), exponential(low), state, now=NOW)
    more, _ = decide(policy, seen(replicas, sight, now=NOW), exponential(high), state, now=NOW)

    assert less.final <= more.final


@examples(60)
@given(policies(), counts, days(), sights(), loads, st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_a_higher_quantile_never_means_fewer_replicas(policy, replicas, past, sight, median, one, other):
    replicas, state = remembered(policy, replicas, past)
    low, high = (replace(policy, quantile=q) for q in sorted((one, other)))
    less, _ = decide(low, seen(replicas, sight, now=NOW), exponential(median), state, now=NOW)
    more, _ = decide(high, seen(replicas, sight, now=NOW), exponential(median), state, now=NOW)

    assert less.final <= more.final


@examples(60)
@given(policies(), counts, days(), sights(), forecasts, st.floats(1.0, 1000.0))
def test_pods_that_carry_less_are_never_fewer(policy, replicas, past, sight, forecast, other):
    replicas, state = remembered(policy, replicas, past)
    weak, strong = (replace(policy, capacity=c) for c in sorted((policy.capacity, other)))
    more, _ = decide(weak, seen(replicas, sight, now=NOW), forecast, state, now=NOW)
    fewer, _ = decide(strong, seen(replicas, sight, now=NOW), forecast, state, now=NOW)

    assert fewer.final <= more.final


@examples(60)
@given(policies(**AUTO), counts, days(), sights(), forecasts)
def test_once_the_number_stands_still_it_stays(policy, replicas, past, sight, forecast):
    replicas, state = remembered(policy, replicas, past)
    now, finals = NOW, []
    for _ in range(80):
        now += 3600.0
        decision, state = decide(policy, seen(replicas, sight, now=now), forecast, state, now=now)
        replicas = decision.final
        finals.append(replicas)

    assert len(set(finals[-10:])) == 1


@examples(60)
@given(policies(), counts, days())
def test_a_replay_gives_the_same_decisions(policy, replicas, ticks):
    def told():
        decided = [decision for _, decision, _ in live_through(policy, replicas, ticks)]
        return [(one, one.raw, one.demand, one.rung, one.withheld, one.steps) for one in decided]

    assert told() == told()


@given(policies(**AUTO), st.integers(0, 2**32))
def test_the_state_stays_bounded_however_long_it_runs(policy, seed):
    dice = Random(seed)
    state, replicas, now, tick = State(), 10, START, 15.0
    for _ in range(400):
        now += tick
        load = dice.choice([0.0, dice.uniform(0.0, 100.0 * policy.capacity)])
        health = dice.choice([Health.LIVE, Health.LIVE, Health.LIVE, Health.ABSENT])
        sight = {"health": health, "load": load if health is Health.LIVE else None, "late": 0, "earlier": []}
        decision, state = decide(policy, seen(replicas, sight, now=now), exponential(load), state, now=now)
        replicas = decision.final

    for rules, window in (
        (policy.behavior.scale_down, state.highest),
        (policy.behavior.scale_up, state.lowest),
    ):
        assert len(window) <= rules.stabilization_window_seconds / tick + 1
    periods = [
        limit.period_seconds
        for rules in (policy.behavior.scale_up, policy.behavior.scale_down)
        for limit in rules.policies
    ]
    assert len(state.ups) + len(state.downs) <= max(periods) / tick + 1

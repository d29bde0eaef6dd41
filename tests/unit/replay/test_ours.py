"""Our own decisions along a load: what decide() would say, told bucket by bucket what the operator would know."""

from dataclasses import replace
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bayescaler.policy import (
    Budget,
    Health,
    Limiter,
    Mode,
    Observation,
    Outlook,
    Policy,
    ScalingRules,
    Schedule,
    Standing,
    State,
    decide,
    judge,
)
from bayescaler.policy.trust import Change, Evidence, nearest_level
from bayescaler.policy.types import Behavior
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescast import Bank, ForecastSpec, NoData
from bayescast.settings import Settings

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

START, MINUTE = 1_709_251_200.0, 60.0
QUICK = Behavior(
    scale_up=ScalingRules(Behavior().scale_up.policies, 0.0, tolerance=0.0),
    scale_down=ScalingRules(Behavior().scale_down.policies, 120.0, tolerance=0.05),
)


def loads(buckets=900, seed=0):
    """A short day of four hours, bursts, some buckets missing and a silence of a quarter of an hour."""
    rng = np.random.default_rng(seed)
    rates = rng.poisson(60.0 * (30.0 + 20.0 * np.sin(np.arange(buckets) / 240.0 * 2 * np.pi))) / 60.0
    rates[rng.choice(buckets, 6)] *= 3.0
    rates[rng.choice(buckets, 20)] = np.nan
    rates[buckets // 2 : buckets // 2 + 15] = np.nan
    return rates


def scenario(**changes):
    return Scenario(**{"loads": loads(), "step_seconds": MINUTE, "capacity": 5.0, "start": START} | changes)


def spec(step=MINUTE, lead=2):
    return ForecastSpec(step, (lead, 3 * lead), seasons=(14_400.0,))


def evidence(shown, spec, policy):
    """What diagnostics tell of trust."""
    level = nearest_level(shown.coverage, policy.promised)
    change = None
    if shown.change_point_at is not None:
        change = Change(shown.change_point_at, shown.change_point_rise, shown.windows_since_change)
    return Evidence(
        shown.disjoint_windows,
        shown.coverage[level] if shown.windows else None,
        level,
        shown.skill[level],
        shown.buckets_seen,
        int(min(spec.seasons) / spec.step_seconds),
        shown.headroom_lost[level],
        shown.recent_misses[level],
        change,
    )


def one_by_one(scenario, spec, policy, scale=1.0):
    """Every instant as the loop lives it: reads what has closed, feeds it, judges trust, decides, sees it done."""
    bank = Bank(spec)
    row, consumed, newest = bank.add(spec), 0, None
    standing, state, current, step, said = Standing(), State(), scenario.first_replicas, scenario.step_seconds, []
    for instant in scenario.instants.tolist():
        closed = min(max(floor((instant - scenario.lag_seconds) / step + 1e-9), 0), len(scenario.loads))
        filled = [i for i in range(consumed, closed) if np.isfinite(scenario.loads[i])]
        if filled:
            for i in range(consumed, filled[-1] + 1):
                bank.update([row], [START + i * step], [scenario.loads[i] / scale])
            consumed, newest = filled[-1] + 1, filled[-1]
            standing = judge(evidence(bank.diagnostics(row), spec, policy), standing)
        try:
            both = [bank.predict(row, lead) for lead in spec.leads]
            missed = int((START + instant - both[0].issued_at) // step) - 1
            outlook = Outlook(*(one.aged(max(missed, 0)).scaled(scale) for one in both))
        except NoData:
            outlook = None
        age = None if newest is None else instant - (newest + 1) * step
        live = age is not None and age <= 2 * step + 2 * scenario.lag_seconds
        observation = Observation(
            current,
            None,
            Health.LIVE if live else Health.STALE,
            float(scenario.loads[newest]) if live else None,
            load_at=None if newest is None else START + (newest + 1) * step,
            phase=standing.phase,
            scale_in_allowed=newest is not None and newest == closed - 1,
        )
        decision, state = decide(policy, observation, outlook, state, now=START + instant)
        said.append(decision)
        current = decision.final
    return said


@pytest.mark.parametrize(
    ("changes", "aim", "scale"),
    [
        ({}, {"quantile": 0.95}, 1.0),
        ({"interval_seconds": 60.0, "lag_seconds": 40.0}, {"quantile": 0.9}, 1.0),
        ({"interval_seconds": 7.0, "lag_seconds": 0.0, "loads": loads(150)}, {"quantile": 0.4}, 1.0),
        ({"step_seconds": 10.0, "loads": loads(400)}, {"quantile": 0.9999}, 1.0),
        ({"interval_seconds": 300.0}, {"quantile": 0.99}, 1.0 / MINUTE),
        ({}, {"price": 50.0}, 1.0),
        ({}, {"budget": Budget(0.01, MINUTE, 60.0, 15.0)}, 1.0),
    ],
    ids=["as by default", "slow", "quick", "buckets shorter than a tick", "counts", "a price", "a budget"],
)
def test_a_replay_says_what_the_loop_says_one_instant_after_the_other(changes, aim, scale):
    case = scenario(**changes)
    policy = Policy(1, 40, case.capacity, **aim, behavior=QUICK)
    shape = spec(case.step_seconds)
    replayed = decided(forecasts(case, shape, scale=scale), policy)
    lived = one_by_one(case, shape, policy, scale)

    assert replayed.replicas.tolist() == [decision.final for decision in lived]
    assert replayed.limiters == [decision.limiter for decision in lived]
    told = [np.nan if decision.demand is None else decision.demand for decision in lived]
    np.testing.assert_array_equal(replayed.demand, told)
    some_places = range(0, len(lived), max(len(lived) // 40, 1))
    for place, again in zip(some_places, replayed.decisions(some_places), strict=True):
        assert (again.final, again.steps, again.phase) == (lived[place].final, lived[place].steps, lived[place].phase)


def test_schedules_and_zero_are_replayed_as_they_are_lived():
    rates = loads(500)
    rates[250:400] = 0.2
    case = scenario(loads=rates, min_replicas=0)
    hourly = Schedule("floor", "20 * * * *", 900.0, "Asia/Kathmandu", 11, None)
    policy = Policy(
        0, 40, case.capacity, behavior=QUICK, activation_threshold=0.5, lead_seconds=120.0,
        schedules=(hourly, Schedule("ceiling", "40 0-23/2 * * *", 1200.0, "UTC", None, 4)),
    )  # fmt: skip
    replayed = decided(forecasts(case, spec()), policy)
    lived = one_by_one(case, spec(), policy)

    assert replayed.replicas.tolist() == [decision.final for decision in lived]
    assert {Limiter.SCHEDULE, Limiter.ACTIVATION} <= set(replayed.limiters)
    assert replayed.replicas.min() == 0
    places = range(0, len(lived), 25)
    for place, again in zip(places, replayed.decisions(places), strict=True):
        assert (again.final, again.steps) == (lived[place].final, lived[place].steps)


@settings(max_examples=25)
@given(some.integers(20, 400), some.sampled_from([15.0, 60.0, 45.0]), some.sampled_from([0.0, 15.0, 90.0]))
def test_a_prefix_of_the_load_gives_a_prefix_of_the_decisions(buckets, interval, lag):
    whole = scenario(loads=loads(420, seed=5), interval_seconds=interval, lag_seconds=lag)
    part = replace(whole, loads=whole.loads[:buckets])
    policy = Policy(1, 40, 5.0, behavior=QUICK)
    long, short = (decided(forecasts(case, spec()), policy) for case in (whole, part))

    n = len(part.instants)
    assert short.replicas.tolist() == long.replicas[:n].tolist()
    assert short.limiters == long.limiters[:n]
    np.testing.assert_array_equal(short.demand, long.demand[:n])


def test_a_paused_or_observing_manifest_is_replayed_as_if_it_acted():
    issued = forecasts(scenario(), spec())
    acting = decided(issued, Policy(1, 40, 5.0, behavior=QUICK))
    for changes in ({"paused": True}, {"mode": Mode.OBSERVE}):
        watching = decided(issued, Policy(1, 40, 5.0, behavior=QUICK, **changes))
        assert watching.replicas.tolist() == acting.replicas.tolist()


def test_nothing_scales_in_while_the_load_is_silent():
    case = scenario()
    replayed = decided(forecasts(case, spec()), Policy(1, 40, 5.0, behavior=QUICK))
    silent = np.isnan(replayed.load)
    assert silent.sum() > 40
    before = np.concatenate([[case.first_replicas], replayed.replicas[:-1]])
    assert np.all(replayed.replicas[silent] >= before[silent])
    assert {Limiter.HOLD, Limiter.SCALE_IN_HELD} & {replayed.limiters[i] for i in np.flatnonzero(silent)}


def test_before_the_first_load_there_is_neither_load_nor_demand():
    rates = loads()
    rates[:30] = np.nan
    case = scenario(loads=rates, start_replicas=7)
    replayed = decided(forecasts(case, spec()), Policy(1, 40, 5.0))
    first = int(np.argmax(case.known > 30))
    assert np.isnan(replayed.demand[:first]).all()
    assert np.isnan(replayed.load[:first]).all()
    assert set(replayed.replicas[:first].tolist()) == {7}
    assert replayed.decisions([0])[0].message.endswith("no usable load for 0s: absent")


def days_with_zeros(begin, length):
    """Three days that are never silent, but for these buckets."""
    rng = np.random.default_rng(5)
    rates = rng.poisson(60.0 * (30.0 + 20.0 * np.sin(np.arange(4320) / 1440.0 * 2 * np.pi))) / 60.0
    rates[begin : begin + length] = 0.0
    return rates


def replicas_around_zeros(begin, length, silence_share=0.01):
    """What is wanted from the first zero that is known to the last."""
    played = scenario(loads=days_with_zeros(begin, length))
    believing = replace(spec(), settings=Settings(silence_share=silence_share))
    found = decided(forecasts(played, believing), Policy(min_replicas=1, max_replicas=40, capacity=5.0, behavior=QUICK))
    newest = found.forecasts.known.newest
    return found.replicas[(newest >= begin) & (newest < begin + length)]


@settings(max_examples=15)
@given(begin=some.integers(1500, 4270), length=some.integers(1, 14))
def test_a_load_that_never_was_zero_is_not_lowered_on_when_it_is(begin, length):
    assert np.all(np.diff(replicas_around_zeros(begin, length)) >= 0)


def test_while_a_silence_is_doubted_replicas_are_held_as_without_load():
    wanted = replicas_around_zeros(3000, 40)
    assert wanted.max() <= 1.25 * wanted[0]
    assert len(set(wanted[-4 * 30 :].tolist())) == 1, "four decisions a bucket"


def test_a_silence_that_lasts_is_believed_at_last():
    begin, lasts = 3000, 240
    wanted = replicas_around_zeros(begin, lasts)
    lowered = np.flatnonzero(np.diff(wanted) < 0)
    assert lowered[0] >= 0.01 * begin * 4
    assert wanted[-1] < 0.5 * wanted[0]
    assert np.diff(replicas_around_zeros(begin, 20, silence_share=0.0)).min() < 0, "or else at once"

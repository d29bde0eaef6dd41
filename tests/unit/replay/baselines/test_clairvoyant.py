"""The bounds: nothing cheaper exists, by trying everything there is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.baselines.clairvoyant import Clairvoyant
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant

STEPS = 6
LOADS = some.lists(some.integers(0, 3), min_size=STEPS, max_size=STEPS).filter(any)


def scenario(loads, lead=0, **more):
    fixed = {"step_seconds": 15.0, "capacity": 1.0, "learned_buckets": 0, "max_replicas": 9}
    return Scenario(loads, **(fixed | {"start_up": constant(15.0 * lead)} | more))


def cheapest(case, allowed):
    """Pod-steps of the best of all plans there are that are short at most so many steps."""
    plans = np.array([plan for plan in product(range(4), repeat=STEPS) if min(plan) >= case.min_replicas])
    ready = plans.copy()
    for later in range(1, int(case.start_up.steps(15.0)[0]) + 1):
        ready[:, later:] = np.minimum(ready[:, later:], plans[:, :-later])
    return plans.sum(axis=1)[(case.arrivals > ready).sum(axis=1) <= allowed].min()


@given(LOADS, some.integers(0, 3), some.integers(0, 1))
def test_no_plan_that_is_never_short_is_cheaper(loads, lead, fewest):
    case = scenario(loads, lead, min_replicas=fewest)
    plan = Clairvoyant().replicas(case)

    assert case.play(plan).outcome().violating_seconds == 0.0
    assert plan.sum() == cheapest(case, 0)


@given(LOADS, some.integers(0, 3), some.integers(1, 3), some.integers(0, 1))
def test_without_a_lead_no_plan_as_seldom_short_is_cheaper(loads, lead, allowed, fewest):
    case = scenario(loads, lead, min_replicas=fewest)
    plan = Clairvoyant(lead=False, budget=allowed / STEPS).replicas(case)

    assert plan.sum() <= cheapest(case, allowed)
    assert scenario(loads, 0, min_replicas=fewest).play(plan).outcome().violating_seconds <= 15.0 * allowed


@given(LOADS, some.integers(1, 3), some.integers(1, 3))
def test_with_a_lead_a_budget_is_held_and_saves(loads, lead, allowed):
    case = scenario(loads, lead)
    plan, never = (Clairvoyant(budget=budget).replicas(case) for budget in (allowed / STEPS, 0.0))

    assert case.play(plan).outcome().violating_seconds <= 15.0 * allowed
    assert cheapest(case, allowed) <= plan.sum() <= never.sum()


def test_pods_are_asked_for_a_start_up_before():
    plan = Clairvoyant().replicas(scenario([1, 1, 1, 5, 1, 1], 2))

    assert plan.tolist() == [1, 5, 5, 5, 1, 1]


def test_the_dearest_peak_is_left_out_first():
    loads = np.ones(200)
    loads[20], loads[90:93], loads[150] = 8.0, 4.0, 3.0
    spared = Clairvoyant(budget=0.005).replicas(scenario(loads, 4))

    assert spared[16:21].max() == 1
    assert (spared[90], spared[150]) == (4, 3)


def test_of_a_plateau_too_long_for_the_budget_the_beginning_is_left_out():
    loads = np.ones(400)
    loads[100:300] = 20.0
    case = scenario(loads, 4, max_replicas=50)
    plan = Clairvoyant(budget=0.02).replicas(case)

    assert case.play(plan).outcome().violating_share == pytest.approx(0.02)
    assert Clairvoyant().replicas(case).sum() - plan.sum() == 8 * 19


@pytest.mark.jit
def test_on_a_day_of_noise_budgets_are_held_and_each_saves_more():
    dice = np.random.default_rng(2)
    loads = 20.0 + 10.0 * np.sin(np.arange(5760) / 917.0) + dice.gamma(1.0, 3.0, 5760)
    case = scenario(loads, 4, max_replicas=1000, learned_buckets=1440)
    plans = [Clairvoyant(budget=budget).replicas(case) for budget in (0.0, 0.005, 0.01, 0.05)]
    shares = [case.play(plan).outcome().violating_share for plan in plans]
    bounds = [Clairvoyant(lead=False, budget=budget).replicas(case) for budget in (0.0, 0.005, 0.01, 0.05)]

    assert shares == pytest.approx([0.0, 0.005, 0.01, 0.05], abs=1 / 4320)
    assert sorted((int(plan.sum()) for plan in plans), reverse=True) == [int(plan.sum()) for plan in plans]
    assert all(bound.sum() < plan.sum() for bound, plan in zip(bounds, plans, strict=True))
    assert all((plan[:1430] == plans[0][:1430]).all() for plan in plans)  # what is learned from is served


def test_loads_beyond_the_maximum_are_not_planned_for():
    assert Clairvoyant().replicas(scenario([1, 30, 1, 1, 1, 1], 1)).max() == 9

"""What steering by a budget has come to, in numbers that are reckoned here once more."""

from dataclasses import replace

import numpy as np
import pytest

from bayescaler.policy import State, decide
from bayescaler.policy.reasons import Mode
from bayescaler.policy.steered import Cap, spent, steered
from bayescaler.policy.types import Budget

from .worlds import NOON, expecting, live, policy

MINUTE = 60.0
GUSTS = np.random.default_rng(11).gamma(30.0, 1 / 30.0, 900)
BUDGET = Budget(share=0.05, step_seconds=MINUTE, startup_seconds=60.0, lag_seconds=15.0)
RULES = policy(budget=BUDGET, mode=Mode.OBSERVE)


def steer(loads, *, replicas, rules=RULES):
    """The state after so many minutes in which `replicas` ran, whatever was decided: nothing is applied."""
    state = State()
    for minute, load in enumerate(loads):
        now = NOON + minute * MINUTE
        seen = live(replicas, float(load), load_at=now - 15.0)
        _, state = decide(rules, seen, expecting(480.0), state, now=now)
    return state


@pytest.fixture(scope="module")
def windy():
    return steer(400.0 * GUSTS, replicas=9)


def test_without_a_budget_or_a_bucket_nothing_is_told():
    _, state = decide(policy(price=40.0), live(9, 400.0, load_at=NOON), expecting(480.0), State(), now=NOON)
    assert (spent(state), steered(policy(price=40.0), state)) == (None, None)
    assert (spent(State()), steered(RULES, State())) == (None, None)


def test_spent_is_the_share_of_the_time_in_which_what_ran_was_too_little(windy):
    short = 400.0 * GUSTS > 9 * 50.0
    weights = np.exp(-MINUTE / (5 * 86400.0) * np.arange(len(short))[::-1])
    found = steered(RULES, windy)
    assert found.spent == pytest.approx((weights * short).sum() / weights.sum(), abs=2 / len(short))
    assert found.burn_rate == pytest.approx(found.spent / 0.05)
    assert found.seconds == pytest.approx(weights.sum() * MINUTE, rel=1e-6)


def test_after_more_was_spent_the_target_is_below_the_budget_and_after_less_above(windy):
    calm = steered(RULES, steer(400.0 * GUSTS, replicas=40))
    assert (calm.spent, calm.burn_rate) == (0.0, 0.0)
    assert steered(RULES, windy).spent > 0.05
    assert steered(RULES, windy).target < 0.85 * 0.05 < calm.target


def test_the_ladder_stands_around_the_price_and_the_dearer_the_less_short_and_the_more_replicas(windy):
    found = steered(RULES, windy)
    prices, shorts, replicas = (np.array([getattr(rung, key) for rung in found.ladder])
                                for key in ("price", "short", "replicas"))  # fmt: skip
    assert prices[0] < found.price <= prices[-1]
    assert (np.diff(prices) > 0).all()
    assert (np.diff(shorts) <= 0).all()
    assert (np.diff(replicas) >= 0).all()
    assert (shorts >= 0).all()
    assert shorts[0] < 1


def test_a_price_that_may_go_no_higher_says_what_keeps_it():
    """Every seventh minute brings 9000/s, which 60 replicas of 50/s do not serve."""
    loads = np.where(np.arange(900) % 7, 400.0, 9000.0)
    capped = steered(RULES, steer(loads, replicas=9))
    assert capped.cap is Cap.AFFORDABLE
    mean = (400.0 * 6 + 9000.0) / 7 / 50.0
    assert capped.price == pytest.approx(10.0 * mean / (0.85 * 0.05), rel=0.02)

    strict = policy(budget=replace(BUDGET, share=0.0001), mode=Mode.OBSERVE)
    dearest = steered(strict, steer(loads, replicas=9, rules=strict))
    assert dearest.cap is Cap.DEAREST
    assert dearest.price == pytest.approx(dearest.ladder[-1].price)


def test_a_price_that_holds_its_target_is_not_capped():
    assert steered(RULES, steer(400.0 * GUSTS, replicas=40)).cap is None


def test_the_cheapest_and_the_dearest_price_have_a_ladder_too():
    for load in (0.0, 3000.0):
        found = steered(RULES, steer([load] * 30, replicas=9))
        assert len(found.ladder) == 5

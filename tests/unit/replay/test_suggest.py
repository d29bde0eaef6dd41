"""Settings for a stated aim: read as people type it, chosen on one part, shown on another."""

from dataclasses import replace

import numpy as np
import pytest

from bayescaler.policy import Budget, Policy
from bayescaler.policy.objective import windows
from bayescaler.replay.backtest import Case
from bayescaler.replay.judgement import Prices
from bayescaler.replay.ours import decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.suggest import Aim, Setting, aim, suggest
from bayescast import ForecastSpec

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

STEP, DAYS, CAPACITY = 600.0, 15, 20.0
PLAIN = Prices()


@pytest.fixture(scope="module")
def case():
    """Fifteen days of a noisy wave around 300/s, and decisions every minute: they take the time."""
    at = np.arange(0.0, DAYS * 86400.0, STEP)
    noise = np.random.default_rng(1).normal(0.0, 25.0, len(at))
    loads = np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0)
    spec = ForecastSpec(STEP, (1,), seasons=(86400.0,))
    return Case("shop/web", Policy(1, 60, CAPACITY), spec, Scenario(loads, STEP, CAPACITY, interval_seconds=60.0))


@pytest.fixture(scope="module")
def found(case):
    return suggest(case, Aim(0.02), PLAIN)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("short<=1%", 0.01),
        ("short <= 0.5 %", 0.005),
        ("Short<1%", 0.01),
        ("short ≤ 2 percent", 0.02),
        ("at most 1 % of time short", 0.01),
        ("at most 0,5% of the time short", 0.005),
        ("short at most 1%", 0.01),
        ("cheapest", None),
        (" Cheapest ", None),
    ],
)
def test_an_aim_is_read_as_people_type_it(text, short):
    assert aim(text).short == (pytest.approx(short) if short else short)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("fast", 'give "short<=1%" or "cheapest"'),
        ("", 'give "short<=1%"'),
        ("short>=1%", 'give "short<=1%"'),
        ("short<=0.01", "is it short<=0.01% or short<=1%?"),
        ("short<=100%", "is all of the time"),
        ("short<=-1%", 'give "short<=1%"'),
    ],
)
def test_what_is_no_aim_is_told_with_the_cure(text, cure):
    with pytest.raises(ValueError, match=r".") as error:
        aim(text)
    assert cure in str(error.value)


def test_the_choice_meets_the_aim_where_it_was_chosen_with_fewer_pods_than_any_other_that_does(case, found):
    assert found.reached
    assert found.chosen.first.short <= 0.02
    assert found.tried > 50
    first = replace(case.scenario, loads=case.scenario.loads[: 2 * len(case.scenario.loads) // 3])
    first = replace(first, learned_buckets=len(case.scenario.loads) // 3)
    issued = forecasts(first, case.spec)
    for quantile, buffer in ((0.5, 0.0), (0.9, 0.0), (0.95, 0.1), (0.99, 0.0)):
        other = replace(Setting.of(case), quantile=quantile, buffer=buffer)
        outcome = first.play(decided(issued, other.on(case.policy)).replicas).outcome()
        assert outcome.violating_share > 0.02 or outcome.pod_hours >= found.chosen.first.pod_hours


def test_the_rest_is_that_of_a_replay_of_the_whole_with_the_setting(case, found):
    count = len(case.scenario.loads)
    rest = replace(case.scenario, learned_buckets=2 * count // 3)
    issued = forecasts(rest, replace(case.spec, leads=windows(found.setting.lead, rest.step_seconds)))
    outcome = rest.play(decided(issued, found.setting.on(case.policy)).replicas).outcome()

    assert found.chosen.rest.short == outcome.violating_share
    assert found.chosen.rest.pod_hours == pytest.approx(outcome.pod_hours)
    assert found.chosen.rest.interval.low <= outcome.violating_share <= found.chosen.rest.interval.high
    assert (found.learned_seconds, found.first_seconds, found.rest_seconds) == (5 * 86400.0,) * 3


AIMS = {"price": {"price": 4.0}, "budget": {"budget": Budget(0.05, STEP, startup_seconds=60.0, lag_seconds=15.0)}}


@pytest.mark.parametrize("aim", AIMS.values(), ids=AIMS)
def test_the_manifest_as_it_is_has_its_own_aim_and_stays_where_nothing_is_better(case, aim):
    given = replace(case, policy=replace(case.policy, **aim))
    found = suggest(given, Aim(0.02), PLAIN)
    count = len(case.scenario.loads)
    rest = replace(case.scenario, learned_buckets=2 * count // 3)
    issued = forecasts(rest, replace(case.spec, leads=windows(1, rest.step_seconds)))
    outcome = rest.play(decided(issued, given.policy).replicas).outcome()

    assert found.given.setting.quantile is None
    assert (found.given.rest.short, found.given.rest.pod_hours) == (outcome.violating_share, outcome.pod_hours)
    if found.reached and found.given.first.short <= 0.02:
        assert found.chosen.first.pod_hours <= found.given.first.pod_hours


def test_what_comes_later_has_no_say_in_the_choice(case, found):
    """The last third turned to a storm that no 60 pods serve: the same choice, and a rest that tells."""
    loads = case.scenario.loads.copy()
    rest = slice(2 * len(loads) // 3, None)
    loads[rest] = np.random.default_rng(5).choice([20.0, 3000.0], len(loads[rest]))
    stormy = suggest(replace(case, scenario=replace(case.scenario, loads=loads)), Aim(0.02), PLAIN)

    assert stormy.setting == found.setting
    assert stormy.chosen.first == found.chosen.first
    assert stormy.chosen.rest.short > found.chosen.rest.short
    assert not stormy.held


def test_where_nothing_reaches_the_aim_the_best_there_is_comes_back_and_says_so(case):
    tight = replace(case, policy=replace(case.policy, max_replicas=20))
    tight = replace(tight, scenario=replace(case.scenario, max_replicas=20))
    found = suggest(tight, Aim(0.001), PLAIN)

    assert not found.reached
    assert found.chosen.first.short <= found.given.first.short
    assert found.chosen.first.at_max > 0


def test_the_dearer_overload_is_the_less_of_it_is_bought(case):
    cheap, dear = (suggest(case, Aim(), Prices(1.0, price)) for price in (1.0, 1000.0))

    for found in (cheap, dear):
        assert found.chosen.first.cost <= found.given.first.cost
    assert dear.chosen.first.short < cheap.chosen.first.short
    assert dear.chosen.first.pod_hours > cheap.chosen.first.pod_hours


def test_cheapest_needs_a_price_and_a_choice_needs_two_parts(case):
    with pytest.raises(ValueError, match="--overload-hour"):
        suggest(case, Aim(), PLAIN)
    every = replace(case, scenario=replace(case.scenario, learned_buckets=len(case.scenario.loads) - 1))
    with pytest.raises(ValueError, match="leaves no two parts"):
        suggest(every, Aim(0.01), PLAIN)

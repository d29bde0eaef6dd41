"""The predictive HPA: golden vectors of its models, and its loop told plainly."""

from dataclasses import replace
from math import ceil, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.policy import Behavior, PolicyType, ScalingPolicy, ScalingRules
from bayescaler.replay.baselines.phpa import BEHAVIOR, DecisionType, HoltWinters, Linear, Phpa
from bayescaler.replay.behavior import begin, remember, scale_down_limit, scale_up_limit, stabilize
from bayescaler.replay.kernels.phpa import LEVEL, TREND, begin_smoothing, linear, smooth
from bayescaler.replay.scenario import Scenario

FREE = ScalingRules((ScalingPolicy(PolicyType.PODS, 100, 15.0),), 0.0)
QUICK = Behavior(BEHAVIOR.scale_up, ScalingRules(BEHAVIOR.scale_down.policies, 0.0))


def test_a_line_through_two_numbers_a_minute_apart_read_a_minute_later():
    assert linear(np.array([3.0, 6.0]), 0, 2, 1.0) == pytest.approx(9.0)


def test_a_line_through_one_number_is_that_number():
    assert linear(np.array([8.0, 4.0]), 1, 2, 5.0) == 4.0


@pytest.mark.parametrize(
    ("m", "count", "expected"),
    # ExponentialSmoothing(trend="add", seasonal="add", initialization_method="estimated").fit(.9, .3, .5,
    # optimized=False).forecast(1) of statsmodels 0.15 on the series below.
    [
        (4, 14, 15.431002554280965),
        (4, 33, 18.338695909603558),
        (7, 16, 18.300101924123467),
        (12, 24, 15.784792387399813),
        (12, 73, 20.18865985368996),
        (25, 203, 23.76687814973581),
    ],
)
def test_one_step_ahead_is_what_statsmodels_says(m, count, expected):
    assert smoothed(series(m, count), m, 0.9, 0.3, 0.5) == pytest.approx(expected, rel=1e-9)


def series(m, count):
    """Whole numbers with a season, a trend and something irregular."""
    at = np.arange(count)
    return np.round(12 + 5 * np.sin(2 * np.pi * at / m) + 0.05 * at + (7 * at * at % 11) / 4)


def smoothed(values, m, alpha, beta, gamma):
    models = Phpa(1.0, holt_winters=HoltWinters(alpha, beta, gamma, m)).models(15.0)
    state, seasons = np.zeros(2), np.zeros(m)
    begin_smoothing(values, 0, len(values), m, state, seasons)
    smooth(values, 0, 0, len(values), models, state, seasons)
    return state[LEVEL] + state[TREND] + seasons[len(values) % m]


def scenario(loads, **more):
    return Scenario(loads, **({"step_seconds": 15.0, "capacity": 100.0, "lag_seconds": 0.0, "max_replicas": 60} | more))


def test_a_rise_is_carried_on():
    loads = [400.0] * 8 + [400.0 + 100.0 * k for k in range(12)]
    plain, ahead = (
        Phpa(100.0, line, None, behavior=Behavior(FREE, FREE)).replicas(scenario(loads, start_replicas=4))
        for line in (None, Linear(60.0, 6))
    )

    assert ahead[18] == 13 + 4  # what is needed, and a minute of one more every 15 s
    assert (ahead >= plain).all()


def test_a_season_it_has_seen_twice_is_foreseen():
    season = [200.0] * 12 + [800.0] * 12
    model = HoltWinters(0.2, 0.01, 0.2, seasonal_periods=24)
    told = Phpa(100.0, None, model, behavior=QUICK).replicas(scenario(season * 6, start_replicas=2))

    # The load of bucket k is known at k + 1; in the last seasons its rise is met at the instant it comes.
    rises = [24 * season + 12 for season in (3, 4, 5)]
    assert all(told[rise] >= 6 for rise in rises)


def test_a_model_that_is_not_ready_says_none_and_halves_the_mean():
    model = HoltWinters(seasonal_periods=40)
    told = Phpa(100.0, None, model, DecisionType.MEAN, behavior=QUICK).replicas(
        scenario([400.0] * 20, start_replicas=4)
    )

    assert told[-1] == 2  # of four that are needed


def test_without_a_metric_a_sync_changes_and_remembers_nothing():
    told = Phpa(100.0).replicas(scenario([400.0, 400.0, nan, nan, 800.0, 800.0], start_replicas=4))

    assert told.tolist() == [4, 4, 4, 4, 4, 8]


def by_hand(phpa, case):
    """Every model fitted anew at every sync, from a list of numbers."""
    numbers, current, history, out = [], case.first_replicas, None, []
    m = phpa.holt_winters.seasonal_periods if phpa.holt_winters else 0
    stored = []
    for now, metric in zip(case.instants.tolist(), case.seen.tolist(), strict=True):
        if metric != metric or (current == 0 and case.min_replicas > 0):  # noqa: PLR0124 - NaN
            out.append(current)
            continue
        near = current > 0 and 0.9 <= metric / (phpa.average_value * current) <= 1.1
        own = current if near else ceil(metric / phpa.average_value * (1 - 1e-9))
        numbers.append(own)
        stored.append(own)
        said = [own]
        if phpa.linear:
            last = np.array(numbers[-phpa.linear.history_size :], dtype=float)
            x = np.arange(len(last)) - (len(last) - 1) - phpa.linear.look_ahead_seconds / 15.0
            said.append(last[0] if len(last) == 1 else np.polyfit(x, last, 1)[1])
        if m:
            ready = len(stored) >= 2 * m and len(stored) >= 10 + 2 * (m // 2)
            model = phpa.holt_winters
            values = np.array(stored, dtype=float)
            said.append(smoothed(values, m, model.alpha, model.beta, model.gamma) if ready else 0)
            if len(stored) // m > model.stored_seasons:
                stored = stored[(len(stored) // m - model.stored_seasons) * m :]
        said = sorted(ceil(number - 1e-9 * max(1, abs(number))) for number in said)
        wanted = {
            DecisionType.MAXIMUM: said[-1],
            DecisionType.MINIMUM: said[0],
            DecisionType.MEAN: int(np.floor(sum(said) / len(said) + 0.5)),
            DecisionType.MEDIAN: said[1] if len(said) == 3 else (said[0] + said[-1]) // 2,
        }[phpa.decision_type]
        history = begin(case.first_replicas, case.instants[0]) if history is None else history
        history = remember(history, phpa.behavior, wanted, now)
        goal = stabilize(history, current, wanted)
        if goal > current:
            goal = min(goal, scale_up_limit(phpa.behavior.scale_up, history, current, now))
        elif goal < current:
            goal = max(goal, scale_down_limit(phpa.behavior.scale_down, history, current, now))
        goal = min(max(goal, case.min_replicas), case.max_replicas)
        if goal > current:
            history = replace(history, ups=(*history.ups, (now, goal - current)))
        elif goal < current:
            history = replace(history, downs=(*history.downs, (now, current - goal)))
        current = goal
        out.append(current)
    return out


@given(
    some.lists(some.sampled_from([nan, 0.0, 120.0, 250.0, 900.0, 2500.0]), min_size=2, max_size=90),
    some.none() | some.builds(Linear, some.sampled_from([0.0, 40.0]), some.integers(1, 7)),
    some.none()
    | some.builds(HoltWinters, seasonal_periods=some.sampled_from([4, 7]), stored_seasons=some.integers(3, 6)),
    some.sampled_from(list(DecisionType)),
    some.integers(0, 2),
)
def test_it_equals_models_fitted_anew_at_every_sync(loads, line, season, decision, fewest):
    phpa = Phpa(100.0, line, season, decision)
    case = scenario([300.0, *loads], start_replicas=3, min_replicas=fewest)

    assert phpa.replicas(case).tolist() == by_hand(phpa, case)

"""Where the law of the load is known, so is that of the window maximum: what is issued is held against the truth."""

from functools import cache

import numpy as np
import pytest

from bayescast import LEVELS, Forecaster, Kind, scores

from .worlds import HOUR, World, cost, daily, flat, log_normal, negative_binomial, oracle, poisson, shocks, within

pytestmark = pytest.mark.jit

DAYS, LEARNED = 21, 7 * 288
LEVEL_GRID = np.array(LEVELS)

WORLDS = {
    "arrivals": World(daily(), poisson),
    "few arrivals": World(daily(4.0), poisson),
    "bursty arrivals": World(daily(), negative_binomial(0.1)),
    "few bursty arrivals": World(daily(3.0), negative_binomial(0.3)),
    "rate": World(daily(), log_normal(0.2), Kind.RATE),
    "gauge": World(daily(), log_normal(0.2), Kind.GAUGE),
    "nearly constant": World(flat(5.0), log_normal(1e-3), Kind.GAUGE),
    "correlated": World(daily(), shocks(0.05), Kind.RATE, memory=0.9),
    "random walk": World(flat(100.0), shocks(0.02), Kind.RATE, memory=1.0),
}
every_world = pytest.mark.parametrize("world", WORLDS)
each_lead = pytest.mark.parametrize("lead", [1, 12])


@cache
def lived(world, lead):
    """One life of 21 days: (quantiles, realised maxima) of all buckets, then (hour, truth, issued) of every third one.

    The first week only teaches.
    """
    of = WORLDS[world]
    times = of.times(DAYS)
    values = of.load(times)
    quantiles = Forecaster(of.spec(lead)).replay(times, values)[lead]
    realised = scores.window_max(values, lead)
    realised[:LEARNED] = np.nan
    origins = np.arange(LEARNED, len(times) - lead, 3)
    truth = of.maxima(times, values, lead, origins)
    return quantiles, realised, times[origins] // HOUR % 24, truth, quantiles[origins]


def chance(lead):
    """The standard deviation of the coverage of a perfect forecast, on as many disjoint windows."""
    windows = (DAYS * 288 - LEARNED) / lead
    return np.sqrt(LEVEL_GRID * (1.0 - LEVEL_GRID) / windows)


@every_world
@each_lead
def test_the_window_stays_within_each_quantile_with_its_probability(world, lead):
    _, _, _, truth, issued = lived(world, lead)
    np.testing.assert_array_less(np.abs(within(truth, issued).mean(axis=0) - LEVEL_GRID), 3.0 * chance(lead))


@every_world
@each_lead
def test_the_transforms_of_disjoint_windows_are_uniform(world, lead):
    quantiles, realised, *_ = lived(world, lead)
    transforms = scores.pit(quantiles, realised, lead)
    edges = np.array([0.0, *LEVELS, 1.0])  # below the median the law is a mirror, and no promise
    due = np.diff(edges) * len(transforms)
    assert len(transforms) == pytest.approx((DAYS * 288 - LEARNED) / lead, rel=0.01)
    distance = np.sum((np.histogram(transforms, edges)[0] - due) ** 2 / due)
    assert distance < 27.88  # chi-square with 9 degrees of freedom: exceeded once in a thousand


# Share of the loss above that of the true quantiles, at .5, .9, .95 and .99.
MOST_REGRET = {1: (0.08, 0.10, 0.12, 0.20), 12: (0.20, 0.25, 0.35, 0.60)}


@every_world
@each_lead
def test_the_loss_is_near_that_of_one_who_knows_the_law(world, lead):
    _, _, _, truth, issued = lived(world, lead)
    regret = cost(truth, issued).mean(axis=0) / cost(truth, oracle(truth)).mean(axis=0) - 1.0
    asked = [LEVELS.index(level) for level in (0.5, 0.9, 0.95, 0.99)]
    np.testing.assert_array_less(regret[asked], MOST_REGRET[lead])


@every_world
def test_the_promise_holds_at_every_hour(world):
    _, _, hours, truth, issued = lived(world, 1)
    found = within(truth, issued)[:, LEVELS.index(0.95)]
    by_hour = np.array([found[hours == hour].mean() for hour in range(24)])
    np.testing.assert_allclose(by_hour, 0.95, atol=0.045)


def test_the_instruments_find_nothing_wrong_with_one_who_knows_the_law():
    world = WORLDS["correlated"]
    times = world.times(4)
    values = world.load(times, seed=9)
    origins = np.arange(100, 1100)
    truth = world.maxima(times, values, 12, origins)
    known = oracle(truth)
    np.testing.assert_allclose(within(truth, known).mean(axis=0), LEVEL_GRID, atol=0.002)
    for wrong in (0.97 * known, 1.03 * known):
        assert (cost(truth, wrong).mean(axis=0) > cost(truth, known).mean(axis=0)).all()
    realised = scores.window_max(values, 12)[origins]
    assert np.mean(realised <= known[:, LEVELS.index(0.9)]) == pytest.approx(0.9, abs=0.06)

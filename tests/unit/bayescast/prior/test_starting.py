"""A new workload of a known kind starts informed, and never claims what it has not earned."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    LEVELS,
    Family,
    Forecaster,
    ForecastSpec,
    Kind,
    pool,
)
from bayescast.kernels import state as st
from bayescast.prior_plant import first_level
from bayescast.prior_pool import smooth
from bayescast.scores import pinball, window_max

from .conftest import DAY, SPEC, STEP, fitted, rates, state


def loss(issued, values, lead=3):
    maxima = window_max(values, lead)
    known = np.isfinite(maxima) & np.isfinite(issued[:, 0])
    return float(pinball(issued[known], maxima[known]).mean())


def test_the_first_day_of_a_new_service_is_forecast_better(known):
    times, values = rates(4, size=37.0, seed=77, start=30 * 86400.0)
    without = Forecaster(SPEC).replay(times, values)[3]
    informed = Forecaster(SPEC, known).replay(times, values)[3]
    assert loss(informed[:DAY], values[:DAY]) < 0.8 * loss(without[:DAY], values[:DAY])
    assert loss(informed, values) < 0.65 * loss(without, values)


def test_the_first_morning_is_expected_before_it_was_ever_seen(known):
    times, values = rates(1, size=37.0, seed=5)
    night = Forecaster(replace(SPEC, leads=(3,)), known).fit(times[:9], values[:9])
    assert night.predict().quantile(0.5) > 1.1 * values[8]


def test_the_least_load_there_is_gives_a_level_too(known):
    assert math.isfinite(first_level(known, 5e-324, 0.0))


@pytest.mark.jit
def test_a_wrong_group_is_outlived(known):
    wrong, without = np.zeros(2), np.zeros(2)
    for seed in range(8):
        times, values = rates(21, size=3.0, peak=2.0, swing=1.2, noise=0.4, seed=seed)
        for sums, made in ((wrong, Forecaster(SPEC, known)), (without, Forecaster(SPEC))):
            issued = made.replay(times, values)[3]
            sums += [loss(issued[part], values[part]) for part in (slice(0, DAY), slice(14 * DAY, None))]
    assert wrong[0] < 1.6 * without[0]
    assert wrong[1] < 1.1 * without[1]


def test_no_quantile_exceeds_the_cap_of_the_largest_own_load(known):
    times, values = rates(3, size=3.0, peak=2.0, noise=0.4)
    one = Forecaster(SPEC, known)
    for time, value in zip(times, values, strict=True):
        highest = one.update(time, value).predict().values[-1]
        top, offset = state(one).scalars[0, [st.Z_TOP, st.OFFSET]]
        assert highest + offset <= math.exp(SPEC.settings.cap + top) * (1.0 + 1e-9)
    assert top <= math.log(values.max() + 2.0 * offset)


def test_nothing_that_is_earned_is_taken_over(known):
    new = Forecaster(SPEC, known).fit(*rates(1.0 / DAY))
    found = new.diagnostics()
    assert (found.windows, found.disjoint_windows, found.buckets_seen) == (0, 0, 1)
    assert set(found.coverage.values()) == set(found.misses_owed.values()) == {0.0}
    assert not found.change_point


def test_levels_and_range_start_at_the_first_load_as_ever(known):
    times, values = rates(1.0 / DAY, size=42.0)
    informed, plain = (state(made.fit(times, values)) for made in (Forecaster(SPEC, known), Forecaster(SPEC)))
    np.testing.assert_array_equal(informed.levels[0, [st.LEVEL_SHAPE, st.LEVEL_RATE]],
                                  plain.levels[0, [st.LEVEL_SHAPE, st.LEVEL_RATE]])  # fmt: skip
    assert informed.scalars[0, st.LAST_VALUE] == plain.scalars[0, st.LAST_VALUE]
    top, offset = informed.scalars[0, [st.Z_TOP, st.OFFSET]]
    assert top == pytest.approx(math.log(values[0] + offset))
    level = first_level(known, values[0], float(smooth(known.load_shape[DAY:], 2)[0]))  # the week begins at 0
    mean = math.exp(level + known.log_mean)
    scale = informed.lead_scalars[0, st.SCALE + st.ADD_LAST]
    assert scale == pytest.approx(known.scales[0, st.ADD_LAST] * 1.3 * mean, rel=1e-6)


def test_the_level_is_that_of_the_first_load_at_its_hour(known):
    for size in (0.01, 1.0, 1e4):
        for hour in (2, 8, 14, 20):
            times, values = rates(21, size=size, noise=0.01)
            start = Forecaster(SPEC, known).fit(times[hour : hour + 1], values[hour : hour + 1])
            assert state(start).scalars[0, st.MEAN] == pytest.approx(values.mean(), rel=0.4)


@pytest.mark.jit
def test_a_first_load_of_zero_leaves_the_groups_level_lowered(known):
    level = first_level(known, 0.0, 0.0)
    assert level == pytest.approx(known.level - known.level_spread)
    counts = pool([Forecaster(replace(SPEC, kind=Kind.COUNT)).fit(*rates(10, seed=i)) for i in range(3)])
    assert counts.level - 8.0 < first_level(counts, 0.0, 0.0) < counts.level
    issued = Forecaster(SPEC, known).fit([0.0], [0.0]).predict().values
    assert np.isfinite(issued).all()


@pytest.mark.jit
@pytest.mark.parametrize("kind", list(Kind))
def test_a_first_load_of_zero_tells_nothing_at_an_hour_at_which_the_group_is_idle(kind):
    spec = replace(SPEC, kind=kind)

    def idle_at_night(days, size, seed):
        times, values = rates(days, size=size, seed=seed)
        return times, np.where((times / STEP % DAY < 8) | (times / STEP % DAY >= 20), 0.0, np.rint(values))

    prior = pool([fitted(*idle_at_night(21, 100.0 * 2.0**i, i), spec=spec) for i in range(4)])
    at = [first_level(prior, 0.0, float(prior.load_shape[hour])) for hour in (2, 14)]
    assert at[0] == prior.level
    assert at[1] <= prior.level - prior.level_spread
    times, values = idle_at_night(1, 280.0, 9)  # as large as the group
    begun = Forecaster(spec, prior).fit(times[:1], values[:1])
    assert state(begun).scalars[0, st.MEAN] == pytest.approx(values.mean(), rel=0.4)


@pytest.mark.jit
@pytest.mark.parametrize("quiet", [True, False])
def test_a_first_load_of_zero_is_believed_where_the_group_is_quiet_but_not_where_it_often_is_zero(quiet):
    def bursts(seed):
        times, values = rates(21, swing=1.4 if quiet else 0.0, seed=seed)
        return times, values if quiet else values * (np.random.default_rng(seed).random(len(values)) < 0.15)

    prior = pool([fitted(*bursts(i)) for i in range(4)])
    expected = float(prior.load_shape[2]) if quiet else 0.0
    lowered = prior.level - first_level(prior, 0.0, expected)
    assert lowered == pytest.approx(1.5 if quiet else 0.0)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("seasons", [(), (86400.0,), (86400.0, 604800.0)])
def test_it_works_for_every_kind_and_any_seasons(kind, seasons):
    spec = ForecastSpec(STEP, (1, 6), kind=kind, seasons=seasons, time_zone="Europe/Berlin")
    prior = pool([fitted(*rates(8, seed=i), spec=spec) for i in range(3)])
    assert len(prior.visits) == len(seasons)
    issued = Forecaster(spec, prior).replay(*rates(2, size=5.0, seed=9))
    for quantiles in issued.values():
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=1) >= 0.0).all()


def test_auto_starts_with_the_family_of_the_group():
    gauges = ForecastSpec(STEP, (3,), family=Family.GAUSSIAN)
    prior = pool([fitted(*rates(4), spec=gauges)])
    assert prior.family is Family.GAUSSIAN
    new = Forecaster(gauges, prior).fit(*rates(1))
    assert new.diagnostics().family is Family.GAUSSIAN


def test_the_levels_of_the_forecast_are_all_moved_by_a_prior(known):
    times, values = rates(0.25)
    plain, informed = (made.fit(times, values).predict().values for made in (Forecaster(SPEC), Forecaster(SPEC, known)))
    assert len(plain) == len(LEVELS)
    assert not np.any(np.isclose(plain, informed, rtol=1e-3))

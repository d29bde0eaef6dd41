"""Laws that hold for every group and every workload that starts from it."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescast import Forecaster, ForecastSpec, Kind, Prior, pool
from bayescast.prior_pool import random_effects

STEP = 3600.0
SPECS = {kind: ForecastSpec(STEP, (2, 4), kind=kind, seasons=(86400.0, 172800.0)) for kind in Kind}

loads = st.one_of(st.integers(0, 5).map(float), st.floats(0.0, 1e3), st.sampled_from([0.0, math.nan, 1e-12, 1e9, 1e15]))
series = st.lists(loads, min_size=1, max_size=60)
histories = st.lists(loads, min_size=1, max_size=60).map(lambda values: [1.0, *values])  # one load above zero
groups = st.lists(histories, min_size=1, max_size=4)
kinds = st.sampled_from(list(Kind))


def fitted(kind, values, start=0):
    return Forecaster(SPECS[kind]).fit(STEP * (start + np.arange(len(values))), values)


def replay(kind, prior, values):
    return Forecaster(SPECS[kind], prior).replay(STEP * np.arange(len(values)), values)


@given(kinds, groups, series)
@settings(max_examples=60)
def test_whatever_the_group_quantiles_are_finite_ordered_and_not_negative(kind, group, values):
    prior = pool([fitted(kind, history, start) for start, history in enumerate(group)])
    for issued in replay(kind, prior, values).values():
        first = next((i for i, value in enumerate(values) if not math.isnan(value)), len(values))
        assert np.isnan(issued[:first]).all()
        assert np.isfinite(issued[first:]).all()
        assert (issued[first:] >= 0.0).all()
        assert (np.diff(issued[first:], axis=1) >= 0.0).all()


@given(kinds, groups, series, st.data())
@settings(max_examples=30)
def test_a_prior_that_was_written_and_read_gives_a_prefix_the_same_answer(kind, group, values, data):
    prior = pool([fitted(kind, history) for history in group])
    cut = data.draw(st.integers(1, len(values)))
    whole, part = replay(kind, prior, values), replay(kind, Prior.from_json(prior.to_json()), values[:cut])
    for lead in whole:
        np.testing.assert_array_equal(whole[lead][:cut], part[lead])


@given(groups, st.integers(1, 40))
@settings(max_examples=30)
def test_the_order_of_the_members_does_not_matter(group, seed):
    members = [fitted(Kind.RATE, history) for history in group]
    order = np.random.default_rng(seed).permutation(len(members))
    one, other = pool(members), pool([members[place] for place in order])
    assert one.visits == other.visits
    for name in ("level", "load_shape", "scales", "bins", "losses"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-3)


@given(st.lists(st.floats(-10.0, 10.0), min_size=1, max_size=9), st.floats(1e-3, 10.0), st.floats(-100.0, 100.0))
@settings(max_examples=100)
def test_a_pooled_mean_lies_among_the_members_and_moves_with_them(values, variance, shift):
    at, variances = np.array(values)[:, None], np.full((len(values), 1), variance)
    mean, between = random_effects(at, variances, 0.5)
    moved, between_moved = random_effects(at + shift, variances, 0.5)
    assert min(values) - 1e-9 <= mean[0] <= max(values) + 1e-9
    assert between[0] > 0.0
    np.testing.assert_allclose(moved - shift, mean, atol=1e-6)
    np.testing.assert_allclose(between_moved, between, rtol=1e-6, atol=1e-6)

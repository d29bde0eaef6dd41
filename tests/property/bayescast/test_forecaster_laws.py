"""Laws that hold for every series: order, causality, determinism, restart, and answers to hostile input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescast import LEVELS, BayescastError, Forecaster, ForecastSpec, InvalidValue, Kind, Predictive
from bayescast.spec import Family

STEP = 3600.0
SPECS = {kind: ForecastSpec(STEP, (2, 4), kind=kind, seasons=(86400.0, 172800.0)) for kind in Kind}

loads = st.one_of(
    st.integers(0, 5).map(float),
    st.floats(0.0, 1e3),
    st.sampled_from([0.0, math.nan, 1e-12, 1e9, 1e15]),
)
series = st.lists(loads, min_size=1, max_size=80)
kinds = st.sampled_from(list(Kind))


def replay(kind, values, **flags):
    return Forecaster(SPECS[kind]).replay(STEP * np.arange(len(values)), values, **flags)


@given(kinds, series)
@settings(max_examples=60)
def test_quantiles_are_finite_ordered_and_not_negative(kind, values):
    for issued in replay(kind, values).values():
        first = next((i for i, value in enumerate(values) if not math.isnan(value)), len(values))
        assert np.isnan(issued[:first]).all()
        assert np.isfinite(issued[first:]).all()
        assert (issued[first:] >= 0.0).all()
        assert (np.diff(issued[first:], axis=1) >= 0.0).all()


@given(kinds, series, st.data())
@settings(max_examples=30)
def test_a_prefix_of_the_series_gives_a_prefix_of_the_answer(kind, values, data):
    cut = data.draw(st.integers(1, len(values)))
    whole, part = replay(kind, values), replay(kind, values[:cut])
    for lead in whole:
        np.testing.assert_array_equal(whole[lead][:cut], part[lead])


@given(kinds, series, st.data())
@settings(max_examples=30)
def test_a_restart_at_any_bucket_changes_no_bit(kind, values, data):
    cut = data.draw(st.integers(0, len(values)))
    times = STEP * np.arange(len(values))
    spec = SPECS[kind]
    restarted = Forecaster.restore(spec, Forecaster(spec).fit(times[:cut], values[:cut]).checkpoint())
    for time, value in zip(times[cut:], values[cut:], strict=True):
        restarted.update(time, value)
    assert restarted.checkpoint() == Forecaster(spec).fit(times, values).checkpoint()


@given(kinds, series, st.data())
@settings(max_examples=30)
def test_flags_never_break_a_forecast(kind, values, data):
    flags = st.lists(st.booleans(), min_size=len(values), max_size=len(values))
    issued = replay(kind, values, saturated=data.draw(flags), healthy=data.draw(flags))
    for quantiles in issued.values():
        known = quantiles[~np.isnan(quantiles).any(axis=1)]
        assert np.isfinite(known).all()
        assert (np.diff(known, axis=1) >= 0.0).all()


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True)),
        max_size=12,
    )
)
@settings(max_examples=100)
def test_hostile_input_gives_a_named_error_and_leaves_the_state_as_it_was(pairs):
    forecaster = Forecaster(SPECS[Kind.RATE]).fit(STEP * np.arange(5), np.arange(5.0))
    for time, value in pairs:
        before = forecaster.checkpoint()
        try:
            forecaster.update(time, value)
        except BayescastError:
            assert forecaster.checkpoint() == before
        assert np.isfinite(forecaster.predict().values).all()


@given(
    st.lists(st.just(0.0) | st.floats(1e-9, 1e12), min_size=9, max_size=9),
    st.lists(st.floats(1e-9, 1 - 1e-9), min_size=2, max_size=20),
)
def test_a_predictive_distribution_is_one(values, levels):
    predictive = Predictive(np.array(LEVELS), np.sort(values), 1, 60.0, 0.0, Family.GAUSSIAN)
    levels = np.sort(levels)
    quantiles = predictive.quantile(levels)
    assert (quantiles >= 0.0).all()
    assert (np.diff(quantiles) >= -1e-9 * (1 + quantiles[1:])).all()
    shares = predictive.cdf(quantiles)
    assert ((shares >= 0.0) & (shares <= 1.0)).all()
    assert (shares >= levels - 1e-6).all()


@given(st.floats(allow_nan=False).filter(lambda x: x < 0 or x > 1e15))
def test_what_cannot_be_a_load_is_refused(value):
    with pytest.raises(InvalidValue, match=r"values\[0\]"):
        Forecaster(SPECS[Kind.COUNT]).update(0.0, value)

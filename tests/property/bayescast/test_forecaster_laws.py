"""Answers to hostile input, and what makes a predictive distribution one; the laws of a stream are beside this."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescast import LEVELS, BayescastError, Forecaster, ForecastSpec, InvalidValue, Predictive
from bayescast.spec import Family

STEP = 3600.0
SPEC = ForecastSpec(STEP, (2, 4), seasons=(86400.0, 172800.0), time_zone="Europe/Berlin")


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True)),
        max_size=12,
    )
)
@settings(max_examples=60)
def test_hostile_input_gives_a_named_error_and_leaves_the_state_as_it_was(pairs):
    forecaster = Forecaster(SPEC).fit(STEP * np.arange(5), np.arange(5.0))
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
        Forecaster(SPEC).update(0.0, value)

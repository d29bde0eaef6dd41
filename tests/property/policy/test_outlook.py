"""What the compiled rules read off a forecast against `bayescast.Predictive` and against trying every number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy.kernels import outlook as out
from bayescaler.policy.kernels.columns import Floats
from bayescast import LEVELS, Family, Predictive
from bayescast.kernels.jit import entry


@entry
def survival(values: Floats, load: float) -> float:
    return out.survival(values, load)


@entry
def load_at(values: Floats, level: float) -> float:
    return out.load_at(values, level)


@entry
def cheapest(values: Floats, served: float, price: float, least: float, most: float) -> float:
    return out.cheapest(values, served, price, least, most)


steps = st.lists(st.floats(0.0, 100.0) | st.just(0.0), min_size=len(LEVELS), max_size=len(LEVELS))


@st.composite
def predictives(draw):
    values = np.cumsum(draw(steps))
    return Predictive(np.array(LEVELS), values, 2, 60.0, 0.0, Family.AUTO)


@given(predictives(), st.floats(0.0, 2000.0) | st.just(0.0))
def test_a_load_is_exceeded_with_the_probability_of_the_forecast(predictive, load):
    assert survival(predictive.values, load) == pytest.approx(predictive.exceedance(load), rel=1e-9, abs=1e-12)


@given(predictives(), st.floats(0.01, 0.9999))
def test_a_quantile_is_that_of_the_forecast(predictive, level):
    assert load_at(predictive.values, level) == pytest.approx(predictive.quantile(level), rel=1e-9)


@given(predictives(), st.floats(1.0, 60.0), st.floats(0.1, 1e4), st.integers(0, 20), st.integers(0, 60))
def test_the_cheapest_number_is_the_fewest_of_the_best(predictive, served, price, least, more):
    tried = np.arange(least, least + more + 1)
    costs = [n + price * survival(predictive.values, n * served) for n in tried.tolist()]
    found = cheapest(predictive.values, served, price, float(least), float(least + more))
    assert found == tried[int(np.argmin(costs))]

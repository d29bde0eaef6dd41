import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayescast import Forecaster, ForecastSpec, Kind, Settings
from bayescast.kernels import atoms
from bayescast.kernels.state import N_SCALARS, QUANTUM

MINUTE = 60.0
START = 1_772_438_400.0


def quantum_of(learn, loads):
    scalars = np.zeros(N_SCALARS)
    for load in loads:
        learn(scalars, load)
    return scalars[QUANTUM]


@given(counts=st.lists(st.integers(0, 900), min_size=1, max_size=30), unit=st.sampled_from([1.0, 1 / 60, 7.3]))
@example(counts=[0, 0], unit=1.0)
def test_the_quantum_of_counts_is_their_greatest_common_divisor(compiled, counts, unit):
    found = quantum_of(compiled(atoms.learn), [count * unit for count in counts])
    assert found == pytest.approx(math.gcd(*counts) * unit, rel=1e-9)


def test_loads_of_a_continuum_have_no_quantum(compiled):
    rng = np.random.default_rng(4)
    for loads in rng.lognormal(3.0, 0.5, (200, 5)):
        assert np.isnan(quantum_of(compiled(atoms.learn), loads))


def test_loads_too_far_apart_to_be_divided_have_no_quantum(compiled):
    assert np.isnan(quantum_of(compiled(atoms.learn), [1e15, 1e-310, 7.0]))


def test_one_burst_takes_no_quantum_away(compiled):
    assert quantum_of(compiled(atoms.learn), [3.0, 2.0, 1e6, 5.0]) == 1.0


@given(st.lists(st.floats(0.0, 1e4), min_size=2, max_size=9), st.floats(1e-3, 10.0), st.floats(0.0, 0.5))
def test_what_is_told_moves_by_a_hair_at_most_and_keeps_its_order(compiled, values, quantum, hair):
    told = [compiled(atoms.nearest)(quantum, hair, value) for value in sorted(values)]
    assert told == sorted(told)
    assert np.abs(np.array(told) - sorted(values)).max() <= hair * quantum * (1 + 1e-9)


def test_without_a_quantum_nothing_moves(compiled):
    assert [compiled(atoms.nearest)(quantum, 0.02, 1.001) for quantum in (0.0, math.nan)] == [1.001, 1.001]


def told(values, **settings):
    spec = ForecastSpec(MINUTE, (2,), kind=Kind.GAUGE, seasons=(3600.0,), settings=Settings(**settings))
    forecaster = Forecaster(spec)
    forecaster.fit(START + MINUTE * np.arange(len(values)), np.asarray(values, dtype=np.float64))
    return forecaster.predict().values


def test_a_gauge_that_stands_still_is_forecast_to_the_digit():
    assert told([7.3] * 500).tolist() == [7.3] * 9
    assert told([7.3] * 500, atom_hair=0.0).tolist() != [7.3] * 9


def test_a_timer_is_forecast_to_the_digit():
    runs = (np.arange(3000) % 30 == 0).astype(float)
    up_to_99 = slice(0, 7)
    assert told(runs[:2975])[up_to_99].tolist() == [0.0] * 7, "none is due within two minutes"
    assert told(runs[:2999])[up_to_99].tolist() == [1.0] * 7, "the next one is"

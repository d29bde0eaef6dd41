import numpy as np
import pytest

from bayescast import LEVELS, Family, Predictive


def predictive(values):
    return Predictive(np.array(LEVELS), np.array(values, float), 5, 60.0, 600.0, Family.POISSON_GAMMA)


SPREAD = predictive([100, 110, 118, 130, 142, 155, 175, 190, 230])
ATOMS = predictive([0, 0, 0, 0, 5, 5, 20, 20, 20])


def test_the_issued_levels_give_the_issued_quantiles():
    np.testing.assert_allclose(SPREAD.quantile(LEVELS), SPREAD.values, rtol=1e-12)
    assert isinstance(SPREAD.quantile(0.9), float)


def test_between_levels_log_survival_is_linear_in_load():
    middle = 1.0 - np.sqrt(0.1 * 0.05)
    assert SPREAD.quantile(middle) == pytest.approx((130 + 142) / 2)


def test_the_tail_is_a_power_law_through_the_last_two_levels():
    exponent = np.log(0.005 / 0.001) / np.log(230 / 190)
    assert SPREAD.exceedance(460.0) == pytest.approx(0.001 * 2.0**-exponent)
    assert SPREAD.quantile(1 - 0.001 * 2.0**-exponent) == pytest.approx(460.0)


def test_below_the_median_the_law_mirrors_the_one_above():
    assert SPREAD.quantile(0.1) == pytest.approx(100.0**2 / 130.0)
    assert SPREAD.interval(0.8) == pytest.approx((100.0**2 / 130.0, 130.0))


@pytest.mark.parametrize("load", [1.0, 60.0, 99.0, 100.0, 105.0, 171.0, 230.0, 400.0])
def test_cdf_and_quantile_are_inverse(load):
    assert SPREAD.quantile(SPREAD.cdf(load)) == pytest.approx(load)
    assert SPREAD.cdf(load) + SPREAD.exceedance(load) == pytest.approx(1.0)


def test_an_atom_has_all_its_mass_at_once():
    assert ATOMS.cdf(0.0) == pytest.approx(0.9)
    assert ATOMS.cdf(5.0) == pytest.approx(0.975)
    assert ATOMS.cdf(20.0) == pytest.approx(0.999)
    assert ATOMS.exceedance(20.1) < 1e-6
    assert ATOMS.quantile(0.3) == 0.0
    assert ATOMS.cdf(-1.0) == 0.0


def test_a_load_of_zero_has_zero_quantiles():
    nothing = predictive([0.0] * 9)
    assert nothing.quantile(0.9999) == 0.0
    assert nothing.cdf(0.0) >= 0.999
    assert nothing.exceedance(1e-9) < 0.001


def test_the_mean_lies_where_sampling_finds_it():
    draws = SPREAD.quantile(np.random.default_rng(0).uniform(0.0001, 0.9995, 200_000))
    assert SPREAD.mean() == pytest.approx(draws.mean(), rel=0.01)


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, np.nan])
def test_levels_outside_the_unit_interval_are_refused(q):
    with pytest.raises(ValueError, match="between 0 and 1"):
        SPREAD.quantile(q)

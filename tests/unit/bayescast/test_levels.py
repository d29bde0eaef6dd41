import numpy as np
import pytest

from bayescast.kernels import levels
from bayescast.kernels.state import LEVEL_RATE, LEVEL_SHAPE, LEVEL_Z

DISCOUNTS = (0.5, 0.8, 0.95, 0.995)


def test_a_gamma_level_is_the_conjugate_posterior_of_discounted_counts(compiled):
    bank = np.zeros((3, 4))
    loads = [7.0, 3.0, 0.0, 11.0]
    compiled(levels.start)(bank, loads[0], 0.0)
    for load in loads[1:]:
        compiled(levels.learn_gamma)(bank, DISCOUNTS, load, 1.0, 1.0)
    for g, discount in enumerate(DISCOUNTS):
        ages = discount ** np.arange(len(loads) - 1, -1, -1.0)
        assert bank[LEVEL_SHAPE, g] == pytest.approx(np.dot(ages, loads), rel=1e-13)
        assert bank[LEVEL_RATE, g] == pytest.approx(ages.sum(), rel=1e-13)
        assert bank[LEVEL_Z, g] == pytest.approx(np.log(np.dot(ages, loads) / ages.sum() + 1.0), rel=1e-13)


def test_without_discount_the_gamma_posterior_is_sum_and_number(compiled):
    bank = np.zeros((3, 4))
    loads = np.random.default_rng(0).poisson(20.0, 50).astype(float)
    compiled(levels.start)(bank, loads[0], 0.0)
    for load in loads[1:]:
        compiled(levels.learn_gamma)(bank, (1.0, 1.0, 1.0, 1.0), load, 1.0, 0.0)
    assert bank[LEVEL_SHAPE] == pytest.approx(loads.sum())
    assert bank[LEVEL_RATE] == pytest.approx(50.0)


def test_zeros_never_absorb_a_level(compiled):
    bank = np.zeros((3, 4))
    compiled(levels.start)(bank, 0.0, 0.0)
    for _ in range(5000):
        compiled(levels.learn_gamma)(bank, DISCOUNTS, 0.0, 1.0, 1.0)
    for _ in range(8):
        compiled(levels.learn_gamma)(bank, DISCOUNTS, 40.0, 1.0, 1.0)
    assert np.exp(bank[LEVEL_Z, 0]) - 1.0 == pytest.approx(40.0, rel=0.01)


def test_a_normal_level_is_the_exponential_mean_of_log_loads(compiled):
    bank = np.zeros((3, 4))
    z = [1.0, 2.0, 0.5]
    compiled(levels.start)(bank, 1.0, z[0])
    for value in z[1:]:
        compiled(levels.learn_normal)(bank, DISCOUNTS, value)
    for g, discount in enumerate(DISCOUNTS):
        expected = z[0]
        for value in z[1:]:
            expected = discount * expected + (1 - discount) * value
        assert bank[LEVEL_Z, g] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_dispersion_is_found_from_negative_binomial_counts(compiled, rho):
    rng = np.random.default_rng(3)
    mean = 40.0
    rate = rng.gamma(1 / rho, rho * mean, 20000) if rho else np.full(20000, mean)
    scalars = np.array([2.0, 10.0, 0.2])
    found = [
        compiled(levels.learn_dispersion)(scalars, 0, load, mean, mean, 0.998)
        for load in rng.poisson(rate).astype(float)
    ]
    # The square of one surprise is clipped, which takes a little off heavy dispersion.
    assert np.mean(found[5000:]) == pytest.approx(rho, abs=0.01 + 0.12 * rho)

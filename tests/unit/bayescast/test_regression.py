import numpy as np
import pytest

from bayescast.kernels import regression


def slow_learn(mean, cov, x, error, noise, discount, prior, coordinate):
    """The same step, written as textbook matrix algebra in covariance and information form."""
    d = len(mean)
    variance = noise * max(1.0, (4.0 + error**2 / noise) / 5.0)
    gain = cov @ x / (variance + x @ cov @ x)
    mean = mean + gain * error
    precision = np.linalg.inv(cov) + np.outer(x, x) / variance
    precision = discount * precision
    unit = np.eye(d)[coordinate]
    precision += np.outer(unit, unit) * (1.0 - discount) * d / prior
    return mean, np.linalg.inv(precision)


def run(learn, data, d, noise, discount, prior):
    fit = np.zeros((d + 1, d))
    fit[:d] = prior * np.eye(d)
    gain, column = np.zeros(d), np.zeros(d)
    for t, (x, y) in enumerate(data):
        ring = np.concatenate([[np.nan, np.nan], x])[None]
        learn(fit, ring, 0, 2, y - fit[d] @ x, noise, discount, prior, t % d, gain, column)
    return fit


@pytest.mark.parametrize("discount", [0.98, 0.999])
def test_one_step_is_the_textbook_update_with_forgetting_and_prior(compiled, discount):
    rng = np.random.default_rng(0)
    d = 4
    data = [(x, x @ [1.0, -2.0, 0.5, 0.0] + 0.3 * rng.standard_t(4)) for x in rng.normal(size=(200, d))]
    fit = run(compiled(regression.learn), data, d, 0.1, discount, 2.0)
    mean, cov = np.zeros(d), 2.0 * np.eye(d)
    for t, (x, y) in enumerate(data):
        mean, cov = slow_learn(mean, cov, x, y - mean @ x, 0.1, discount, 2.0, t % d)
    np.testing.assert_allclose(fit[d], mean, rtol=1e-8)
    np.testing.assert_allclose(fit[:d], cov, rtol=1e-8)


def test_the_covariance_stays_symmetric_and_bounded_when_features_are_never_excited(compiled):
    rng = np.random.default_rng(1)
    d = 9
    x = np.zeros((20000, d))
    x[:, 0] = 1.0
    x[:, 1] = rng.normal(size=20000)
    fit = run(compiled(regression.learn), zip(x[:3000], x[:3000, 1], strict=True), d, 0.1, 0.98, 1.0)
    np.testing.assert_array_equal(fit[:d], fit[:d].T)
    assert np.linalg.eigvalsh(fit[:d]).min() > 0.0
    assert np.linalg.eigvalsh(fit[:d]).max() < 2.0


def test_one_outlier_moves_the_weights_no_more_than_a_few_usual_errors(compiled):
    rng = np.random.default_rng(2)
    usual = [(np.array([1.0]), 0.3 * rng.normal()) for _ in range(300)]
    calm = run(compiled(regression.learn), usual, 1, 0.1, 0.98, 1.0)[1, 0]
    spiked = run(compiled(regression.learn), [*usual, (np.array([1.0]), 1e6)], 1, 0.1, 0.98, 1.0)[1, 0]
    assert abs(spiked - calm) < 0.05

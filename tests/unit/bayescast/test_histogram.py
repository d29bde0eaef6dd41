import numpy as np
import pytest

from bayescast.kernels import histogram
from bayescast.kernels.state import (
    BIN_EDGES,
    LEVEL_GRID,
    N_BINS,
    N_HISTOGRAMS,
    N_LEVELS,
    SHAPE_PRIOR,
    TOTAL,
    student_t4_cdf,
)


def empty(weight=20.0):
    bins = np.tile((SHAPE_PRIOR * weight).astype(np.float32)[:, None], (1, N_HISTOGRAMS))
    mass = np.zeros((N_HISTOGRAMS, TOTAL + 1))
    mass[..., TOTAL] = weight
    return bins, np.zeros((N_HISTOGRAMS, N_LEVELS), np.int16), mass


def quantiles(compiled, bins, pointer, mass, h):
    found = np.zeros(N_LEVELS)
    compiled(histogram.quantiles)(bins, pointer, mass, h, found, 0)
    return found


def bins_of(compiled, residuals):
    places = np.zeros(len(residuals))
    compiled(histogram.bins_of)(np.array(residuals), places, len(residuals))
    return places.astype(int).tolist()


def add(compiled, bins, pointer, mass, h, residual, weight):
    place = bins_of(compiled, [residual])[0]
    bins[place, h] += weight
    compiled(histogram.point)(pointer, mass, h, place, weight)


def slow_quantiles(bins, total):
    cumulated = np.concatenate([[0.0], np.cumsum(bins.astype(float))])
    return np.interp(LEVEL_GRID * total, cumulated, BIN_EDGES)


def test_the_prior_has_the_quantiles_of_students_t_with_four_degrees_of_freedom(compiled):
    bins, pointer, mass = empty()
    found = quantiles(compiled, bins, pointer, mass, 0)
    # from tables of the t distribution
    exact = [0.0, 0.568649, 0.940965, 1.533206, 2.131847, 2.776445, 3.746947, 4.604095, 7.173182]
    np.testing.assert_allclose(found, exact, atol=0.02, rtol=0.01)
    assert student_t4_cdf(np.array([1.533206]))[0] == pytest.approx(0.9, abs=1e-6)


def test_moving_pointers_find_what_a_full_sort_finds(compiled):
    rng = np.random.default_rng(0)
    bins, pointer, mass = empty()
    unit = 1.0
    for t in range(3000):
        residual = rng.standard_normal() if t < 1500 else 5.0 + 0.1 * rng.standard_normal()
        unit *= 1.002
        add(compiled, bins, pointer, mass, 2, residual, unit)
        if t % 50 == 0:
            found = quantiles(compiled, bins, pointer, mass, 2)
            np.testing.assert_allclose(found, slow_quantiles(bins[:, 2], bins[:, 2].sum(dtype=float)), atol=2e-3)
    np.testing.assert_allclose(mass[2, TOTAL], bins[:, 2].sum(dtype=float), rtol=1e-4)


def test_bins_cover_the_line(compiled):
    assert bins_of(compiled, [-1e300, 1e300, float("inf")]) == [0, N_BINS - 1, N_BINS - 1]
    middles = (BIN_EDGES[1:] + BIN_EDGES[:-1]) / 2
    assert bins_of(compiled, middles) == list(range(N_BINS))


def test_rescaling_changes_no_quantile(compiled):
    rng = np.random.default_rng(1)
    bins, pointer, mass = empty()
    for residual in rng.standard_normal(500):
        add(compiled, bins, pointer, mass, 0, residual, 1e8)
    before = quantiles(compiled, bins, pointer, mass, 0)
    compiled(histogram.rescale)(bins, mass, 1e8)
    after = quantiles(compiled, bins, pointer, mass, 0)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)

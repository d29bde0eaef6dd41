"""Auto: which likelihood is used follows from the load, and is said."""

import numpy as np
import pytest

from bayescast import Family, Forecaster, ForecastSpec, Kind


def replayed(values, kind, family=Family.AUTO):
    spec = ForecastSpec(step_seconds=60.0, leads=(5,), kind=kind, family=family, seasons=())
    return Forecaster(spec).fit(1e9 + 60.0 * np.arange(len(values)), values)


def scattered_in_proportion(buckets=3000):
    """Loads whose logarithm is what scatters: their mean lies far above most of them."""
    return 100.0 * np.exp(1.2 * np.random.default_rng(1).normal(size=buckets))


def counts(buckets=3000):
    rng = np.random.default_rng(2)
    return rng.poisson(40.0, buckets).astype(float)


@pytest.mark.parametrize("kind", [Kind.RATE, Kind.GAUGE])
def test_auto_starts_with_the_family_of_the_kind(kind):
    forecaster = replayed(np.full(50, 7.0), kind)
    expected = Family.GAUSSIAN if kind is Kind.GAUGE else Family.POISSON_GAMMA
    assert forecaster.predict().family is expected
    assert forecaster.diagnostics().family is expected


@pytest.mark.jit
def test_auto_goes_over_to_the_family_that_errs_less_and_says_so():
    values = np.concatenate([counts(600), scattered_in_proportion()])
    forecaster = replayed(values, Kind.RATE)
    assert forecaster.diagnostics().family is Family.GAUSSIAN
    assert forecaster.predict().family is Family.GAUSSIAN


@pytest.mark.jit
def test_a_family_that_was_asked_for_is_kept():
    forecaster = replayed(scattered_in_proportion(), Kind.RATE, Family.POISSON_GAMMA)
    assert forecaster.diagnostics().family is Family.POISSON_GAMMA


@pytest.mark.jit
def test_counts_that_scatter_as_counts_do_keep_the_poisson_family():
    assert replayed(counts(), Kind.COUNT).diagnostics().family is Family.POISSON_GAMMA


@pytest.mark.jit
def test_a_change_of_family_moves_no_level():
    values = scattered_in_proportion()
    medians = []
    forecaster = replayed(values[:1], Kind.RATE)
    changed = None
    for i, value in enumerate(values[1:], start=1):
        before = forecaster.diagnostics().family
        forecaster.update(1e9 + 60.0 * i, value)
        medians.append(forecaster.predict().quantile(0.5))
        if changed is None and forecaster.diagnostics().family is not before:
            changed = i
    assert changed is not None
    steps = np.abs(np.diff(np.log(medians[changed - 21 : changed + 20])))  # medians[k] followed bucket k + 1
    assert steps[19] <= np.delete(steps, 19).max()

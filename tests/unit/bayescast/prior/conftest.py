"""Services of one kind, and what is known of them together."""

import numpy as np
import pytest

from bayescast import Forecaster, ForecastSpec, Kind, pool

STEP, DAY = 3600.0, 24
SPEC = ForecastSpec(STEP, (3,), kind=Kind.RATE)


def rates(days, *, size=100.0, peak=14.0, swing=0.8, noise=0.05, seed=0, start=0.0):
    """A service whose load is highest at `peak` o'clock (UTC)."""
    times = start + STEP * np.arange(round(days * DAY))
    shape = np.exp(swing * np.cos(2 * np.pi * (times / 86400.0 - peak / 24.0)))
    return times, size * shape * np.random.default_rng(seed).lognormal(0.0, noise, len(times))


def fitted(times, values, spec=SPEC):
    return Forecaster(spec).fit(times, values)


@pytest.fixture(scope="session")
def group():
    """Four services of one kind and very different size."""
    return [fitted(*rates(21, size=10.0**size, seed=size)) for size in range(4)]


@pytest.fixture(scope="session")
def known(group):
    return pool(group)


def state(forecaster):
    return forecaster._bank.member(0)[1]

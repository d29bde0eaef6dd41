"""Helpers: parts of the numeric core made callable from Python, and small series to forecast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from bayescast import ForecastSpec, Kind


def _callable(part: Any) -> Any:
    @numba.njit(_nrt=False)
    def call(*arguments: Any) -> Any:
        return part(*arguments)

    return call


@pytest.fixture(scope="session")
def compiled() -> Callable[[Any], Any]:
    """A part is compiled to be called from compiled code alone; this wraps it (without the JIT it is itself)."""
    wrapped: dict[Any, Any] = {}

    def wrap(part: Any) -> Any:
        if numba.config.DISABLE_JIT:
            return part
        if part not in wrapped:
            wrapped[part] = _callable(part)
        return wrapped[part]

    return wrap


@pytest.fixture
def daily_load() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Counts with a daily cycle: (times, values)."""

    def make(
        buckets: int, step: float = 3600.0, mean: float = 50.0, swing: float = 0.6, seed: int = 1, start: float = 0.0
    ) -> Any:
        times = start + step * np.arange(buckets)
        rate = mean * (1.0 + swing * np.sin(2 * np.pi * times / 86400.0))
        return times, np.random.default_rng(seed).poisson(rate).astype(float)

    return make


@pytest.fixture
def hourly() -> ForecastSpec:
    """Counts in hourly buckets, three hours ahead."""
    return ForecastSpec(step_seconds=3600.0, leads=(3,), kind=Kind.COUNT)

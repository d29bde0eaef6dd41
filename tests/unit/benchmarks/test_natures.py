"""Loads of many natures: a seed says all of them, and what is called a structure can be seen in the numbers."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
DAY = 1440


@pytest.fixture
def natures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import parts.natures

    return parts.natures


def by_name(natures: ModuleType, seed: int) -> dict[str, np.ndarray]:
    return {one.name: one.rates for one in natures.natures(seed, days=8)}


def test_a_seed_says_every_number(natures: ModuleType) -> None:
    first, again, other = (by_name(natures, seed) for seed in (1, 1, 2))
    for name, rates in first.items():
        assert np.array_equal(rates, again[name])
        assert not np.array_equal(rates, other[name]), name
        assert np.isfinite(rates).all()
        assert (rates >= 0.0).all()
        assert np.percentile(rates, 95) > 0.0  # a capacity can be had


def test_days_repeat_and_shuffled_minutes_do_not(natures: ModuleType) -> None:
    made = by_name(natures, 1)

    def likeness(name: str, lag: int) -> float:
        return float(np.corrcoef(made[name][:-lag], made[name][lag:])[0, 1])

    assert likeness("days", DAY) > 0.9
    assert likeness("cron each hour", 60) > 0.9
    assert abs(likeness("minutes shuffled", 1)) < 0.05
    assert abs(likeness("white noise of 10 %", 1)) < 0.05
    assert abs(likeness("days shuffled", DAY)) < 0.5 < likeness("days shuffled", 1)
    assert likeness("random walk", 1) > 0.99

"""The demo's traffic has the features its docstring tells, and is the same every time."""

from itertools import pairwise

import numpy as np
import pytest

from bayescaler.sandbox.traffic import Shape, Traffic, traffic

MONDAY = 1_767_571_200.0
CALM = Shape(drift=0.0, flash_hour=None)


def day(made: Traffic, number: int) -> np.ndarray:
    """The means of one day by minute."""
    return made.means[number * 1440 : (number + 1) * 1440]


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    first, again, other = traffic(MONDAY), traffic(MONDAY), traffic(MONDAY, seed=1)
    assert np.array_equal(first.rates, again.rates)
    assert not np.array_equal(first.rates, other.rates)


def test_times_are_the_starts_of_the_buckets() -> None:
    made = traffic(MONDAY, days=1, step_seconds=30)
    assert made.times[0] == MONDAY
    assert {b - a for a, b in pairwise(made.times.tolist())} == {30.0}
    assert made.times.size == made.rates.size == 2880


def test_a_day_has_two_peaks_with_the_evening_higher_and_a_quiet_night() -> None:
    means = day(traffic(MONDAY, shape=Shape(drift=0.0, flash_hour=None, lunch_factor=1.0)), 1)
    morning, evening = means[10 * 60 : 12 * 60].max(), means[18 * 60 : 21 * 60].max()
    assert means[15 * 60] < morning < evening == means.max()
    assert means[4 * 60] < 0.2 * evening


def test_the_weekend_is_lower_and_has_no_lunch_spike() -> None:
    made = traffic(MONDAY, shape=CALM)
    friday, saturday = day(made, 4), day(made, 5)
    assert saturday[20 * 60] == pytest.approx(CALM.weekend_share * friday[20 * 60])
    spike = slice(12 * 60 + 15, 12 * 60 + 45)
    assert friday[spike].max() > 1.3 * friday[12 * 60]
    assert saturday[spike].max() < 1.05 * saturday[12 * 60]


def test_midnight_before_and_after_the_weekend_makes_no_jump() -> None:
    made = traffic(MONDAY, shape=CALM)
    steps = np.abs(np.diff(np.log(made.means)))
    midnights = np.arange(1440, made.means.size, 1440) - 1
    assert steps[midnights].max() < 0.02


def test_the_flash_crowd_is_on_the_last_day_alone() -> None:
    quiet, struck = traffic(MONDAY, shape=CALM), traffic(MONDAY, shape=Shape(drift=0.0))
    ratio = struck.means / quiet.means
    assert np.all(ratio[:-1440] == 1.0)
    peak = int(ratio.argmax())
    assert ratio[peak] == pytest.approx(2.2, rel=0.02)
    assert struck.times[peak] - struck.times[-1440] == pytest.approx(15.5 * 3600 + 4 * 60, abs=60)


def test_the_local_clock_shifts_the_day() -> None:
    here = traffic(MONDAY, shape=CALM)
    east = traffic(MONDAY, shape=Shape(drift=0.0, flash_hour=None, utc_offset_hours=2))
    assert np.allclose(east.means[1440:2880], here.means[1560:3000])


def test_noise_is_wider_than_poisson_and_has_the_right_mean() -> None:
    flat = Shape(drift=0.0, flash_hour=None, dispersion=50.0)
    made = traffic(MONDAY, days=60, shape=flat)
    counts, means = made.rates * 60, made.means * 60
    errors = (counts - means) / np.sqrt(means + means**2 / 50)
    assert np.allclose(counts, np.round(counts), rtol=0, atol=1e-6)
    assert abs(errors.mean()) < 0.01
    assert errors.std() == pytest.approx(1.0, abs=0.01)


def test_no_bucket_is_an_error() -> None:
    with pytest.raises(ValueError, match="give more days"):
        traffic(MONDAY, days=0)

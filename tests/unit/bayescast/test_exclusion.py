"""What turns out to have been an outage or a load test is left out by its time, as if it had not been seen."""

import math

import numpy as np
import pytest

from bayescast import LEVELS, Bank, Forecaster, InvalidValue

HOUR = 3600.0


@pytest.fixture
def wild(daily_load):
    """A history with a load test in buckets 400 to 409, and the same with a hole there: times, loads, holed."""
    times, values = daily_load(600)
    values[400:410] = 5000.0
    holed = values.copy()
    holed[400:410] = np.nan
    return times, values, holed


def test_an_excluded_range_is_a_hole_to_the_bit(hourly, wild):
    times, values, holed = wild
    spans = [(times[400], times[410])]
    excluded = Forecaster(hourly)
    issued = excluded.replay(times, values, exclude=spans)[3]
    missing = Forecaster(hourly)
    np.testing.assert_array_equal(issued, missing.replay(times, holed)[3])
    assert excluded.checkpoint() == missing.checkpoint()
    assert Forecaster(hourly).fit(times, values, exclude=spans).checkpoint() == missing.checkpoint()
    bank = Bank(hourly)
    row = bank.add(hourly)
    bank.fit(row, times, values, exclude=spans)
    assert bank.checkpoint(row) == missing.checkpoint()


def test_its_end_is_not_in_it_and_a_bucket_that_reaches_into_it_is(hourly, daily_load):
    times, values = daily_load(50)

    def believed(start, end):
        return Forecaster(hourly).fit(times, values, exclude=[(start, end)]).buckets_seen

    assert believed(10 * HOUR, 12 * HOUR) == 48
    assert believed(10 * HOUR + 1, 12 * HOUR) == 48
    assert believed(10 * HOUR, 12 * HOUR + 1) == 47
    assert believed(10 * HOUR - 1, 12 * HOUR) == 47
    assert believed(10 * HOUR + 5, 10 * HOUR + 6) == 49


def test_ranges_may_overlap_lie_outside_or_be_none(hourly, wild):
    times, values, holed = wild
    spans = [(times[400], times[405]), (times[403], times[410]), (-1e6, -1e3), (times[-1] + 1e6, times[-1] + 2e6)]
    missing = Forecaster(hourly).fit(times, holed).checkpoint()
    assert Forecaster(hourly).fit(times, values, exclude=spans).checkpoint() == missing
    assert Forecaster(hourly).fit(times, values, exclude=iter(spans)).checkpoint() == missing
    assert Forecaster(hourly).fit(times, holed, exclude=()).checkpoint() == missing


def test_it_adds_to_what_is_not_healthy_and_may_hold_anything(hourly, wild):
    times, values, holed = wild
    values[400:410] = [math.inf, -1.0, 1e18, math.nan, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    healthy = np.ones(600, bool)
    healthy[20:30] = False
    holed[20:30] = np.nan
    found = Forecaster(hourly).fit(times, values, healthy=healthy, exclude=[(times[400], times[410])])
    assert found.checkpoint() == Forecaster(hourly).fit(times, holed).checkpoint()


def test_a_load_test_left_out_no_longer_lifts_the_forecast(hourly, wild):
    times, values, _ = wild
    believed = Forecaster(hourly).replay(times, values)[3]
    excluded = Forecaster(hourly).replay(times, values, exclude=[(times[400], times[410])])[3]
    after = slice(430, 600)
    for level in (0.95, 0.99):
        j = LEVELS.index(level)
        assert excluded[after, j].mean() < 0.8 * believed[after, j].mean()
    np.testing.assert_array_equal(excluded[:400], believed[:400])


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ([(5.0, 3.0)], r"exclude\[0\] = \(5\.0, 3\.0\)"),
        ([(0.0, 1.0), (3.0, 3.0)], r"exclude\[1\]"),
        ([(0.0, math.nan)], r"exclude\[0\]"),
        ([(-math.inf, 5.0)], r"exclude\[0\]"),
        ([("2026-03-01", "2026-03-02")], "epoch seconds"),
        ([(1.0, 2.0, 3.0)], r"exclude\[0\]"),
        ((1.0, 2.0), r"exclude\[0\] = 1\.0"),
    ],
)
def test_a_range_that_is_none_is_named_and_nothing_changes(hourly, daily_load, ranges, named):
    times, values = daily_load(30)
    forecaster = Forecaster(hourly).fit(times, values)
    before = forecaster.checkpoint()
    with pytest.raises(InvalidValue, match=named):
        forecaster.fit(times, values, exclude=ranges)
    assert forecaster.checkpoint() == before

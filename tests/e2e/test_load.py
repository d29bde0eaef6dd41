"""The load that the end-to-end tests play: its past, its future, and where the usual day rises."""

from pathlib import Path

import numpy as np
import pytest
from harness.load import Load
from harness.prometheus import Feed
from harness.traces import DAY_SECONDS, Series, read_series, synthetic_series

NOW = 1_800_000_000.0
MINUTES = Series("minutes", np.array([1.0, 2.0, np.nan, 4.0]), 60.0)


def at(load: Load, *seconds: float) -> list[float]:
    return [float(one) for one in load.total(load.begins + np.array(seconds))]


def test_the_total_is_the_integral_of_the_rate_and_a_missing_reading_adds_nothing() -> None:
    load = Load(MINUTES, history_seconds=120, now=NOW)

    assert load.begins == NOW - 120
    assert at(load, 0, 30, 60, 90, 120, 180, 210) == [0, 30, 60, 120, 180, 180, 300]


def test_after_its_last_bucket_a_load_stays_what_it_was() -> None:
    load = Load(MINUTES, history_seconds=120, now=NOW)

    assert load.rate(np.array([NOW + 1e6])) == [4.0]
    assert at(load, 240, 250) == [420, 460]


def test_a_changed_future_leaves_the_past_as_it_was() -> None:
    load = Load(MINUTES, history_seconds=120, now=NOW)

    load.hold(10.0, now=NOW - 30)

    assert list(load.rate(NOW + np.array([-90.0, -40.0, -20.0, 1000.0]))) == [1.0, 2.0, 10.0, 10.0]
    assert at(load, 60, 90, 100) == [60, 120, 220]


def test_a_counter_has_no_sample_where_the_series_has_no_reading() -> None:
    load = Load(MINUTES, history_seconds=120, now=NOW)

    values = Feed("requests_total", load).values(load.begins + np.array([90.0, 150.0, 190.0]))

    assert list(np.isnan(values)) == [False, True, False]


def test_the_daily_rise_is_the_steepest_of_the_mean_day_and_comes_after_the_history() -> None:
    hours = np.tile(np.repeat([10.0, 100.0, 10.0], [9, 8, 7]), 5)
    hours[24:48] = np.roll(hours[24:48], 5)  # one odd day does not teach
    series = Series("office", hours, 3600.0)

    bucket = series.daily_rise(ramp_seconds=3600, after_seconds=3 * DAY_SECONDS + 3600)

    assert bucket == 3 * 24 + 9
    with pytest.raises(ValueError, match="office lasts 432000 s: no daily rise after 424800 s"):
        series.daily_rise(ramp_seconds=3600, after_seconds=118 * 3600)


def test_the_synthetic_series_teaches_a_rise_of_minutes() -> None:
    series = synthetic_series()

    bucket = series.daily_rise(ramp_seconds=600, after_seconds=14 * DAY_SECONDS)

    for first in (bucket, bucket - 24 * 60):
        assert series.values[first : first + 10].mean() > 2.5 * series.values[first - 10 : first].mean()


def test_a_day_may_be_played_faster_than_it_was() -> None:
    series = synthetic_series()
    played = series.played_with_step(5.0)

    assert played.seconds == series.seconds / 12
    slow = series.daily_rise(ramp_seconds=1800, after_seconds=14 * DAY_SECONDS)
    fast = played.daily_rise(ramp_seconds=150, after_seconds=14 * DAY_SECONDS / 12, day_seconds=DAY_SECONDS / 12)
    assert fast == slow


def test_a_trace_of_counts_is_read_as_load_per_second(tmp_path: Path) -> None:
    (tmp_path / "INDEX.csv").write_text("file,unit,step_seconds\nweb.csv,count,60\ncpu.csv,utilisation,300\n")
    lines = "timestamp,value\n2026-01-01T00:00:00Z,120\n2026-01-01T00:01:00Z,\n"
    for name in ("web", "cpu"):
        (tmp_path / f"{name}.csv").write_text(lines)

    np.testing.assert_array_equal(read_series(tmp_path, "web").values, [2.0, np.nan])
    np.testing.assert_array_equal(read_series(tmp_path, "cpu").values, [120.0, np.nan])
    with pytest.raises(KeyError, match=r"no trace 'shop'.*there are: cpu, web"):
        read_series(tmp_path, "shop")

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bayescast import Forecaster, ForecastSpec, InvalidSpec, Settings, seasons
from bayescast.posterior import feature_names

HOUR = 3600.0


def hours_of(times, time_zone):
    offsets = seasons.utc_offsets(times, time_zone)
    return seasons.slots_of(times, offsets, np.array([HOUR]), np.array([24]))[:, 0]


def at(*when):
    return datetime(*when, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "time_zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "UTC"]
)
def test_offsets_are_those_of_the_zone_through_the_years(time_zone):
    times = np.arange(at(2011, 12, 1), at(2026, 7, 1), 86400.0 * 3.3 + 1234.0)
    clock = ZoneInfo(time_zone)
    exact = [
        (datetime.fromtimestamp(t, UTC).astimezone(clock).utcoffset() or timedelta()).total_seconds() for t in times
    ]
    np.testing.assert_array_equal(seasons.utc_offsets(times, time_zone), exact)


def test_offsets_change_in_the_very_second():
    change = at(2024, 3, 31, 1)  # Berlin: 02:00 -> 03:00
    np.testing.assert_array_equal(
        seasons.utc_offsets(np.array([change - 1, change]), "Europe/Berlin"), [3600.0, 7200.0]
    )


def test_a_day_of_23_hours_skips_a_slot_and_one_of_25_visits_it_twice():
    spring = hours_of(np.arange(at(2024, 3, 30, 23), at(2024, 3, 31, 22), HOUR), "Europe/Berlin")
    np.testing.assert_array_equal(spring, [0, 1, *range(3, 24)])
    autumn = hours_of(np.arange(at(2024, 10, 26, 22), at(2024, 10, 27, 23), HOUR), "Europe/Berlin")
    np.testing.assert_array_equal(autumn, [0, 1, 2, 2, *range(3, 24)])


def test_a_long_season_of_fine_buckets_gets_slots_of_several_buckets():
    periods, slots, visits = seasons.layout(15.0, (86400.0, 604800.0))
    assert periods == (86400.0, 604800.0)
    assert slots == (5760, 10080)
    assert visits == (1, 4)


def test_seasons_of_fewer_than_two_buckets_are_ignored_and_doubles_count_once():
    assert seasons.layout(86400.0, (3600.0, 86400.0, 604800.0, 604800.0)) == ((604800.0,), (7,), (1,))


def test_slots_stay_in_range_whatever_the_step():
    rng = np.random.default_rng(0)
    for step in (1.0, 7.0, 60.0, 420.0, 3599.0, 5000.0):
        periods, slots, visits = seasons.layout(step, (3600.0, 43200.0, 86400.0, 604800.0))
        times = np.concatenate([rng.uniform(-1e9, 4e9, 2000), 86400.0 * np.arange(100)])
        found = seasons.slots_of(times, np.zeros(len(times)), step * np.array(visits, float), np.array(slots))
        assert found.shape == (len(times), len(periods))
        assert (found >= 0).all()
        assert (found < np.array(slots)).all()


def test_an_unknown_zone_is_named():
    with pytest.raises(InvalidSpec, match="Europe/Atlantis"):
        seasons.zone("Europe/Atlantis")


@pytest.mark.jit
@pytest.mark.parametrize("slot", [172, 254, 255, 258, 3000])
def test_a_season_so_long_that_a_slot_holds_more_buckets_than_are_counted_is_still_read(slot):
    period = float(seasons.MOST_SLOTS * slot)
    assert seasons.layout(1.0, (period,)) == ((period,), (seasons.MOST_SLOTS,), (slot,))
    settings = Settings(relative_offset=0.01, gap_limit_seconds=60.0, gap_memory_seconds=5.0)
    spec = ForecastSpec(1.0, (5,), seasons=(period,), settings=settings)
    times = np.arange(3.0 * slot)
    values = np.random.default_rng(0).gamma(100.0, np.where(times < slot, 1.0, 4.0))
    forecaster = Forecaster(spec).fit(times, values)
    assert forecaster.predict().quantile(0.5) > 350.0
    middle = period + slot // 2  # of the first slot, a period later
    for i in range(50):
        forecaster.update(middle + i, math.nan)
    assert forecaster.predict().quantile(0.5) == pytest.approx(110.0, rel=0.15)
    for i in range(50, 60):
        forecaster.update(middle + i, 100.0)
    known = dict(zip(feature_names(spec), forecaster.posterior().features, strict=True))
    assert known["slot"] == pytest.approx(0.13, abs=0.06)  # what the largest of five is above the mean, in log load

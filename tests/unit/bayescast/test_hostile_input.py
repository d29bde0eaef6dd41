"""Whatever is handed in is either taken, in a way that is stated here, or refused by an error that names it."""

import math

import numpy as np
import pytest

from bayescast import Bank, Forecaster, ForecastSpec, InvalidSpec, InvalidValue, Kind, NoData, OutOfOrder, Settings

HOUR = 3600.0
SPEC = ForecastSpec(HOUR, (3,), time_zone="Europe/Berlin")
GRID = HOUR * np.arange(6)


def one_bucket_each(times, values):
    """One bucket of as many workloads as there are values."""
    bank = Bank(SPEC, capacity=8)
    bank.update([bank.add(SPEC) for _ in range(6)], times, values)


WAYS = {
    "fit": lambda times, values: Forecaster(SPEC).fit(times, values),
    "replay": lambda times, values: Forecaster(SPEC).replay(times, values),
    "bank": one_bucket_each,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0, -1.0, 1, 1, 1, 1], r"values\[1\] = -1 "),
        ([1, 1, 1, 1, 1, math.inf], r"values\[5\] = inf"),
        ([-math.inf, 1, 1, 1, 1, 1], r"values\[0\] = -inf"),
        ([1e18] * 6, r"values\[0\] = 1e\+18.*6 such"),
        ([2**53 + 1] * 6, "a load lies between 0 and 1e"),
        ([10**400] * 6, "values cannot be read"),
        (["many"] * 6, "values cannot be read"),
        (["1"] * 6, "numbers, NaN where there is none"),
        ([object()] * 6, "values cannot be read"),
        ([1 + 2j] * 6, "complex"),
        ([[1], [1, 2], 3, 4, 5, 6], "values cannot be read"),
        ([[1.0]] * 6, "one dimension"),
        ([1.0] * 5, "shape"),
        (7.0, "shape"),
        ((1.0 for _ in range(6)), "values cannot be read"),
        (np.zeros(6, "M8[s]"), "datetime64"),
    ],
)
def test_what_is_no_load_is_refused_by_name(way, values, says):
    with pytest.raises(InvalidValue, match=says):
        WAYS[way](GRID, values)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([math.nan] * 6, r"times\[0\] = nan"),
        ([0.0, math.inf, 2.0, 3.0, 4.0, 5.0], r"times\[1\] = inf"),
        (1.7e12 + GRID, r"times\[0\] = 17000000000.. *: give epoch seconds"),
        ([f"2026-03-0{d}" for d in range(1, 7)], "times cannot be read"),
        (np.arange(6).astype("M8[h]"), "datetime64.*epoch seconds"),
        (GRID[:, None], "one dimension"),
    ],
)
def test_what_is_no_time_is_refused_by_name(way, times, says):
    with pytest.raises(InvalidValue, match=says):
        WAYS[way](times, np.ones(6))


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([0.0, HOUR, HOUR], r"times\[2\] = 3600 is not a bucket after times\[1\]"),
        ([0.0, 2 * HOUR, HOUR], r"times\[2\] = 3600"),
        ([0.0, HOUR, 0.4 * HOUR], "keep one value a bucket"),
        ([0.0, HOUR, 1.4 * HOUR], "keep one value a bucket"),
    ],
)
def test_duplicates_and_disorder_in_a_history_are_refused(times, says):
    for way in ("fit", "replay"):
        with pytest.raises(OutOfOrder, match=says):
            WAYS[way](times, [1.0, 2.0, 3.0])


def test_a_refused_history_leaves_the_forecaster_as_it_was():
    forecaster = Forecaster(SPEC).fit(GRID, np.arange(6.0))
    before = forecaster.checkpoint()
    for times, values in ((GRID, [1.0, 2.0, -3.0, 4, 5, 6]), (GRID[::-1], np.ones(6)), (GRID, ["a"] * 6)):
        with pytest.raises((InvalidValue, OutOfOrder)):
            forecaster.fit(times, values)
    assert forecaster.checkpoint() == before


def test_a_clock_that_jumps_back_is_refused_until_it_has_caught_up():
    forecaster = Forecaster(SPEC).fit(GRID, np.arange(6.0))
    for late in (5, 4, 1):
        with pytest.raises(OutOfOrder, match="newest seen"):
            forecaster.update(HOUR * late, 3.0)
    assert forecaster.update(HOUR * 6, 3.0).buckets_seen == 7


@pytest.mark.parametrize("rows", [[0.5], ["a"], [[0]], 0, [2**70], [True]])
def test_rows_that_are_no_numbers_of_workloads_are_refused(rows):
    bank = Bank(SPEC)
    bank.add(SPEC)
    for call in (lambda: bank.update(rows, [0.0], [1.0]), lambda: bank.quantiles(rows)):
        with pytest.raises(InvalidValue, match="rows are"):
            call()
    assert bank.buckets_seen(0) == 0


@pytest.mark.parametrize("rows", [[-1], [1], [99]])
def test_rows_that_are_not_in_use_are_refused(rows):
    bank = Bank(SPEC)
    bank.add(SPEC)
    with pytest.raises(IndexError, match="take rows from add"):
        bank.update(rows, [0.0], [1.0])


def test_lists_integers_flags_and_masks_are_taken_for_what_they_say():
    def fitted(values, times=GRID):
        return Forecaster(SPEC).fit(times, values).checkpoint()

    plain = fitted(np.array([3.0, 1.0, np.nan, 4.0, 0.0, 1.0]))
    assert fitted([3, 1, None, 4, 0, True]) == plain
    assert fitted((3, 1, math.nan, 4, 0, 1), list(range(0, 6 * 3600, 3600))) == plain
    assert fitted(np.ma.masked_array([3, 1, 99, 4, 0, 1], [0, 0, 1, 0, 0, 0])) == plain
    assert fitted(np.array([3, 1, np.nan, 4, 0, 1], np.float32)) == plain


def test_callers_keep_their_arrays():
    times, values, healthy = GRID.copy(), np.arange(6.0), np.array([True, False, True, True, True, True])
    kept = times.copy(), values.copy(), healthy.copy()
    Forecaster(SPEC).fit(times, values, healthy=healthy, saturated=~healthy, exclude=[(0.0, HOUR)])
    for mine, before in zip((times, values, healthy), kept, strict=True):
        np.testing.assert_array_equal(mine, before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean_memory": 0.5},
        {"missing_share": 1.0},
        {"slow_memory": 0.0},
        {"fast_memory": 0.0},
        {"spread_memory": 0.0},
        {"tracker_memory": 0.5},
        {"regression_prior": 0.0},
        {"regression_noise": 0.0},
        {"spread_prior": 0.0},
        {"gap_memory_seconds": 0.0},
        {"tracker_debt": 0.0},
        {"hedge_forgetting": 2.0},
        {"cap": math.nan},
        {"cap": "high"},
    ],
)
def test_settings_under_which_no_forecast_can_be_are_refused_by_name(wrong):
    with pytest.raises(InvalidSpec, match=f"settings.{next(iter(wrong))} = "):
        ForecastSpec(HOUR, (3,), settings=Settings(**wrong))


def test_nothing_is_a_history_of_no_buckets():
    forecaster = Forecaster(SPEC).fit([], [])
    assert forecaster.buckets_seen == 0
    assert math.isnan(forecaster.last_time)
    assert forecaster.replay([], [])[3].shape == (0, 9)
    with pytest.raises(NoData):
        forecaster.predict()


def test_only_missing_buckets_move_time_and_nothing_else():
    forecaster = Forecaster(SPEC).fit(GRID, np.full(6, np.nan))
    assert forecaster.last_time == GRID[-1]
    with pytest.raises(NoData):
        forecaster.predict()
    with pytest.raises(OutOfOrder):
        forecaster.update(GRID[0], 1.0)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("load", [0.0, 5e-324, 1e-300, 1e-12, 1.0, 1e15])
def test_one_bucket_gives_a_forecast_about_itself(kind, load):
    predictive = Forecaster(ForecastSpec(HOUR, (3,), kind=kind)).update(0.0, load).predict()
    assert predictive.quantile(0.5) == pytest.approx(load, rel=1e-6, abs=1e-6)
    assert np.isfinite(predictive.values).all()
    assert predictive.quantile(0.999) <= 2.5 * load + 1.0


@pytest.mark.parametrize("kind", list(Kind))
def test_loads_of_all_sizes_in_one_series_stay_finite_and_in_order(kind):
    values = np.array([0.0, 5e-324, 1e-300, 1e15, 0.0, 1.0, 1e15, 1e-12] * 40)
    spec = ForecastSpec(HOUR, (1, 4), kind=kind)
    for issued in Forecaster(spec).replay(HOUR * np.arange(len(values)), values).values():
        assert np.isfinite(issued).all()
        assert (issued >= 0.0).all()
        assert (np.diff(issued, axis=1) >= 0.0).all()


def test_buckets_a_little_off_the_grid_are_taken_in_their_turn(daily_load):
    times, values = daily_load(200)
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, 200) * HOUR
    on_grid, off_grid = (Forecaster(SPEC).fit(at, values).predict().values for at in (times, times + jitter))
    np.testing.assert_allclose(off_grid, on_grid, rtol=0.3)

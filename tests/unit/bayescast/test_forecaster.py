"""The forecaster from outside: what goes in, what comes out, and what it withstands."""

import math

import numpy as np
import pytest

from bayescast import (
    LEVELS,
    Bank,
    Family,
    Forecaster,
    ForecastSpec,
    Kind,
    Settings,
)

from .reference_parts import window_max

HOUR = 3600.0


def test_update_by_update_is_fit_to_the_bit(hourly, daily_load):
    times, values = daily_load(200)
    values[[20, 21, 90]] = np.nan
    fitted = Forecaster(hourly).fit(times, values)
    stepped = Forecaster(hourly)
    for time, value in zip(times, values, strict=True):
        stepped.update(time, value)
    np.testing.assert_array_equal(stepped.predict().values, fitted.predict().values)
    assert stepped.checkpoint() == fitted.checkpoint()


def test_replay_issues_after_every_bucket_what_predict_would(hourly, daily_load):
    times, values = daily_load(80)
    issued = Forecaster(hourly).replay(times, values)[3]
    forecaster = Forecaster(hourly)
    for i, (time, value) in enumerate(zip(times, values, strict=True)):
        np.testing.assert_array_equal(forecaster.update(time, value).predict().values, issued[i])


def test_a_jump_in_time_is_a_gap_of_missing_buckets(hourly, daily_load):
    times, values = daily_load(120)
    holed = values.copy()
    holed[50:60] = np.nan
    kept = ~np.isnan(holed)
    jumped = Forecaster(hourly).fit(times[kept], values[kept])
    assert jumped.checkpoint() == Forecaster(hourly).fit(times, holed).checkpoint()
    updated = Forecaster(hourly)
    for time, value in zip(times[kept], values[kept], strict=True):
        updated.update(time, value)
    assert updated.checkpoint() == jumped.checkpoint()


def test_unhealthy_is_missing(hourly, daily_load):
    times, values = daily_load(100)
    healthy = np.ones(100, bool)
    healthy[40:45] = False
    wild = np.where(healthy, values, 1e6)
    holed = np.where(healthy, values, np.nan)
    excluded = Forecaster(hourly).fit(times, wild, healthy=healthy)
    assert excluded.checkpoint() == Forecaster(hourly).fit(times, holed).checkpoint()


@pytest.mark.jit
def test_without_data_the_forecast_widens_and_its_calibration_is_frozen(daily_load):
    spec = ForecastSpec(step_seconds=300.0, leads=(2,), kind=Kind.COUNT)
    times, values = daily_load(3000, step=300.0)
    forecaster = Forecaster(spec).fit(times, values)
    before, debts = forecaster.predict(), forecaster.diagnostics()
    widths = [before.interval(0.9)[1] / before.interval(0.9)[0]]
    for i in range(1, 25):
        forecaster.update(times[-1] + 300.0 * i, math.nan)
        low, high = forecaster.predict().interval(0.9)
        widths.append(high / low)
    assert widths[2] > 1.1 * widths[0]
    assert widths[24] > 1.5 * widths[0]
    assert forecaster.diagnostics().misses_owed == debts.misses_owed
    assert forecaster.diagnostics().windows == debts.windows
    assert forecaster.predict().issued_at == times[-1] + 300.0 * 25


@pytest.mark.jit
def test_in_a_long_gap_the_location_falls_back_to_the_template(daily_load):
    spec = ForecastSpec(step_seconds=600.0, leads=(1,), kind=Kind.COUNT, seasons=(86400.0,))
    times, values = daily_load(144 * 10, step=600.0, mean=100.0)
    lifted = values.copy()
    lifted[-6:] *= 3.0  # the last hour is three times too high
    forecaster = Forecaster(spec).fit(times, lifted)
    assert forecaster.predict().quantile(0.5) > 1.8 * values[-6:].mean()
    for i in range(1, 73):  # half a day without data
        forecaster.update(times[-1] + 600.0 * i, math.nan)
    due = 100.0 * (1 + 0.6 * math.sin(2 * math.pi * (times[-1] + 600.0 * 73) / 86400.0))
    assert forecaster.predict().quantile(0.5) == pytest.approx(due, rel=0.25)


@pytest.mark.jit
@pytest.mark.parametrize("kind", [Kind.COUNT, Kind.RATE, Kind.GAUGE])
def test_a_step_of_three_is_followed_within_ten_minutes(daily_load, kind):
    spec = ForecastSpec(step_seconds=60.0, leads=(5,), kind=kind)
    times, values = daily_load(1440 * 3, step=60.0, mean=200.0, swing=0.2)
    forecaster = Forecaster(spec).fit(times, values)
    rng = np.random.default_rng(5)
    truth = 600.0 * (1.0 + 0.2 * np.sin(2 * np.pi * times[-1] / 86400.0))
    for i in range(1, 11):
        forecaster.update(times[-1] + 60.0 * i, float(rng.poisson(truth)))
    # The largest of five Poisson counts lies 1.16 standard deviations above their mean.
    assert forecaster.predict().quantile(0.5) == pytest.approx(truth + 1.16 * math.sqrt(truth), rel=0.1)
    found = forecaster.diagnostics()
    assert found.change_point
    assert times[-1] < found.change_point_at <= times[-1] + 300.0


@pytest.mark.jit
def test_a_change_point_is_recent_for_an_hour_only(daily_load):
    spec = ForecastSpec(step_seconds=60.0, leads=(5,), kind=Kind.COUNT)
    times, values = daily_load(600, step=60.0, swing=0.0)
    values[300:] *= 3.0
    found = Forecaster(spec).fit(times[:330], values[:330]).diagnostics()
    assert found.change_point
    assert found.change_point_at == pytest.approx(times[300], abs=300.0)
    later = Forecaster(spec).fit(times, values).diagnostics()
    assert not later.change_point
    assert later.change_point_at == found.change_point_at


@pytest.mark.parametrize("kind", list(Kind))
def test_zeros_are_forecast_as_zeros_and_never_absorb(kind):
    spec = ForecastSpec(step_seconds=3600.0, leads=(2,), kind=kind)
    forecaster = Forecaster(spec).fit(HOUR * np.arange(400), np.zeros(400))
    assert forecaster.predict().quantile(0.99) < 1.0
    assert forecaster.predict().quantile(0.5) == pytest.approx(0.0, abs=1e-6)
    for i in range(12):
        forecaster.update(HOUR * (400 + i), 80.0)
    assert 60.0 < forecaster.predict().quantile(0.9) < 200.0


@pytest.mark.parametrize("load", [100.0, 0.37, 1e-6, 1e12])
def test_a_constant_load_is_forecast_as_itself(load):
    spec = ForecastSpec(step_seconds=3600.0, leads=(2,), kind=Kind.GAUGE)
    predictive = Forecaster(spec).fit(HOUR * np.arange(400), np.full(400, load)).predict()
    assert predictive.quantile(0.5) == pytest.approx(load, rel=0.01)
    assert predictive.quantile(0.99) == pytest.approx(load, rel=0.02)


def test_rates_are_forecast_in_any_unit_alike(daily_load):
    times, values = daily_load(300)
    spec = ForecastSpec(step_seconds=3600.0, leads=(3,), kind=Kind.RATE)
    ones = Forecaster(spec).fit(times, values).predict().values
    millions = Forecaster(spec).fit(times, 1e6 * values).predict().values
    np.testing.assert_allclose(millions, 1e6 * ones, rtol=0.005)  # templates are kept to 0.1 %


def test_a_saturated_load_below_the_forecast_does_not_pull_it_down(hourly, daily_load):
    times, values = daily_load(200, swing=0.0, mean=100.0)
    steady = Forecaster(hourly).fit(times, values)
    throttled, believed = (Forecaster(hourly).fit(times, values) for _ in range(2))
    for i in range(200, 212):
        throttled.update(HOUR * i, 40.0, saturated=True)
        believed.update(HOUR * i, 40.0)
    assert throttled.predict().quantile(0.5) > 0.9 * steady.predict().quantile(0.5)
    assert believed.predict().quantile(0.5) < 0.6 * steady.predict().quantile(0.5)


def test_a_saturated_load_above_the_forecast_lifts_it(hourly, daily_load):
    times, values = daily_load(200, swing=0.0, mean=100.0)
    forecaster = Forecaster(hourly).fit(times, values)
    for i in range(200, 212):
        forecaster.update(HOUR * i, 300.0, saturated=True)
    assert forecaster.predict().quantile(0.5) > 250.0


def test_one_burst_never_raises_a_quantile_beyond_the_cap(hourly):
    values = np.zeros(300)
    values[250] = 5000.0
    issued = Forecaster(hourly).replay(HOUR * np.arange(300), values)[3]
    assert issued.max() <= math.exp(0.4) * (5000.0 + 0.3 * 20 + 1) * 1.01


def test_several_leads_agree_with_forecasters_of_one_lead(daily_load):
    times, values = daily_load(300)
    both = Forecaster(ForecastSpec(step_seconds=3600.0, leads=(1, 6), kind=Kind.COUNT)).replay(times, values)
    for lead in (1, 6):
        alone = Forecaster(ForecastSpec(step_seconds=3600.0, leads=(lead,), kind=Kind.COUNT)).replay(times, values)
        np.testing.assert_array_equal(both[lead], alone[lead])


def test_longer_leads_have_larger_maxima(daily_load):
    times, values = daily_load(400, swing=0.1)
    forecaster = Forecaster(ForecastSpec(step_seconds=3600.0, leads=(1, 6), kind=Kind.COUNT)).fit(times, values)
    assert forecaster.predict(6).quantile(0.5) > forecaster.predict(1).quantile(0.5)


@pytest.mark.jit
@pytest.mark.parametrize(
    "seasons", [(), (HOUR,), (43200.0,), (86400.0,), (86400.0, 604800.0), (HOUR, 43200.0, 86400.0, 604800.0)]
)
def test_any_list_of_seasons_is_calibrated(daily_load, seasons):
    spec = ForecastSpec(step_seconds=300.0, leads=(6,), kind=Kind.COUNT, seasons=seasons)
    times, values = daily_load(288 * 20, step=300.0)
    issued = Forecaster(spec).replay(times, values)[6]
    realised = window_max(values, 6)
    half = len(realised) // 2
    covered = (realised[half:, None] <= issued[half : len(realised)]).mean(axis=0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.03)


@pytest.mark.jit
def test_a_season_sharpens_the_forecast(daily_load):
    times, values = daily_load(288 * 14, step=300.0, swing=0.9)
    losses = {}
    for seasons in [(), (86400.0,)]:
        spec = ForecastSpec(step_seconds=300.0, leads=(24,), kind=Kind.COUNT, seasons=seasons)
        losses[seasons] = Forecaster(spec).fit(times, values).diagnostics().pinball[0.9]
    assert losses[(86400.0,)] < 0.75 * losses[()]


@pytest.mark.jit
def test_slots_follow_the_local_clock_across_the_change_of_the_clock():
    start = 1710028800.0  # 10 March 2024, three weeks before the change
    times = start + 300.0 * np.arange(288 * 24)
    berlin = (times + np.where(times < 1711846800.0, 3600.0, 7200.0)) % 86400.0
    values = np.where((berlin >= 8 * HOUR) & (berlin < 18 * HOUR), 100.0, 10.0)
    values = np.random.default_rng(0).poisson(values).astype(float)
    losses = {}
    for time_zone in ("Europe/Berlin", "UTC"):
        spec = ForecastSpec(step_seconds=300.0, leads=(6,), kind=Kind.COUNT, seasons=(86400.0,), time_zone=time_zone)
        issued = Forecaster(spec).replay(times, values)[6][:-6, LEVELS.index(0.9)]
        miss = window_max(values, 6) - issued
        after = times[:-6] >= 1711846800.0
        losses[time_zone] = np.maximum(0.9 * miss, -0.1 * miss)[after].mean()
    assert losses["Europe/Berlin"] < 0.7 * losses["UTC"]


def test_one_bucket_is_enough_for_a_forecast(hourly):
    predictive = Forecaster(hourly).update(0.0, 42.0).predict()
    assert predictive.quantile(0.5) == pytest.approx(42.0, rel=0.1)
    assert predictive.quantile(0.99) > 45.0


def test_an_empty_history_is_no_history(hourly):
    forecaster = Forecaster(hourly).fit([], [])
    assert forecaster.buckets_seen == 0
    assert math.isnan(forecaster.last_time)


def test_auto_takes_the_family_from_the_kind_and_says_so():
    families = {kind: ForecastSpec(60.0, (1,), kind=kind).resolved_family for kind in Kind}
    assert families == {Kind.COUNT: Family.POISSON_GAMMA, Kind.RATE: Family.POISSON_GAMMA, Kind.GAUGE: Family.GAUSSIAN}
    assert Forecaster(ForecastSpec(60.0, (1,), kind=Kind.GAUGE)).update(0.0, 1.0).predict().family is Family.GAUSSIAN


@pytest.mark.parametrize("off", [name for name in Settings._fields if name.startswith("with_")])
def test_each_part_can_be_left_out(hourly, daily_load, off):
    times, values = daily_load(300)
    spec = ForecastSpec(step_seconds=3600.0, leads=(3,), kind=Kind.COUNT, settings=Settings(**{off: False}))
    without = Forecaster(spec).fit(times, values).predict().values
    assert np.isfinite(without).all()
    assert (np.diff(without) >= 0).all()
    if off != "with_cap":
        assert not np.array_equal(without, Forecaster(hourly).fit(times, values).predict().values)


def test_a_restart_from_a_checkpoint_equals_never_having_stopped(hourly, daily_load):
    times, values = daily_load(400)
    whole = Forecaster(hourly).fit(times, values)
    restored = Forecaster.restore(hourly, Forecaster(hourly).fit(times[:250], values[:250]).checkpoint())
    for time, value in zip(times[250:], values[250:], strict=True):
        restored.update(time, value)
    assert restored.checkpoint() == whole.checkpoint()


def test_state_stays_within_its_bounds():
    day = ForecastSpec(step_seconds=60.0, leads=(10,))
    fine = ForecastSpec(step_seconds=300.0, leads=(12,))
    assert Bank(day).bytes_per_row <= 100_000
    assert Bank(fine).bytes_per_row <= 40_000

"""Gaps too long to be lived through: they are passed over, and nothing that spans them is learned or told."""

import numpy as np
import pytest

from bayescast import Forecaster, ForecastSpec, Kind, Settings
from bayescast.kernels.state import CLOCK

HOUR = 3600.0


def test_a_gap_of_years_is_passed_over_at_once(hourly, daily_load):
    times, values = daily_load(100)
    forecaster = Forecaster(hourly).fit(times, values)
    forecaster.update(times[-1] + 20 * 365 * 86400.0, 50.0)
    assert forecaster.predict().quantile(0.5) > 0
    assert forecaster.buckets_seen == 101


def test_a_gap_of_ten_years_costs_no_more_than_two_days_and_is_forgotten_by_the_next_day(daily_load):
    spec = ForecastSpec(HOUR, (3,), kind=Kind.COUNT, time_zone="America/New_York")
    times, values = daily_load(24 * 14)
    later = times + 3650 * 86400.0
    forecaster = Forecaster(spec).fit(times, values).update(later[0], values[0])
    short = Forecaster(spec).fit(times, values).update(times[-1] + 49 * HOUR, values[0])
    clocks = {int(f._bank._state.marks[0, CLOCK]) for f in (forecaster, short)}  # buckets entered
    assert clocks == {24 * 14 + 48}
    for time, value in zip(later[1:48], values[1:48], strict=True):
        forecaster.update(time, value)
    due = 50.0 * (1.0 + 0.6 * np.sin(2 * np.pi * (later[47] + np.arange(1, 4) * HOUR) / 86400.0)).max()
    assert forecaster.predict().quantile(0.5) == pytest.approx(due, rel=0.25)


@pytest.mark.parametrize(("lead", "limit"), [(30, 172800.0), (8, 172800.0), (1, 86400.0)])
def test_no_window_that_spans_a_gap_is_scored_however_coarse_the_steps_and_long_the_window(lead, limit):
    spec = ForecastSpec(86400.0, (1, lead) if lead > 1 else (1,), settings=Settings(gap_limit_seconds=limit))
    times = 86400.0 * np.append(np.arange(60), 425.0 + np.arange(60))
    values = np.random.default_rng(3).gamma(9.0, 10.0, 120)
    whole = 86400.0 * np.arange(485)
    told = np.full(485, np.nan)
    told[np.searchsorted(whole, times)] = values
    passed_over, told_of = Forecaster(spec).fit(times, values), Forecaster(spec).fit(whole, told)
    for window in spec.leads:
        assert passed_over.diagnostics(window).windows == told_of.diagnostics(window).windows
    one_by_one = Forecaster(spec).fit(times[:60], values[:60])
    for time, value in zip(times[60:], values[60:], strict=True):
        one_by_one.update(time, value)
    assert one_by_one.checkpoint() == passed_over.checkpoint()


@pytest.mark.jit
@pytest.mark.parametrize("gap", [5 * 3600.0, 7 * 86400.0])
def test_a_change_point_stays_where_it_was_through_gaps_of_any_length(daily_load, gap):
    spec = ForecastSpec(step_seconds=60.0, leads=(5,), kind=Kind.COUNT)
    times, values = daily_load(600, step=60.0, swing=0.0)
    values[300:] *= 3.0
    times[340:] += gap
    times[500:] += gap
    declared = Forecaster(spec).fit(times[:330], values[:330]).diagnostics().change_point_at
    assert declared == pytest.approx(times[300], abs=300.0)
    at_once = Forecaster(spec).fit(times, values)
    one_by_one = Forecaster(spec).fit(times[:330], values[:330])
    for time, value in zip(times[330:], values[330:], strict=True):
        one_by_one.update(time, value)
    for forecaster in (at_once, one_by_one):
        assert forecaster.diagnostics().change_point_at == declared
        assert not forecaster.diagnostics().change_point
    assert at_once.checkpoint() == one_by_one.checkpoint()


@pytest.mark.jit
def test_a_change_point_declared_by_the_first_loads_after_a_long_gap_lies_after_it(daily_load):
    spec = ForecastSpec(step_seconds=60.0, leads=(5,), kind=Kind.COUNT)
    times, values = daily_load(600, step=60.0, swing=0.0)
    values[300:] *= 3.0
    times[300:] += 30 * 86400.0
    found = Forecaster(spec).fit(times[:330], values[:330]).diagnostics()
    assert found.change_point
    assert times[300] <= found.change_point_at <= times[300] + 300.0

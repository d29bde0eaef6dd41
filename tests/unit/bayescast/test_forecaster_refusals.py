"""What a forecaster cannot honour is refused by name, and changes nothing."""

import math

import numpy as np
import pytest

from bayescast import (
    CorruptCheckpoint,
    Forecaster,
    ForecastSpec,
    InvalidSpec,
    InvalidValue,
    Kind,
    NewerCheckpoint,
    NoData,
    OutOfOrder,
    Settings,
    SpecMismatch,
)
from bayescast.checkpoint import VERSION

HOUR = 3600.0


def test_a_forecast_before_any_data_is_refused(hourly):
    with pytest.raises(NoData, match="no load yet"):
        Forecaster(hourly).predict()
    silent = Forecaster(hourly).fit(HOUR * np.arange(5), np.full(5, np.nan))
    with pytest.raises(NoData):
        silent.predict()
    assert silent.last_time == 4 * HOUR
    assert np.isnan(Forecaster(hourly).replay(HOUR * np.arange(3), [np.nan, np.nan, 1.0])[3][:2]).all()


@pytest.mark.parametrize(
    ("times", "values", "error", "says"),
    [
        ([0.0, HOUR], [1.0, -1.0], InvalidValue, r"values\[1\] = -1"),
        ([0.0, HOUR], [1.0, math.inf], InvalidValue, r"values\[1\] = inf"),
        ([0.0, HOUR], [1e18, 1.0], InvalidValue, r"values\[0\] = 1e\+18"),
        ([0.0, math.nan], [1.0, 1.0], InvalidValue, r"times\[1\]"),
        ([0.0], [1.0, 2.0], InvalidValue, "shape"),
        ([[0.0]], [[1.0]], InvalidValue, "one dimension"),
        ([HOUR, HOUR], [1.0, 2.0], OutOfOrder, r"times\[1\] = 3600"),
        ([HOUR, 0.0], [1.0, 2.0], OutOfOrder, "sort the history"),
    ],
)
def test_a_history_that_cannot_be_one_is_refused_by_name(hourly, times, values, error, says):
    with pytest.raises(error, match=says):
        Forecaster(hourly).fit(times, values)


def test_a_clock_that_jumps_back_changes_nothing(hourly, daily_load):
    times, values = daily_load(30)
    forecaster = Forecaster(hourly).fit(times, values)
    before = forecaster.checkpoint()
    for late in (times[-1], times[-1] - HOUR, 0.0):
        with pytest.raises(OutOfOrder, match="not newer"):
            forecaster.update(late, 5.0)
    with pytest.raises(InvalidValue):
        forecaster.update(times[-1] + HOUR, -5.0)
    assert forecaster.checkpoint() == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"step_seconds": 0.0}, "step_seconds"),
        ({"step_seconds": "soon"}, "step_seconds"),
        ({"leads": ()}, "leads"),
        ({"leads": (0,)}, "leads"),
        ({"leads": (2, 2)}, "leads"),
        ({"leads": (1.5,)}, "leads"),
        ({"leads": tuple(range(1, 12))}, "leads"),
        ({"seasons": (-1.0,)}, "seasons"),
        ({"seasons": (math.nan,)}, "seasons"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"kind": "speed"}, "kind"),
        ({"family": "Cauchy"}, "family"),
        ({"settings": Settings(cap=-1.0)}, "settings.cap"),
        ({"settings": Settings(level_discounts=(0.5,))}, "level_discounts"),
    ],
)
def test_a_spec_that_cannot_be_honoured_is_refused_by_field(changes, says):
    with pytest.raises(InvalidSpec, match=says):
        ForecastSpec(**({"step_seconds": 60.0, "leads": (5,)} | changes))


def test_a_lead_that_was_not_asked_for_is_refused(hourly):
    with pytest.raises(InvalidSpec, match="lead = 7"):
        Forecaster(hourly).update(0.0, 1.0).predict(7)


def test_a_checkpoint_that_is_none_is_refused_by_name(hourly, daily_load):
    blob = Forecaster(hourly).fit(*daily_load(50)).checkpoint()
    for broken in (b"", b"nonsense", blob[:-10], blob[:40], blob[:-1] + bytes([blob[-1] ^ 1])):
        with pytest.raises(CorruptCheckpoint, match="replay the history"):
            Forecaster.restore(hourly, broken)
    newer = blob[:9] + (VERSION + 1).to_bytes(2, "little") + blob[11:]
    with pytest.raises(NewerCheckpoint, match=f"version {VERSION + 1}"):
        Forecaster.restore(hourly, newer)
    with pytest.raises(SpecMismatch, match="leads"):
        Forecaster.restore(ForecastSpec(step_seconds=3600.0, leads=(4,), kind=Kind.COUNT), blob)
    with pytest.raises(SpecMismatch, match="time_zone"):
        Forecaster.restore(ForecastSpec(3600.0, (3,), kind=Kind.COUNT, time_zone="Asia/Tokyo"), blob)

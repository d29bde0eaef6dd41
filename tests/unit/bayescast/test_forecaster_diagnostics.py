"""What the forecaster tells of itself is what an onlooker would have counted."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    LEVELS,
    Forecaster,
    ForecastSpec,
    Settings,
)

from .reference_parts import window_max


def test_diagnostics_tell_how_the_forecast_did(hourly, daily_load):
    times, values = daily_load(1000)
    forecaster = Forecaster(replace(hourly, settings=Settings(atom_hair=0.0)))  # they speak of what was not moved yet
    issued = forecaster.replay(times, values)[3]
    found = forecaster.diagnostics()
    realised = window_max(values, 3)
    assert found.windows == len(realised)
    assert found.disjoint_windows == math.ceil(len(realised) / 3)
    for j, level in enumerate(LEVELS):
        miss = realised - issued[: len(realised), j]
        assert found.coverage[level] == pytest.approx((miss <= 1e-9).mean(), abs=1e-9)
        assert found.pinball[level] == pytest.approx(np.maximum(level * miss, (level - 1) * miss).mean(), rel=1e-9)
    assert sum(found.expert_weights.values()) == pytest.approx(1.0)
    assert 0 < found.effective_samples < found.windows
    assert found.skill[0.9] > 0.0
    assert found.buckets_seen == 1000


def test_a_track_shows_after_every_bucket_what_the_diagnostics_say_then():
    spec, rng = ForecastSpec(60.0, (3, 10)), np.random.default_rng(3)
    times, values = 60.0 * np.arange(400.0), rng.poisson(50.0, 400).astype(float)
    values[:5], values[120:140] = np.nan, np.nan
    tracked = Forecaster(spec).track(times, values)
    for lead, track in tracked.items():
        assert np.array_equal(track.quantiles, Forecaster(spec).replay(times, values)[lead], equal_nan=True)
        assert np.all(track.disjoint_windows[:5] == 0)
        for bucket in (5, 100, 130, 399):
            then = Forecaster(spec).fit(times[: bucket + 1], values[: bucket + 1]).diagnostics(lead)
            assert track.disjoint_windows[bucket] == then.disjoint_windows
            assert track.coverage[bucket].tolist() == list(then.coverage.values())
            assert track.skill[bucket] == pytest.approx(list(then.skill.values()))
            assert track.headroom_lost[bucket] == pytest.approx(list(then.headroom_lost.values()))
            assert track.recent_misses[bucket].tolist() == list(then.recent_misses.values())
            assert track.windows_since_change[bucket] == then.windows_since_change


def test_the_newest_disjoint_windows_are_told_one_by_one(hourly, daily_load):
    times, values = daily_load(1000)
    forecaster = Forecaster(hourly)
    issued = forecaster.replay(times, values)[3]
    realised = window_max(values, 3)
    for j, level in enumerate(LEVELS):
        missed = (realised - issued[: len(realised), j])[::3] > 1e-9
        told = [forecaster.diagnostics().recent_misses[level] >> back & 1 for back in range(32)]
        assert told == missed[::-1][:32].tolist()


@pytest.mark.parametrize("factor", [4.0, 0.25], ids=["rise", "fall"])
def test_a_change_is_told_with_its_direction_and_the_windows_begun_since(factor):
    spec, changed = ForecastSpec(60.0, (3,), seasons=()), 600
    values = np.random.default_rng(4).poisson(100.0, 700).astype(float)
    values[changed:] *= factor
    times = 60.0 * np.arange(700.0)
    track = Forecaster(spec).track(times, values)[3]
    declared = changed + int(np.flatnonzero(track.change[changed:])[0])
    assert declared - changed <= 3
    assert track.change[declared] == (1.0 if factor > 1.0 else -1.0)
    assert track.windows_since_change[declared] == 0
    assert track.windows_since_change[declared + 2] == 0, "no window has begun since and ended"
    assert 1 <= track.windows_since_change[declared + 5] <= 2
    told = Forecaster(spec).fit(times[: declared + 6], values[: declared + 6]).diagnostics()
    assert told.change_point_at == times[declared]
    assert told.change_point_rise is (factor > 1.0)


def test_what_is_lost_to_the_last_value_is_told_as_headroom_that_costs_as_much():
    spec, level = ForecastSpec(60.0, (2,), seasons=()), 0.9
    values = np.random.default_rng(5).lognormal(3.0, 0.8, 900)
    found = Forecaster(spec).fit(60.0 * np.arange(900.0), values).diagnostics()
    rival = found.pinball[level] / (1.0 - found.skill[level])
    held_in_vain = (1.0 - level) * found.headroom_lost[level] * values.mean()
    assert found.pinball[level] - rival == pytest.approx(held_in_vain, rel=1e-9)

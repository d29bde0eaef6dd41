"""The report of all scores: what it is made of, and what JSON makes of it."""

import json
import math

import numpy as np
import pytest

from bayescast import LEVELS, Forecaster, ForecastSpec, Kind, scores
from bayescast.scorecard import score

LEAD = 3


@pytest.fixture(scope="module")
def replayed():
    """Five weeks of hourly counts with a daily cycle, and what was issued: times, values, quantiles."""
    times = 3600.0 * np.arange(35 * 24)
    rate = 200.0 * (1.0 + 0.6 * np.sin(2 * np.pi * times / 86400.0))
    values = np.random.default_rng(1).poisson(rate).astype(float)
    spec = ForecastSpec(step_seconds=3600.0, leads=(LEAD,), kind=Kind.COUNT)
    return times, values, Forecaster(spec).replay(times, values)[LEAD]


def judged(replayed, **options):
    times, values, quantiles = replayed
    return score(times, values, quantiles, lead=LEAD, step_seconds=3600.0, **options)


def test_it_holds_what_each_score_says_of_the_stretch(replayed):
    times, values, quantiles = replayed
    since = times[400]
    report = judged(replayed, since=since, capacity=300.0)
    maxima = scores.window_max(values, LEAD)
    maxima[:400] = np.nan
    assert report.windows == len(times) - 400 - LEAD
    assert (report.start, report.end) == (times[400], times[-1 - LEAD])
    assert report.disjoint_windows == len(scores.disjoint_windows(maxima, LEAD)) == sum(report.pit)
    assert list(report.pinball.values()) == scores.pinball(quantiles, maxima).tolist()
    assert report.crps == scores.crps(quantiles, maxima)
    assert report.rmse == scores.rmse(quantiles, maxima)
    assert report.brier == scores.brier(quantiles, maxima, 300.0)
    assert report.psi == scores.psi(values[:400], values[400:])
    assert tuple(report.coverage) == LEVELS


def test_groups_add_up_to_the_whole(replayed):
    report = judged(replayed, time_zone="Europe/Berlin")
    whole = report.coverage[0.9]
    for groups in (report.coverage_by_hour, report.coverage_by_level):
        shares = [by_level[0.9] for by_level in groups.values()]
        assert sum(share.windows for share in shares) == whole.windows
        assert sum(share.share * share.windows for share in shares) / whole.windows == pytest.approx(whole.share)
    assert list(report.coverage_by_hour) == list(range(24))


def test_a_forecast_of_a_process_it_models_is_calibrated(replayed):
    report = judged(replayed, since=replayed[0][24 * 14])
    for level in (0.5, 0.9, 0.95):
        assert report.coverage[level].low <= level <= report.coverage[level].high


def test_an_hour_counts_where_the_window_begins(replayed):
    times, values, quantiles = replayed
    quantiles = quantiles.copy()
    quantiles[times % 86400.0 == 5 * 3600.0] = 0.0  # issued when the bucket of 05:00 ends, for a window from 06:00
    report = judged((times, values, quantiles), since=times[24 * 7])
    assert [hour for hour, shares in report.coverage_by_hour.items() if shares[0.999].share == 0.0] == [6]


def test_json_keeps_all_of_it_and_nulls_what_is_not_known(replayed):
    times, values, quantiles = replayed
    short = score(times[:60], values[:60], quantiles[:60], lead=LEAD, step_seconds=3600.0)
    read = json.loads(json.dumps(short.as_dict(), allow_nan=False))
    assert read["coverage"]["0.95"]["windows"] == short.windows
    assert read["coverage"]["0.95"]["low"] is None  # two and a half days
    assert read["psi"] is None  # nothing before
    assert read["brier"] is None
    assert len(read["pit"]) == 10


def test_nothing_realised_is_a_report_of_unknowns():
    report = score([0.0, 60.0], [1.0, 2.0], np.ones((2, 9)), lead=5, step_seconds=60.0)
    assert (report.windows, report.disjoint_windows) == (0, 0)
    assert math.isnan(report.crps)
    assert report.as_dict()["start"] is None

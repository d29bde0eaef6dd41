"""Crane's spectrum: golden vectors of its losses, what it takes for a period, and the HPA on top."""

import numpy as np
import pytest

from bayescaler.replay.baselines.crane import Crane
from bayescaler.replay.baselines.dsp import (
    DEFAULT_ESTIMATORS,
    Fft,
    amplify,
    autocorrelation,
    find_period,
    foretell,
    loss,
    preprocess,
)
from bayescaler.replay.baselines.hpa import Hpa
from bayescaler.replay.scenario import Scenario

STEP = 300.0
DAY = 288


def dice():
    return np.random.default_rng(0)


def daily(days, *, noise=2.0, seed=1):
    at = np.arange(days * DAY)
    return 100.0 + 60.0 * np.sin(2 * np.pi * at / DAY) + np.random.default_rng(seed).normal(0.0, noise, len(at))


@pytest.mark.parametrize(("short", "cost"), [(0.1, 0.472), (0.5, 3.106)])
def test_falling_short_is_amplified(short, cost):
    assert amplify(np.array([short]))[0] == pytest.approx(cost, abs=5e-4)


def test_the_loss_of_one_short_and_one_over():
    assert loss(np.array([10.0, 10.0]), np.array([9.0, 12.0])) == pytest.approx(0.336, abs=5e-4)


def test_near_zero_the_loss_is_absolute():
    assert loss(np.array([0.0, 10.0]), np.array([1.0, 8.0])) == 1.5


def test_a_day_and_a_week_are_periods_and_nothing_else_is():
    week = np.where(np.arange(15 * DAY) // DAY % 7 < 5, 1.0, 0.3) * daily(15)
    at = np.arange(10 * DAY)

    assert find_period(daily(10), STEP, dice()) == DAY
    assert find_period(week[-14 * DAY :], STEP, dice()) in (DAY, 7 * DAY)
    assert find_period(100 + 50 * np.sin(2 * np.pi * at / (5 * 12)), STEP, dice()) == 0
    assert find_period(dice().normal(100.0, 10.0, 10 * DAY), STEP, dice()) == 0
    assert find_period(np.full(10 * DAY, 7.0), STEP, dice()) == 0
    assert find_period(np.array([1.0, 2.0]), STEP, dice()) == 0


def test_autocorrelation_is_circular():
    signal = np.array([1.0, 2.0, 3.0, 5.0])
    standard = (signal - signal.mean()) / signal.std()

    assert autocorrelation(signal).tolist() == pytest.approx(
        [float(np.mean(standard * np.roll(standard, -lag))) for lag in range(4)]
    )


def test_what_follows_is_close_to_what_comes():
    signal = daily(6)
    told = foretell(signal[: 5 * DAY], STEP, dice())

    assert len(told) == 5 * DAY
    assert np.abs(told[:DAY] / signal[5 * DAY :] - 1.0).mean() < 0.15
    assert (told[:DAY] > signal[5 * DAY :]).mean() > 0.5  # the margin


def test_a_single_period_foretells_nothing():
    assert foretell(daily(1), STEP, dice()).size == 0


def test_of_a_weak_and_slow_part_half_is_lost_as_shipped():
    at = np.arange(4 * DAY)
    signal = 100.0 + 50.0 * np.sin(2 * np.pi * at / DAY) + 1.0 * np.sin(2 * np.pi * 2 * at / DAY)
    kept = Fft(1, 5.0, 1e-12).estimate(signal, DAY, STEP)

    weak = np.abs(np.fft.fft(kept))[[1, 2]] * 2 / DAY
    assert weak.tolist() == pytest.approx([50.0, 0.5], rel=1e-6)


def test_fast_and_weak_parts_are_noise():
    at = np.arange(4 * DAY)
    signal = 100.0 + 50.0 * np.sin(2 * np.pi * at / DAY) + 0.4 * np.sin(2 * np.pi * 100 * at / DAY)

    assert np.abs(np.fft.fft(Fft(1, 1.0, 1e-12).estimate(signal, DAY, STEP)))[100] * 2 / DAY < 1e-9


def test_what_would_be_below_zero_is_a_little():
    at = np.arange(2 * DAY)
    kept = Fft(margin_fraction=0.1).estimate(np.sin(2 * np.pi * at / DAY), DAY, STEP)

    assert kept.min() == pytest.approx(0.011)


def test_eight_estimators_by_default():
    assert len(set(DEFAULT_ESTIMATORS)) == 8


def test_small_gaps_are_bridged_and_long_ones_cut():
    hours = np.arange(72.0)
    hours[[3, 4]] = np.nan  # ten minutes
    assert preprocess(hours, STEP)[3:5].tolist() == [3.0, 4.0]

    hours[20:40] = np.nan  # more than an hour
    assert preprocess(hours, STEP).tolist() == [48.0, *range(49, 71), 70.0]
    assert preprocess(np.full(50, np.nan), STEP).size == 0


def scenario(loads, **more):
    return Scenario(loads, **({"step_seconds": STEP, "capacity": 10.0, "interval_seconds": 60.0} | more))


def test_a_rise_that_comes_every_day_is_met():
    hours = np.arange(8 * DAY) % DAY / 12.0
    loads = np.where((hours >= 9) & (hours < 17), 200.0, 40.0) + dice().normal(0.0, 1.0, 8 * DAY)
    case = scenario(loads)
    ours, hpa = Crane(7.0).replicas(case), Hpa(7.0).replicas(case)
    last = slice(int(6 * 86400 / 60), None)
    before = (case.instants % 86400 / 3600 >= 8.5) & (case.instants % 86400 / 3600 < 9.0)

    assert (ours[last][before[last]] >= 25).all()
    assert (hpa[last][before[last]] <= 7).all()
    assert (ours >= hpa).mean() > 0.99


def test_what_does_not_repeat_is_left_to_the_hpa():
    case = scenario(dice().gamma(3.0, 20.0, 5 * DAY))

    assert Crane(7.0).replicas(case).tolist() == Hpa(7.0).replicas(case).tolist()


def test_forecasts_below_one_are_cut_to_nothing():
    case = scenario(daily(5) / 1000.0, capacity=0.01)

    assert Crane(0.007).replicas(case).tolist() == Hpa(0.007).replicas(case).tolist()
    assert (Crane(0.007, truncated=False).replicas(case) > Hpa(0.007).replicas(case)).any()


def test_without_a_metric_the_forecast_still_raises():
    loads = daily(6)
    loads[5 * DAY + 20 : 5 * DAY + 100] = np.nan
    case = scenario(loads)
    told = Crane(7.0).replicas(case)
    gone = (case.instants > 5 * 86400 + 21 * STEP) & (case.instants < 5 * 86400 + 100 * STEP)

    assert (np.diff(told[gone]) >= 0).all()
    assert told[gone][-1] > told[gone][0]

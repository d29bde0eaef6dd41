"""Where a forecast can stay behind: a step, a crowd's aftermath, a daily jump, the end of constancy, a hard limit."""

import numpy as np
import pytest

from bayescast import LEVELS, Forecaster, Kind

from .worlds import (
    DAY,
    HOUR,
    MEDIAN,
    MINUTE,
    MONDAY,
    NINE_FIVE,
    NINE_NINE,
    NOISES,
    Life,
    World,
    changed,
    cost,
    crowd,
    daily,
    flat,
    log_normal,
    mean_ratio,
    negative_binomial,
    oracle,
    within,
)

pytestmark = pytest.mark.jit

every_noise = pytest.mark.parametrize("noise", NOISES)


@every_noise
@pytest.mark.parametrize(("step", "minutes"), [(15.0, 5), (15.0, 10), (60.0, 5), (60.0, 10), (60.0, 60)])
@pytest.mark.parametrize("seasons", [(), (86400.0, 604800.0)])
def test_ten_minutes_after_a_step_of_three_the_forecast_stands_within_a_tenth_of_the_truth(
    noise, step, minutes, seasons
):
    draw, kind = NOISES[noise]
    lead, ratios = int(minutes * 60 / step), []
    for life in range(4):
        at = MONDAY + (2.6 if step == 60.0 else 0.6) * DAY + 3700.0 * life
        world = World(changed(daily(200.0, 0.3), lambda t, at=at: np.where(t >= at, 3.0, 1.0)), draw, kind, step)
        times = world.times((at - MONDAY) / DAY + 0.1)
        values = world.load(times, life)
        origin = int(np.searchsorted(times, at + 10 * MINUTE - step - 1e-6))
        forecaster = Forecaster(world.spec(lead, seasons=seasons)).fit(times[: origin + 1], values[: origin + 1])
        recent = slice(origin, origin + lead + 1)
        truth = world.maxima(times[recent], values[recent], lead, np.array([0]))
        ratios.append(forecaster.predict().quantile(0.5) / oracle(truth)[0, MEDIAN])
    assert mean_ratio(np.array(ratios)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("noise", ["bursty arrivals", "rate"])
@pytest.mark.parametrize(("lead", "level", "most"), [(10, 0.99, 2.0), (60, 0.95, 1.5)])
def test_six_hours_after_a_flash_crowd_the_upper_quantiles_have_come_down(noise, lead, level, most):
    draw, kind = NOISES[noise]
    at = MONDAY + 10 * DAY + 10 * HOUR
    life = Life(World(changed(daily(200.0, 0.5), crowd(at)), draw, kind, 60.0), 10.8, lead, seed=2)
    assert mean_ratio(life.ratio(at + 5.5 * HOUR, at + 6.5 * HOUR))[LEVELS.index(level)] < most


def office(width):
    """100 until 8, 500 until 20, every day."""

    def mean(t):
        hour = t % DAY
        return 100.0 + 400.0 * (np.clip((hour - 8 * HOUR) / width, 0, 1) - np.clip((hour - 20 * HOUR) / width, 0, 1))

    return mean


@pytest.mark.parametrize(("noise", "lead"), [(0.0, 5), (0.0, 10), (0.0, 30), (0.02, 30), (0.1, 30)])
@pytest.mark.parametrize("width", [1e-6, 15 * MINUTE])
def test_a_daily_jump_is_expected_before_it_comes(noise, lead, width):
    life = Life(World(office(width), log_normal(noise), Kind.RATE, 60.0), 11, lead)
    eight = MONDAY + 10 * DAY + 8 * HOUR
    found = mean_ratio(life.ratio(eight - (lead - 1) * MINUTE, eight))
    assert found[MEDIAN] > 0.9
    assert found[NINE_FIVE] > 0.95


@pytest.mark.parametrize("before", [0.0, 100.0])
@pytest.mark.parametrize("lead", [1, 10])
@pytest.mark.parametrize("kind", [Kind.GAUGE, Kind.COUNT])
def test_two_hours_after_a_long_constancy_has_ended_the_promise_holds(before, lead, kind):
    draw = log_normal(0.2) if kind is Kind.GAUGE else negative_binomial(0.04)
    until = MONDAY + 3 * DAY

    def constant(times, values):
        return np.where(times < until, before, values)

    life = Life(World(flat(100.0), draw, kind, 60.0), 3.3, lead, values=constant, seed=4)
    covered = within(*life.after(until + 2 * HOUR, until + 6 * HOUR)).mean(axis=0)
    assert covered[NINE_FIVE] > 0.9
    assert covered[NINE_NINE] > 0.97


@pytest.mark.parametrize("lead", [1, 12])
def test_a_load_that_cannot_exceed_100_is_not_forecast_above_it(lead):
    def at_most_full(rng, mean):
        return np.minimum(100.0, log_normal(0.15)(rng, mean))

    life = Life(World(daily(60.0), at_most_full, Kind.GAUGE), 14, lead)
    truth, issued = life.after(MONDAY + 7 * DAY, MONDAY + 13.9 * DAY)
    assert issued.max() < 105.0
    regret = cost(truth, issued).mean(axis=0) / cost(truth, oracle(truth)).mean(axis=0) - 1.0
    assert regret[NINE_FIVE] < 0.35

"""What has never been seen before: a step that lasts, the end of a long constancy, and a limit that nothing passes."""

import numpy as np
import pytest

from bayescast import Forecaster, Kind

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

"""What befalls a load: ramps, crowds, outages, silence, timers, throttling and a change of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bayescast import LEVELS, Forecaster, seasons

from .worlds import (
    DAY,
    HOUR,
    MEDIAN,
    MINUTE,
    MONDAY,
    NINE,
    NINE_FIVE,
    NOISES,
    Life,
    World,
    changed,
    cost,
    crowd,
    daily,
    flat,
    mean_ratio,
    oracle,
    poisson,
    within,
)

pytestmark = pytest.mark.jit

every_noise = pytest.mark.parametrize("noise", NOISES)


@every_noise
def test_a_ramp_to_five_times_the_load_is_climbed_with_it(noise):
    draw, kind = NOISES[noise]
    at = MONDAY + 2 * DAY + 10 * HOUR
    ramp = changed(daily(200.0, 0.3), lambda t: 1.0 + 4.0 * np.clip((t - at) / (2 * HOUR), 0.0, 1.0))
    life = Life(World(ramp, draw, kind, 60.0), 3, 5, seed=3)
    truth, issued = life.after(at + 20 * MINUTE, at + 2 * HOUR)
    assert mean_ratio(issued / oracle(truth))[MEDIAN] == pytest.approx(1.0, abs=0.1)
    assert within(truth, issued)[:, NINE_FIVE].mean() > 0.8  # a first ramp is a surprise all the way up
    top = mean_ratio(life.ratio(at + 2.5 * HOUR, at + 3.5 * HOUR))
    assert top[MEDIAN] == pytest.approx(1.0, abs=0.05)


@every_noise
@pytest.mark.parametrize("lead", [1, 12])
def test_a_load_that_doubles_in_three_weeks_is_never_left_behind(noise, lead):
    draw, kind = NOISES[noise]
    drift = changed(daily(100.0), lambda t: 2.0 ** ((t - MONDAY) / (21 * DAY)))
    life = Life(World(drift, draw, kind), 21, lead)
    truth, issued = life.after(MONDAY + 14 * DAY, MONDAY + 20.9 * DAY)
    assert mean_ratio(issued / oracle(truth))[MEDIAN] == pytest.approx(1.0, abs=0.03)
    assert within(truth, issued)[:, NINE_FIVE].mean() == pytest.approx(0.95, abs=0.01 * (1 + lead / 4))


@every_noise
def test_three_hours_after_a_flash_crowd_the_body_of_the_forecast_has_forgotten_it(noise):
    draw, kind = NOISES[noise]
    at = MONDAY + 4 * DAY + 10 * HOUR
    life = Life(World(changed(daily(200.0, 0.5), crowd(at)), draw, kind, 60.0), 6, 10, seed=2)
    later = mean_ratio(life.ratio(at + 3 * HOUR, at + 4 * HOUR))
    assert later[MEDIAN] == pytest.approx(1.0, abs=0.1)
    assert later[NINE] == pytest.approx(1.0, abs=0.2)
    next_day = mean_ratio(life.ratio(at + DAY - 10 * MINUTE, at + DAY + 3 * HOUR))
    assert next_day[MEDIAN] == pytest.approx(1.0, abs=0.1)
    assert next_day[NINE_FIVE] < 1.25


OUTAGE = MONDAY + 6 * DAY + 13 * HOUR


def outage(value):
    """Three hours in which nothing, or zero, is measured."""
    return lambda times, values: np.where((times >= OUTAGE) & (times < OUTAGE + 3 * HOUR), value, values)


@every_noise
def test_through_a_gap_the_day_is_followed_ever_wider_and_after_it_all_is_as_before(noise):
    draw, kind = NOISES[noise]
    life = Life(World(daily(), draw, kind), 8, 2, values=outage(np.nan))
    gap = life.ratio(OUTAGE, OUTAGE + 3 * HOUR)
    assert mean_ratio(gap)[MEDIAN] == pytest.approx(1.0, abs=0.1)
    widths = gap[:, NINE_FIVE] / gap[:, MEDIAN]
    assert widths[-1] > 1.2 * widths[0]
    np.testing.assert_allclose(life.ratio(OUTAGE + 3 * HOUR, OUTAGE + 4 * HOUR)[:, MEDIAN], 1.0, atol=0.15)
    next_day = mean_ratio(life.ratio(OUTAGE + DAY, OUTAGE + DAY + 3 * HOUR))
    assert next_day[MEDIAN] == pytest.approx(1.0, abs=0.06)
    assert next_day[NINE_FIVE] == pytest.approx(1.0, abs=0.12)


@every_noise
def test_an_outage_measured_as_zero_is_believed_and_left_within_minutes(noise):
    draw, kind = NOISES[noise]
    life = Life(World(daily(), draw, kind), 8, 2, values=outage(0.0))
    assert life.ratio(OUTAGE + HOUR, OUTAGE + 3 * HOUR)[:, MEDIAN].max() < 0.3
    back = life.ratio(OUTAGE + 3 * HOUR + 300.0, OUTAGE + 4 * HOUR)[:, MEDIAN]
    assert (back > 0.3).all()
    assert (back[4:] > 0.75).all()
    next_day = mean_ratio(life.ratio(OUTAGE + DAY, OUTAGE + DAY + 3 * HOUR))
    assert next_day[MEDIAN] == pytest.approx(1.0, abs=0.1)


@every_noise
def test_after_two_days_of_silence_a_load_is_served_from_its_first_minute(noise):
    draw, kind = NOISES[noise]
    silence = changed(flat(100.0), lambda t: (t < MONDAY + 0.4 * DAY) | (t >= MONDAY + 2.5 * DAY))
    life = Life(World(silence, draw, kind, 60.0), 2.6, 5)
    silent = life.issued[(life.times > MONDAY + 1.5 * DAY) & (life.times < MONDAY + 2.5 * DAY - 300.0)]
    assert silent[:, NINE_FIVE].max() < 0.1
    back = life.issued[life.times >= MONDAY + 2.5 * DAY, MEDIAN]
    assert (back[:10] > 50.0).all()  # of a single bucket, which may be a low one
    assert (back[10:] > 75.0).all()


def test_counts_that_are_mostly_zero_are_forecast_as_zero_where_they_are():
    def mostly_zero(rng, mean):
        return np.where(rng.random(np.shape(mean)) < 0.9, 0.0, 1.0 + rng.poisson(mean)).astype(float)

    life = Life(World(flat(20.0), mostly_zero), 14, 1)
    truth, issued = life.after(MONDAY + 7 * DAY, MONDAY + 13.9 * DAY)
    assert (oracle(truth)[:, LEVELS.index(0.8)] == 0.0).all()
    assert (issued[:, LEVELS.index(0.8)] == 0.0).mean() > 0.9
    regret = cost(truth, issued).mean(axis=0) / cost(truth, oracle(truth)).mean(axis=0) - 1.0
    assert regret[: NINE_FIVE + 1].max() < 0.12
    assert within(truth, issued)[:, NINE_FIVE].mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("lead", [1, 6])
def test_a_timer_that_fires_every_hour_is_expected_to(lead):
    timer = World(lambda t: np.where(t % HOUR < 300.0, 500.0, 20.0), poisson)
    lives = [Life(timer, 10, lead, seed=seed).after(MONDAY + 7 * DAY, MONDAY + 9.9 * DAY) for seed in (1, 2, 3)]
    truth, issued = (np.concatenate(parts) for parts in zip(*lives, strict=True))
    fires = oracle(truth)[:, MEDIAN] > 300.0
    for expected in (fires, ~fires):
        assert mean_ratio(issued[expected] / oracle(truth[expected]))[MEDIAN] == pytest.approx(1.0, abs=0.05)
        assert within(truth[expected], issued[expected])[:, NINE_FIVE].mean() > 0.88


@every_noise
def test_what_is_throttled_is_taken_as_at_least_that(noise):
    draw, kind = NOISES[noise]
    limit, at = 100.0, MONDAY + 7 * DAY + 11 * HOUR
    world = World(changed(daily(60.0, 0.4), lambda t: np.where((t >= at) & (t < at + 3 * HOUR), 2.0, 1.0)), draw, kind)
    times = world.times(8)
    asked = world.load(times)
    served, saturated = np.minimum(asked, limit), asked > limit
    told, silent = (
        Forecaster(world.spec(12)).replay(times, served, saturated=flags)[12] for flags in (saturated, None)
    )
    throttled = (times >= at + HOUR) & (times < at + 3 * HOUR)
    assert saturated[throttled].mean() > 0.9
    assert told[throttled, MEDIAN].min() > 0.95 * limit
    assert told[throttled, NINE_FIVE].mean() > 1.02 * silent[throttled, NINE_FIVE].mean()
    assert (told[throttled, NINE_FIVE] > 1.1 * limit).mean() > 0.9


def office_of_berlin(times):
    """A morning that climbs tenfold around 8 o'clock, by the clock on the wall."""
    hour = (times + seasons.utc_offsets(times, "Europe/Berlin")) % DAY / HOUR
    return 20.0 + 180.0 * (1.0 / (1.0 + np.exp(-(hour - 8.0) / 0.15)) - 1.0 / (1.0 + np.exp(-(hour - 18.0) / 0.5)))


@pytest.mark.parametrize("changed_on", [datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 10, 27, tzinfo=UTC)])
@pytest.mark.parametrize("noise", ["arrivals", "rate"])
def test_on_the_monday_after_the_clock_has_changed_the_morning_is_expected_on_time(noise, changed_on):
    draw, kind = NOISES[noise]
    world, lead = World(office_of_berlin, draw, kind), 6
    monday = changed_on + timedelta(days=1)
    eight = datetime(monday.year, monday.month, monday.day, 8, tzinfo=ZoneInfo("Europe/Berlin"))
    ratios = {}
    for zone in ("Europe/Berlin", "UTC"):
        life = Life(world, 24, lead, seed=2, start=changed_on.timestamp() - 21 * DAY, time_zone=zone)
        ratios[zone] = life.ratio(eight.timestamp() - 1800.0, eight.timestamp() + 900.0)
    local, utc = (ratios[zone][:, MEDIAN] for zone in ratios)
    assert mean_ratio(local) == pytest.approx(1.0, abs=0.08)
    np.testing.assert_allclose(local, 1.0, atol=0.25)
    assert mean_ratio(utc) < 0.7

"""Schedules as stories: when a window is open, across changes of the clock too, and what it makes of the number."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bayescaler.policy import Limiter, Schedule, State, decide
from bayescaler.policy.schedules import along, in_force

from .worlds import blind, expecting, live, policy, settled

HOUR = 3600.0
BERLIN = "Europe/Berlin"


def at(text, zone=BERLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def schedule(name="sale", start="0 8 * * 5", hours=4, zone=BERLIN, least=20, most=None):
    return Schedule(name, start, hours * HOUR, zone, least, most)


FRIDAY = "2026-03-20T"


def floor_at(moment, *schedules, lead=0.0):
    return in_force(schedules, lead_seconds=lead, now=moment).columns[0]


@pytest.mark.parametrize(
    ("clock", "open_"),
    [("07:59:59", False), ("08:00:00", True), ("11:59:59", True), ("12:00:00", False)],
)
def test_a_window_opens_at_its_start_by_the_clock_of_its_zone_and_lasts_its_duration(clock, open_):
    assert (floor_at(at(FRIDAY + clock), schedule()) == 20) is open_
    assert floor_at(at("2026-03-19T" + clock), schedule()) != 20, "not on a Thursday"


def test_a_floor_is_held_a_lead_time_early_and_a_ceiling_is_not():
    both = schedule(least=20, most=30)
    early = in_force([both], lead_seconds=120.0, now=at(FRIDAY + "07:58:00"))
    assert (early.floor.opens, early.ceiling) == (at(FRIDAY + "08:00:00"), None)
    assert in_force([both], lead_seconds=120.0, now=at(FRIDAY + "07:57:59")).floor is None
    assert in_force([both], lead_seconds=120.0, now=at(FRIDAY + "11:59:59")).floor is not None
    assert in_force([both], lead_seconds=120.0, now=at(FRIDAY + "12:00:00")).floor is None


def test_a_start_in_the_skipped_hour_happens_at_the_jump():
    nightly = schedule(start="30 2 * * *", hours=1)
    jump = at("2026-03-29T03:00:00")
    assert floor_at(jump - 1, nightly) != 20
    assert floor_at(jump, nightly) == 20
    assert floor_at(jump + HOUR - 1, nightly) == 20
    assert floor_at(jump + HOUR, nightly) != 20


def test_a_start_in_the_repeated_hour_happens_once_and_lasts_in_elapsed_time():
    nightly = schedule(start="30 2 * * *", hours=0.5)
    first, again = at("2026-10-25T02:30:00"), at("2026-10-25T02:30:00", fold=1)
    assert again - first == HOUR
    assert floor_at(first, nightly) == 20
    assert floor_at(first + HOUR / 2, nightly) != 20
    assert floor_at(again, nightly) != 20
    for moment in np.arange(again - 1800, again + 1800, 60.0):  # asked anew from within the repeated hour
        assert in_force([schedule(start="30 2 * * *", hours=1.4)], lead_seconds=0.0, now=moment).floor is not None or (
            moment >= first + 1.4 * HOUR
        )


def test_a_window_across_a_change_of_the_clock_ends_when_its_time_has_elapsed():
    night = schedule(start="0 0 * * *", hours=6)
    assert floor_at(at("2026-03-29T06:59:59"), night) == 20, "six hours from midnight, one was skipped"
    assert floor_at(at("2026-03-29T07:00:00"), night) != 20
    assert floor_at(at("2026-10-25T04:59:59"), night) == 20
    assert floor_at(at("2026-10-25T05:00:00"), night) != 20


def test_an_early_floor_survives_the_jump_it_opens_at():
    nightly = schedule(start="30 2 * * *", hours=1)
    assert floor_at(at("2026-03-29T03:00:00") - 120, nightly, lead=120.0) == 20


def test_of_overlapping_schedules_the_highest_floor_and_the_lowest_ceiling_hold():
    overlapping = [
        schedule("wide", "0 6 * * *", 12, least=5, most=40),
        schedule("sale", "0 8 * * 5", 4, least=20),
        schedule("cap", "0 9 * * *", 1, least=None, most=30),
    ]
    found = in_force(overlapping, lead_seconds=0.0, now=at(FRIDAY + "09:30:00"))
    assert (found.floor.schedule.name, found.ceiling.schedule.name) == ("sale", "cap")
    found = in_force(overlapping, lead_seconds=0.0, now=at(FRIDAY + "13:00:00"))
    assert (found.floor.schedule.name, found.ceiling.schedule.name) == ("wide", "wide")


def test_of_equal_ones_the_first_listed_is_named():
    pair = [schedule("one"), schedule("other")]
    assert in_force(pair, lead_seconds=0.0, now=at(FRIDAY + "09:00:00")).floor.schedule.name == "one"


def test_a_schedule_that_overlaps_itself_stays_open_until_its_last_window_closes():
    hourly = schedule(start="0 * * * *", hours=1.5)
    assert in_force([hourly], lead_seconds=0.0, now=at(FRIDAY + "10:10:00")).floor.closes == at(FRIDAY + "11:30:00")


@pytest.mark.parametrize("day", ["2026-03-28T18:00:00", "2026-10-24T18:00:00", FRIDAY + "00:00:00"])
@pytest.mark.parametrize("zone", [BERLIN, "UTC", "Australia/Lord_Howe"])
def test_along_many_instants_is_what_each_instant_says(day, zone):
    schedules = [
        schedule("a", "30 2 * * *", 1.5, zone, 5, 9),
        schedule("b", "*/40 1,2,3 * * *", 0.25, zone, 7, None),
        schedule("c", "0 3 * * *", 4, zone, None, 6),
    ]
    instants = at(day, zone) + np.arange(0, 20 * HOUR, 97.0)
    floors, ceilings = along(schedules, instants, lead_seconds=180.0)
    each = [in_force(schedules, lead_seconds=180.0, now=float(moment)).columns for moment in instants]
    np.testing.assert_array_equal(floors, [floor for floor, _ in each])
    np.testing.assert_array_equal(ceilings, [ceiling for _, ceiling in each])
    assert np.isfinite(floors).any()
    assert np.isnan(floors).any()


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("0 8 * *", "has not five fields"),
        ("0 0 8 * * 5", "has not five fields"),
        ("61 8 * * *", "bad minute"),
        ("0 8 * * FRY", "bad day-of-week"),
        ("0 8 30 2 *", "bad day-of-month"),
        ("0 9-8 * * *", "bad hour"),
    ],
)
def test_what_is_no_cron_is_refused_with_the_cure(start, why):
    with pytest.raises(ValueError, match=rf'{why}.*write minute, hour.*"0 8 \* \* 5"'):
        schedule(start=start)


def test_a_schedule_limits_something_for_some_time():
    with pytest.raises(ValueError, match="give min_replicas or max_replicas"):
        schedule(least=None)
    with pytest.raises(ValueError, match="give seconds above 0"):
        schedule(hours=0)


# what it makes of the number

NINE, EIGHT_SHARP = at(FRIDAY + "09:00:00"), at(FRIDAY + "08:00:00")


def decided(rules, replicas, load, now, **seen):
    state = settled(rules, replicas, load, until=now)
    return decide(rules, live(replicas, load, **seen), expecting(load), state, now=now)[0]


def test_a_floor_raises_at_once_and_says_whose_it_is_and_until_when():
    rules = policy(schedules=(schedule(),))
    decision = decided(rules, 4, 200.0, NINE)
    assert (decision.final, decision.limiter) == (20, Limiter.SCHEDULE)
    assert decision.message.endswith(
        "; schedule sale asks for at least 20 until 2026-03-20 12:00 Europe/Berlin, 4 wanted"
    )


def test_a_floor_that_is_about_to_begin_is_served_when_it_begins_and_says_so():
    rules = policy(schedules=(schedule(),), lead_seconds=120.0)
    decision = decided(rules, 4, 200.0, EIGHT_SHARP - 120.0)
    assert decision.final == 20
    assert (
        "at least 20 from 2026-03-20 08:00 Europe/Berlin, and pods take up to 2m to start, 4 wanted" in decision.message
    )


def test_a_ceiling_lowers_at_once_and_load_above_it_is_not_served():
    rules = policy(schedules=(schedule("night", least=None, most=3),))
    decision = decided(rules, 8, 400.0, NINE)
    assert (decision.final, decision.limiter) == (3, Limiter.SCHEDULE)
    assert "schedule night allows at most 3 until 2026-03-20 12:00 Europe/Berlin, 8 wanted" in decision.message


def test_a_floor_goes_before_a_ceiling_and_it_is_said():
    rules = policy(schedules=(schedule(least=10), schedule("night", least=None, most=3)))
    decision = decided(rules, 8, 400.0, NINE)
    assert decision.final == 10
    assert "schedule sale asks for at least 10" in decision.message
    assert "schedule night allows at most 3" in decision.message
    assert "a floor goes before a ceiling" in decision.message


def test_on_missing_data_a_floor_still_raises_and_a_ceiling_lowers_nothing():
    floor, ceiling = (policy(schedules=(one,)) for one in (schedule(), schedule("night", least=None, most=3)))
    state = settled(floor, 8, 400.0, until=NINE)
    assert decide(floor, blind(8), None, state, now=NINE)[0].final == 20
    assert decide(ceiling, blind(8), None, state, now=NINE)[0].final == 8


def test_on_missing_data_a_ceiling_still_stops_a_rise_and_says_why_not_lower():
    ceiling = policy(schedules=(schedule("night", least=None, most=3),))
    state = settled(ceiling, 8, 400.0, until=NINE)
    decision, _ = decide(ceiling, blind(8), expecting(900.0), state, now=NINE)
    assert (decision.final, decision.limiter) == (8, Limiter.SCHEDULE)
    assert "nothing is lowered below 8 without steady load" in decision.message


def test_max_replicas_has_the_last_word():
    decision = decided(policy(schedules=(schedule(),), max_replicas=12), 4, 200.0, NINE)
    assert (decision.final, decision.limiter) == (12, Limiter.MAX_REPLICAS)


def test_when_the_window_closes_the_number_falls_to_what_was_wanted_all_along():
    rules, now = policy(schedules=(schedule(),)), at(FRIDAY + "11:50:00")
    state, replicas = settled(rules, 20, 200.0, until=now), 20
    finals = {}
    for tick in range(80):
        moment = now + 15.0 * tick
        decision, state = decide(rules, live(replicas, 200.0), expecting(200.0), state, now=moment)
        finals[moment] = replicas = decision.final
    assert finals[at(FRIDAY + "11:59:45")] == 20
    assert finals[at(FRIDAY + "12:00:00")] == 4


def test_a_workload_switched_off_by_hand_stays_off_whatever_is_scheduled():
    decision, _ = decide(policy(schedules=(schedule(),)), live(0, 200.0), expecting(200.0), State(), now=NINE)
    assert (decision.final, decision.limiter) == (0, Limiter.SCALED_TO_ZERO)


def test_a_floor_brings_back_a_workload_that_went_to_zero():
    rules = policy(min_replicas=0, schedules=(schedule(),))
    assert decide(rules, live(0, 0.0), expecting(0.0), State(), now=NINE)[0].final == 20

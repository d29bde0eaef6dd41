"""Stories of a load's past: too short, silent at night, full of holes, only ever growing, more than can be served."""

import numpy as np
import pytest

from bayescaler.doctor.finding import Level
from bayescaler.doctor.history import Past, check_history, check_room, silent_hours

DAY, HOUR, STEP = 86400.0, 3600.0, 300.0
MONDAY = 1_772_409_600.0  # 2026-03-02T00:00:00Z


def past(load, *, days=14.0, asked=14.0, start=MONDAY):
    """A load that is a function of the seconds since midnight UTC of the first day."""
    at = np.arange(0.0, days * DAY, STEP)
    return Past(start + at, np.asarray(load(at), dtype=float), STEP, asked * DAY)


def wave(at):
    return 300.0 + 200.0 * np.sin(2 * np.pi * at / DAY)


def with_holes(missing):
    """The wave, without load where `missing(hour of day, day, index)` says so."""

    def load(at):
        return np.where(missing(at % DAY / HOUR, at // DAY, np.arange(len(at))), np.nan, wave(at))

    return load


def told(load, seasons=(DAY, 7 * DAY), zone="UTC", **more):
    return check_history(past(load, **more), seasons, zone)


def test_two_weeks_of_load_are_enough_for_a_week():
    (found,) = told(wave)
    assert (found.level, found.what) == (Level.OK, "14d of load, 100 % of it there")


STORIES = {
    "no load at all": (
        lambda at: np.full(len(at), np.nan), {}, Level.ERROR, "no load in the last 14d", "findings on the query"),
    "prometheus forgot": (
        with_holes(lambda _, day, __: day < 11), {}, Level.WARNING, "goes back 3d, less than two seasons of 7d",
        "retention"),
    "younger than asked, old enough for its season": (
        with_holes(lambda _, day, __: day < 4), {"seasons": (DAY,)}, Level.INFO, "goes back 10d", "nothing, if"),
    "a history that holds no two seasons": (
        wave, {"days": 7.0, "asked": 7.0}, Level.WARNING, "holds less than two seasons of 7d", "history: 14d"),
    "silent at night": (
        with_holes(lambda hour, *_: (hour >= 22) | (hour < 5)), {}, Level.WARNING, "22:00 to 05:00 UTC",
        "or vector(0)"),
    "silent over lunch and at night": (
        with_holes(lambda hour, *_: (hour < 5) | ((hour >= 12) & (hour < 13))), {}, Level.WARNING,
        "00:00 to 05:00 and 12:00 to 13:00", "or vector(0)"),
    "holes here and there": (
        with_holes(lambda _, __, place: place % 10 == 3), {}, Level.WARNING, "10 % of the buckets", "targets"),
    "zero": (lambda at: 0.0 * at, {}, Level.WARNING, "all loads are zero", "counts what costs"),
    "a counter": (lambda at: 1000.0 + 3.0 * at, {}, Level.WARNING, "only ever grows", "rate()"),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_what_is_wrong_with_a_past_is_found_by_its_cure(story):
    load, more, level, what, cure = STORIES[story]
    (found,) = told(load, **more)
    assert found.level is level
    assert what in found.what
    assert cure in found.cure


PEACE = {
    "one lost night": with_holes(lambda hour, day, _: (day == 3) & (hour < 5)),
    "a few holes of one day": with_holes(lambda _, day, __: np.isin(day, [5]) & (np.arange(len(day)) % 20 == 0)),
    "a load that rises and falls": wave,
}


@pytest.mark.parametrize("story", PEACE)
def test_what_happens_once_is_no_finding(story):
    (found,) = told(PEACE[story])
    assert found.level is Level.OK


def test_hours_are_those_of_the_local_clock_across_a_change_of_it():
    """Silence from 22:00 to 05:00 in Berlin: an hour earlier in UTC once summer time begins on 2026-03-29."""
    start = MONDAY + 20 * DAY

    def berlin(at):
        local = (start + at + np.where(start + at >= 1_774_746_000.0, 7200.0, 3600.0)) % DAY / HOUR
        return np.where((local >= 22) | (local < 5), np.nan, wave(at))

    load = past(berlin, start=start)
    assert silent_hours(load, "Europe/Berlin") == [0, 1, 2, 3, 4, 22, 23]


def test_of_two_days_no_regular_hours_are_told():
    load = with_holes(lambda hour, *_: hour < 5)
    assert silent_hours(past(load, days=2.0), "UTC") == []


class TestRoom:
    def test_a_maximum_that_serves_every_load_is_no_finding(self):
        assert check_room(past(wave), 10, 50.0) == []

    def test_a_maximum_that_was_too_low_is_told_with_the_one_that_would_do(self):
        (found,) = check_room(past(wave), 8, 50.0)
        assert found.level is Level.WARNING
        assert "above the 400 that 8 replicas serve" in found.what
        assert "500 at most" in found.what
        assert found.cure.startswith("raise maxReplicas to 10")

    def test_what_hardly_ever_happens_is_a_remark(self):
        def spike(at):
            return np.where(np.arange(len(at)) == 7, 900.0, 100.0 + at % 3)

        (found,) = check_room(past(spike), 10, 50.0)
        assert found.level is Level.INFO

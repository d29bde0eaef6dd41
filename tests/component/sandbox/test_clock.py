"""Simulated time: nothing but `advance` moves it, and timers run in order at their own instant."""

import pytest

from bayescaler.sandbox.clock import SimulatedClock, epoch, rfc3339


def test_timers_run_in_the_order_of_their_instants_and_see_them_as_now():
    clock, seen = SimulatedClock(100.0), []
    clock.call_later(20, lambda: seen.append(("b", clock.now())))
    clock.call_later(10, lambda: seen.append(("a", clock.now())))
    clock.call_later(20, lambda: seen.append(("c", clock.now())))
    clock.advance(15)
    assert (seen, clock.now()) == ([("a", 110.0)], 115.0)
    clock.advance(100)
    assert seen == [("a", 110.0), ("b", 120.0), ("c", 120.0)]


def test_a_timer_set_by_a_timer_runs_within_the_same_advance_when_it_is_due():
    clock, seen = SimulatedClock(0.0), []

    def again():
        seen.append(clock.now())
        clock.call_later(10, again)

    clock.call_later(10, again)
    clock.advance(35)
    assert seen == [10.0, 20.0, 30.0]


def test_a_cancelled_timer_does_not_run():
    clock, seen = SimulatedClock(0.0), []
    clock.call_later(1, lambda: seen.append("cancelled")).cancel()
    clock.call_later(1, lambda: seen.append("kept"))
    clock.advance(2)
    assert seen == ["kept"]


def test_time_does_not_go_back():
    with pytest.raises(ValueError, match="cannot be advanced by -1 seconds"):
        SimulatedClock(0.0).advance(-1)


def test_kubernetes_times_are_utc_and_read_back():
    assert rfc3339(1767323045.9) == "2026-01-02T03:04:05Z"
    assert epoch("2026-01-02T03:04:05.250000Z") == 1767323045.25

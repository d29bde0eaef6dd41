"""Requests that wait: Erlang's formula where the pods keep up, a fluid where they do not."""

from math import exp, factorial, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay.queueing import queue
from bayescaler.replay.service import Played, play

HOLD_FOREVER = 1e12


def steady(load, pods, *, capacity=50.0, steps=200, step_seconds=15.0):
    return Played(np.full(steps, load), np.full(steps, pods), np.full(steps, pods), capacity, step_seconds)


def erlang_c(servers, offered):
    """The textbook sum (Kleinrock, Queueing Systems I, 3.40)."""
    last = offered**servers / factorial(servers) * servers / (servers - offered)
    return last / (sum(offered**k / factorial(k) for k in range(servers)) + last)


@pytest.mark.parametrize(("pods", "occupied"), [(1, 0.5), (2, 0.5), (10, 0.8), (40, 0.95), (100, 0.5)])
def test_the_wait_of_pods_that_keep_up_is_erlangs(pods, occupied):
    found = queue(steady(50.0 * pods * occupied, pods), hold_seconds=HOLD_FOREVER)
    drain, chance = 50.0 * pods * (1.0 - occupied), erlang_c(pods, pods * occupied)

    assert found.wait_mean_seconds == pytest.approx(chance / drain)
    assert found.wait_p95_seconds == pytest.approx(max(log(chance / 0.05) / drain, 0.0), rel=1e-4)
    assert found.latency_mean_seconds == pytest.approx(chance / drain + 1 / 50.0)
    assert found.delayed_share == found.backlog_max == 0.0


def test_the_latency_of_one_server_is_exponential():
    found = queue(steady(25.0, 1), hold_seconds=HOLD_FOREVER)

    assert found.latency_p95_seconds == pytest.approx(log(20.0) / 25.0, rel=1e-4)


def test_the_latency_of_two_equal_rates_is_a_gamma():
    # One server at rate 100 and drain 100: never with one pod, so wait and service agree for two pods at half load.
    found = queue(steady(50.0, 2), hold_seconds=HOLD_FOREVER)
    chance, at = erlang_c(2, 1.0), found.latency_p95_seconds

    assert (1 - chance) * exp(-50 * at) + chance * (1 + 50 * at) * exp(-50 * at) == pytest.approx(0.05, rel=1e-4)


def test_more_concurrency_in_a_pod_is_more_and_slower_servers():
    few, many = queue(steady(450.0, 10)), queue(steady(450.0, 10), concurrency=8)

    assert many.wait_mean_seconds < few.wait_mean_seconds
    assert many.latency_mean_seconds > few.latency_mean_seconds


def test_close_to_capacity_the_wait_is_what_a_queue_can_grow_to_meanwhile():
    found = queue(steady(500.0 * (1 - 1e-9), 10), hold_seconds=60.0)

    assert found.wait_mean_seconds == pytest.approx((4 * 500.0 * 60.0 / np.pi) ** 0.5 / 500.0, rel=1e-3)


def test_what_is_not_served_is_served_later():
    # 100/s too many for a minute, worked off at 50/s: 6000 requests, the last of them two minutes later.
    load = [500.0] * 4 + [600.0] * 4 + [450.0] * 12
    found = queue(play(load, [10] * 20, capacity=50.0, startup_steps=0, step_seconds=15.0))

    assert found.backlog_max == pytest.approx(6000.0)
    assert found.backlog.tolist() == pytest.approx(
        [0] * 4 + [1500, 3000, 4500, 6000] + [6000 - 750 * k for k in range(1, 9)] + [0] * 4
    )
    assert found.backlog_left == pytest.approx(0.0, abs=1e-6)
    assert found.delayed_share == pytest.approx((4 * 600 + 8 * 450) / sum(load))
    assert 10.0 < found.wait_p95_seconds < 12.0


def test_requests_wait_for_pods_that_start():
    found = queue(play([100.0] * 10, [0] + [2] * 9, capacity=100.0, startup_steps=3, step_seconds=15.0))

    assert found.backlog_max == pytest.approx(100.0 * 4 * 15)
    assert found.wait_p95_seconds == pytest.approx(60.0, rel=0.1)


def test_what_nobody_ever_serves_waits_for_ever():
    found = queue(play([100.0] * 10, [0] * 10, capacity=100.0, startup_steps=0, step_seconds=15.0))

    assert found.wait_mean_seconds == found.wait_p95_seconds == found.latency_p95_seconds == np.inf
    assert found.backlog_left == 100.0 * 150


def test_nobody_waits_without_load():
    found = queue(steady(0.0, 3))

    assert found.wait_mean_seconds == found.wait_p95_seconds == 0.0


@given(some.lists(some.tuples(some.integers(0, 40), some.integers(0, 8)), min_size=1, max_size=40))
def test_the_fluid_is_that_of_a_queue_kept_by_hand(steps):
    loads, pods = [float(load) for load, _ in steps], [count for _, count in steps]
    waiting, expected = 0.0, []
    for load, count in zip(loads, pods, strict=True):
        waiting = max(0.0, waiting + 15.0 * (load - 5.0 * count))
        expected.append(waiting)
    found = queue(play(loads, pods, capacity=5.0, startup_steps=0, step_seconds=15.0))

    assert found.backlog.tolist() == pytest.approx(expected)
    assert found.wait_mean_seconds >= 0.0
    assert found.wait_p95_seconds >= 0.0


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="concurrency 0"):
        queue(steady(1.0, 1), concurrency=0)
    with pytest.raises(ValueError, match="hold 0"):
        queue(steady(1.0, 1), hold_seconds=0.0)

"""A played timeline, against pods that are born, grow up and die one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from bayescaler.replay import startup
from bayescaler.replay.service import Played, play, ready


def pod_by_pod(load, desired, capacity, startups):
    """Ready pods a step, each pod a time it is ready: the unready are taken first, the newest of them first."""
    pods, born, out = [0] * desired[0], 0, []
    for now, want in enumerate(desired):
        while len(pods) > want:
            unready = [place for place, due in enumerate(pods) if due > now]
            pods.pop(unready[-1] if unready else -1)
        while len(pods) < want:
            pods.append(now + startups[born % len(startups)])
            born += 1
        out.append(sum(due <= now for due in pods))
    short = [max(x - n * capacity, 0.0) for x, n in zip(load, out, strict=True)]
    return out, sum(s > 0 for s in short), sum(short) / sum(load)


@pytest.mark.parametrize("startup_steps", [0, 1, 4, 20])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_a_service_of_single_pods(seed, startup_steps):
    dice = np.random.default_rng(seed)
    load = dice.exponential(100.0, 300)
    desired = dice.integers(0, 12, 60).repeat(5)
    pods, violating, unserved = pod_by_pod(load.tolist(), desired.tolist(), 30.0, [startup_steps])

    outcome = play(load, desired, capacity=30.0, startup_steps=startup_steps, step_seconds=15.0).outcome()

    assert ready(desired, startup_steps).tolist() == pods
    assert outcome.violating_seconds == violating * 15.0
    assert outcome.violating_share == pytest.approx(violating / 300)
    assert outcome.unserved_share == pytest.approx(unserved)
    assert outcome.pod_hours == pytest.approx(desired.sum() * 15.0 / 3600.0)


@given(
    some.lists(some.integers(0, 9), min_size=1, max_size=40),
    some.lists(some.integers(0, 7), min_size=1, max_size=5),
)
def test_start_up_times_of_their_own_equal_a_service_of_single_pods(desired, startups):
    assert ready(desired, startups).tolist() == pod_by_pod([1.0] * len(desired), desired, 1.0, startups)[0]


@given(some.lists(some.integers(0, 30), min_size=1, max_size=60), some.integers(0, 8))
def test_pods_are_ready_that_were_wanted_all_through_the_start_up(desired, steps):
    held = [min(desired[max(0, now - steps) : now + 1]) for now in range(len(desired))]

    assert ready(desired, steps).tolist() == held


@given(some.lists(some.integers(0, 30), min_size=1, max_size=60), some.integers(0, 2**32 - 1))
def test_ready_pods_never_exceed_those_paid_for(desired, seed):
    startups = startup.lognormal(30.0, 90.0).steps(15.0, seed=seed)

    assert np.all(ready(desired, startups) <= desired)


def test_a_pod_serves_after_its_start_and_is_paid_for_from_the_first_moment():
    played = play([10, 30, 30, 30], [1, 3, 3, 3], capacity=10.0, startup_steps=2, step_seconds=900.0)
    outcome = played.outcome()

    assert played.ready.tolist() == [1, 1, 1, 3]
    assert played.short.tolist() == [0.0, 20.0, 20.0, 0.0]
    assert outcome.violating_seconds == 1800.0
    assert outcome.unserved_share == pytest.approx(0.4)
    assert outcome.pod_hours == 2.5


def test_scale_in_takes_the_pods_that_are_not_ready_first():
    assert ready([4, 8, 4, 4], 3).tolist() == [4, 4, 4, 4]


def test_of_the_pods_not_ready_the_newest_go_first():
    # Two asked for at step 1 are ready at step 4, whatever was asked for and taken back in between.
    assert ready([4, 6, 9, 6, 6], 3).tolist() == [4, 4, 4, 4, 6]


def test_what_is_just_served_is_no_violation():
    outcome = play([30.0], [3], capacity=10.0, startup_steps=1, step_seconds=15.0).outcome()

    assert outcome.violating_share == 0.0


def test_events_and_reversals_are_changes_and_changes_of_mind():
    played = play([0.0] * 8, [2, 3, 3, 5, 4, 4, 3, 6], capacity=1.0, startup_steps=0, step_seconds=15.0)
    outcome = played.outcome(max_replicas=5)

    assert (outcome.scale_events, outcome.reversals) == (5, 2)
    assert outcome.unserved_share == 0.0
    assert outcome.at_max_seconds == 30.0  # 5, and 6 which is above it


def test_a_fleet_that_was_watched_is_judged_alike():
    played = play([10.0, 30.0], [1, 3], capacity=10.0, startup_steps=1, step_seconds=15.0)

    assert Played(played.load, played.replicas, played.ready, 10.0, 15.0).outcome() == played.outcome()


@pytest.mark.parametrize(
    ("load", "desired", "told"),
    [
        ([1.0, 2.0], [1], "one of each a step"),
        ([], [], "at least one"),
        ([float("nan")], [1], "gaps"),
        ([-1.0], [1], "negative"),
        ([1.0], [1.5], "whole pods"),
        ([1.0], [float("nan")], "whole pods"),
        ([1.0], [-1], "whole pods"),
    ],
)
def test_what_cannot_be_played_is_refused(load, desired, told):
    with pytest.raises(ValueError, match=told):
        play(load, desired, capacity=1.0, startup_steps=0, step_seconds=15.0)


def test_constants_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="must be above 0"):
        play([1.0], [1], capacity=0.0, startup_steps=0, step_seconds=15.0)
    with pytest.raises(ValueError, match="start-up of"):
        play([1.0], [1], capacity=1.0, startup_steps=-1, step_seconds=15.0)
    with pytest.raises(ValueError, match="start-up of"):
        play([1.0], [1], capacity=1.0, startup_steps=[], step_seconds=15.0)

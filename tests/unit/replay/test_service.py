"""A played timeline, against pods that are born, grow up and die one by one."""

import numpy as np
import pytest

from bayescaler.replay.service import play, ready


def pod_by_pod(load, desired, capacity, startup_steps):
    """Ready pods a step, each pod a birthday: the newest is taken first, so the unready go first."""
    pods, out = [-startup_steps] * desired[0], []
    for now, want in enumerate(desired):
        while len(pods) > want:
            pods.pop()
        pods += [now] * (want - len(pods))
        out.append(sum(now - born >= startup_steps for born in pods))
    short = [max(x - n * capacity, 0.0) for x, n in zip(load, out, strict=True)]
    return out, sum(s > 0 for s in short), sum(short) / sum(load)


@pytest.mark.parametrize("startup_steps", [0, 1, 4, 20])
@pytest.mark.parametrize("seed", range(5))
def test_it_equals_a_service_of_single_pods(seed, startup_steps):
    dice = np.random.default_rng(seed)
    load = dice.exponential(100.0, 300)
    desired = dice.integers(0, 12, 60).repeat(5)
    pods, violating, unserved = pod_by_pod(load.tolist(), desired.tolist(), 30.0, startup_steps)

    outcome = play(load, desired, capacity=30.0, startup_steps=startup_steps, step_seconds=15.0)

    assert ready(desired, startup_steps).tolist() == pods
    assert outcome.violating_seconds == violating * 15.0
    assert outcome.violating_share == pytest.approx(violating / 300)
    assert outcome.unserved_share == pytest.approx(unserved)
    assert outcome.pod_hours == pytest.approx(desired.sum() * 15.0 / 3600.0)


def test_a_pod_serves_after_its_start_and_is_paid_for_from_the_first_moment():
    outcome = play([10, 30, 30, 30], [1, 3, 3, 3], capacity=10.0, startup_steps=2, step_seconds=900.0)

    assert ready([1, 3, 3, 3], 2).tolist() == [1, 1, 1, 3]
    assert outcome.violating_seconds == 1800.0
    assert outcome.unserved_share == pytest.approx(0.4)
    assert outcome.pod_hours == 2.5


def test_scale_in_takes_the_pods_that_are_not_ready_first():
    assert ready([4, 8, 4, 4], 3).tolist() == [4, 4, 4, 4]


def test_what_is_just_served_is_no_violation():
    assert play([30.0], [3], capacity=10.0, startup_steps=1, step_seconds=15.0).violating_share == 0.0


def test_events_and_reversals_are_changes_and_changes_of_mind():
    outcome = play([0.0] * 8, [2, 3, 3, 5, 4, 4, 3, 6], capacity=1.0, startup_steps=0, step_seconds=15.0)

    assert (outcome.scale_events, outcome.reversals) == (5, 2)
    assert outcome.unserved_share == 0.0


@pytest.mark.parametrize(
    ("load", "desired", "told"),
    [
        ([1.0, 2.0], [1], "one of each a step"),
        ([], [], "at least one"),
        ([float("nan")], [1], "gaps"),
        ([-1.0], [1], "negative"),
        ([1.0], [1.5], "whole pods"),
        ([1.0], [-1], "whole pods"),
    ],
)
def test_what_cannot_be_played_is_refused(load, desired, told):
    with pytest.raises(ValueError, match=told):
        play(load, desired, capacity=1.0, startup_steps=0, step_seconds=15.0)


def test_constants_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="must be above 0"):
        play([1.0], [1], capacity=0.0, startup_steps=0, step_seconds=15.0)
    with pytest.raises(ValueError, match="start-up of -1"):
        play([1.0], [1], capacity=1.0, startup_steps=-1, step_seconds=15.0)

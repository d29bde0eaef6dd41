"""Who knows what when, and on which grid it is played."""

import numpy as np
import pytest

from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant, uniform

NAN = float("nan")


def test_a_bucket_is_known_a_lag_after_its_end():
    case = Scenario([10.0, 20.0, 30.0], 60.0, 1.0, lag_seconds=15.0)

    assert case.instants.tolist() == [15.0 * k for k in range(12)]
    assert case.known.tolist() == [0] * 5 + [1] * 4 + [2] * 3
    assert np.isnan(case.seen[:5]).all()
    assert case.seen[5:].tolist() == [10.0] * 4 + [20.0] * 3


def test_a_lag_between_two_decisions_is_known_at_the_next():
    case = Scenario([10.0, 20.0], 60.0, 1.0, lag_seconds=20.0)

    assert case.known.tolist() == [0] * 6 + [1] * 2


def test_what_was_not_measured_is_absent_to_policies_and_goes_on_for_the_service():
    case = Scenario([NAN, 10.0, NAN, 30.0], 15.0, 1.0, lag_seconds=0.0)

    assert case.arrivals.tolist() == [10.0, 10.0, 10.0, 30.0]
    assert case.seen.tolist()[2] == 10.0
    assert np.isnan(case.seen[[0, 1, 3]]).all()


@pytest.mark.parametrize(
    ("step", "interval", "grid"),
    [(60.0, 15.0, 15.0), (10.0, 15.0, 5.0), (300.0, 60.0, 60.0), (15.0, 60.0, 15.0), (0.5, 0.2, 0.1)],
)
def test_it_is_played_on_the_longest_grid_that_holds_both(step, interval, grid):
    case = Scenario(np.arange(1.0, 13.0), step, 1.0, interval_seconds=interval)

    assert case.grid_seconds == grid
    assert len(case.arrivals) * grid == pytest.approx(12 * step)


def test_decisions_hold_until_the_next():
    case = Scenario([1.0, 2.0, 3.0, 4.0], 10.0, 1.0, interval_seconds=15.0, learned_buckets=0, start_up=constant(0.0))
    played = case.play(np.array([1, 2, 5]))

    assert played.replicas.tolist() == [1, 1, 1, 2, 2, 2, 5, 5]
    assert played.load.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert played.step_seconds == 5.0


def test_the_first_half_is_only_learned_from():
    case = Scenario(np.arange(1.0, 9.0), 60.0, 1.0, start=1000.0)

    assert (case.learned, case.first_judged) == (4, 16)
    assert len(case.play(np.full(32, 3)).load) == 16
    assert case.judged_times[0] == 1000.0 + 4 * 60.0


def test_the_pods_wanted_when_judgement_begins_are_ready():
    case = Scenario(np.ones(4), 15.0, 1.0, start_up=constant(60.0))

    assert case.play(np.array([1, 1, 5, 5])).ready.tolist() == [5, 5]


def test_start_up_times_are_drawn_alike_for_everyone():
    case = Scenario(np.ones(40), 15.0, 1.0, start_up=uniform(15.0, 300.0), seed=4, learned_buckets=0)
    wanted = np.repeat([1, 9], 20)

    assert case.play(wanted).ready.tolist() == case.play(wanted).ready.tolist()
    assert len(set(case.play(wanted).ready[20:].tolist())) > 2


@pytest.mark.parametrize(("loads", "least", "first"), [([95.0], 1, 10), ([0.0], 0, 0), ([0.0], 2, 2), ([1e9], 1, 1000)])
def test_it_starts_with_enough_for_the_first_load(loads, least, first):
    assert Scenario(loads, 60.0, 10.0, min_replicas=least).first_replicas == first


def test_it_starts_with_what_it_is_told_to():
    assert Scenario([95.0], 60.0, 10.0, start_replicas=3).first_replicas == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loads": []}, "hold no load"),
        ({"loads": [NAN]}, "hold no load"),
        ({"loads": [1.0, -1.0]}, "negative"),
        ({"loads": [1.0, float("inf")]}, "infinite"),
        ({"capacity": 0.0}, "capacity 0.0"),
        ({"step_seconds": 0.0}, "step 0.0"),
        ({"lag_seconds": -1.0}, "lag -1.0"),
        ({"min_replicas": 5, "max_replicas": 4}, r"replicas 5\.\.4"),
        ({"learned_buckets": 2}, "leave one to judge"),
    ],
)
def test_what_cannot_be_replayed_is_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        Scenario(**({"loads": [1.0, 2.0], "step_seconds": 60.0, "capacity": 1.0} | changes))


def test_decisions_of_another_length_are_refused():
    with pytest.raises(ValueError, match="give one each"):
        Scenario([1.0, 2.0], 60.0, 1.0).play(np.array([1, 2]))

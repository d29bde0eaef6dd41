"""The worst moments: what was short, by how much, and which decision had to prevent it."""

import numpy as np

from bayescaler.replay.moments import worst
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant

MINUTE = 60.0


def scenario(loads):
    return Scenario(np.asarray(loads, float), MINUTE, 10.0, start=6e8, start_up=constant(60.0), learned_buckets=10)


def test_each_stretch_is_told_once_the_worst_first():
    loads = np.full(60, 20.0)
    loads[20:22], loads[40] = 40.0, 50.0
    case = scenario(loads)
    found = worst(case, case.play(np.full(len(case.instants), 2)))

    assert [(m.start - 6e8, m.end - 6e8) for m in found] == [(1200, 1320), (2400, 2460)]


def test_a_moment_knows_load_pods_and_the_decisions_behind_it():
    loads = np.full(60, 20.0)
    loads[20:22] = [35.0, 45.0]
    case = scenario(loads)
    (moment,) = worst(case, case.play(np.full(len(case.instants), 2)))

    assert (moment.peak_load, moment.ready) == (45.0, 2)
    assert moment.short_seconds == 120.0
    assert moment.unserved == 15.0 * 60 + 25.0 * 60
    assert case.instants[moment.answered] == 1200.0
    assert case.instants[moment.decided] == 1140.0  # a start-up time before


def test_shortages_close_together_are_one_moment_and_only_the_worst_are_told():
    loads = np.full(400, 20.0)
    loads[20], loads[23] = 30.0, 30.0
    loads[40::20] = 25.0
    case = scenario(loads)
    found = worst(case, case.play(np.full(len(case.instants), 2)), most=5)

    assert len(found) == 5
    assert (found[0].short_seconds, found[0].end - found[0].start) == (120.0, 240.0)


def test_where_all_is_served_there_is_none():
    case = scenario(np.full(60, 20.0))
    assert worst(case, case.play(np.full(len(case.instants), 2))) == []

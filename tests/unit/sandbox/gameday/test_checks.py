"""What a game day judges: each check holds on what is well, and fails on what is not."""

import pytest

from bayescaler.sandbox.gameday.checks import (
    Moment,
    Seen,
    calm,
    decides_again_within,
    given_back_within,
    lead_time_learned,
    never_lowered,
    not_lowered_while_rolling,
    promise_kept,
    served_again_within,
    short_no_longer_than,
    turns,
)

TICK, CAPACITY = 15.0, 10.0
KEPT = {"nominal": 0.95, "coverage": 0.94}


def seen(
    *replicas, load=50.0, begin=2, end=4, rung="Predictive", ready=True, rolling=False, calibration=KEPT, lead=60.0
):
    """A moment a tick; trouble lasts from the `begin`-th to the `end`-th."""
    moments = [Moment(at * TICK, load, n, n, rung, ready, rolling) for at, n in enumerate(replicas)]
    return Seen(moments, begin * TICK, end * TICK, CAPACITY, TICK, calibration, lead)


@pytest.mark.parametrize(
    ("check", "well", "ill"),
    [
        (never_lowered(), seen(6, 5, 5, 6, 6, 5), seen(6, 6, 6, 6, 5, 5)),
        (never_lowered(after_seconds=TICK), seen(6, 6, 5, 5, 5), seen(6, 6, 6, 5, 5)),
        (never_lowered(more_seconds=TICK), seen(6, 6, 6, 6, 6, 6, 5), seen(6, 6, 6, 6, 6, 5)),
        (not_lowered_while_rolling, seen(5, 5, 6, rolling=True), seen(5, 6, 5, rolling=True)),
        (not_lowered_while_rolling, seen(5, 5, rolling=True), seen(5, 5)),
        (promise_kept, seen(5), seen(5, calibration={"nominal": 0.95, "coverage": 0.92})),
        (promise_kept, seen(5), seen(5, calibration={})),
        (calm, seen(*range(5, 300), *range(300, 5, -1), 20), seen(5, 9, 5, 9, 5)),
        (short_no_longer_than(TICK), seen(5, 4, 5, 4, 5), seen(5, 5, 5, 4, 4)),
        (short_no_longer_than(0.0), seen(5, 5, 5), seen(5, 5, 4)),
        (decides_again_within(TICK), seen(*[5] * 9), seen(*[5] * 9, rung="Hold")),
        (decides_again_within(TICK), seen(*[5] * 9), seen(*[5] * 9, ready=False)),
        (decides_again_within(TICK), seen(*[5] * 9), seen(*[5] * 5)),
        (served_again_within(2 * TICK), seen(5, 1, 1, 1, 1, 1, 5), seen(5, 1, 1, 1, 1, 1, 1, 5)),
        (served_again_within(2 * TICK), seen(5, 1, 1, 1, 1, 5), seen(5, 1, 1, 1, 1, 5, 4)),
        (given_back_within(TICK, at_most=2.0), seen(*[99] * 5, 11), seen(*[99] * 5, 12)),
        (lead_time_learned(50.0), seen(5), seen(5, lead=40.0)),
        (lead_time_learned(50.0), seen(5), seen(5, lead=None)),
    ],
)  # fmt: skip
def test_a_check_holds_on_what_is_well_and_fails_on_what_is_not(check, well, ill):
    assert check(well).holds
    assert not check(ill).holds


def test_what_never_came_back_has_no_figure():
    assert decides_again_within(TICK)(seen(*[5] * 9, rung="Hold")).figure is None
    assert served_again_within(TICK)(seen(*[1] * 9)).figure is None


@pytest.mark.parametrize(
    ("replicas", "found"),
    [
        ([20], 0),
        ([20, 30, 40, 44], 0),
        ([20, 21, 20, 21, 20, 19, 20], 0),
        ([20, 40, 39, 40, 38, 41], 0),
        ([20, 40, 38, 36, 35], 1),
        ([20, 18, 16, 10, 20, 21, 20], 1),
        ([20, 40, 20, 40], 2),
        ([20, 19, 18, 17, 18, 19, 20], 1),
    ],
)
def test_a_course_turns_when_it_has_come_back_by_more_than_a_tenth(replicas, found):
    assert turns(replicas) == found

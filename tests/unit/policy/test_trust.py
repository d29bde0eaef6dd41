"""When a forecast has earned trust, when it loses it, and what it takes to get it back."""

import pytest

from bayescaler.policy import Change, Evidence, Phase, Standing, assess, judge
from bayescaler.policy.trust import Charge, why, wilson_lower

FIVE_PAST_TWO = 1_772_460_300.0
TRUSTED = Standing(Phase.TRUSTED)
KEPT = 0  # recent windows, as bits


def shown(disjoint, coverage, nominal=0.95, *, seen=0, season=1440, skill=0.4, **more):
    return Evidence(disjoint, coverage, nominal, skill, seen, season, **more)


def since_change(windows, missed, nominal=0.95, *, disjoint=1000):
    """Coverage is as promised; of the windows since a rise, the newest `missed` were missed."""
    change = Change(FIVE_PAST_TWO, rise=True, windows=windows)
    return shown(disjoint, nominal, nominal, recent_misses=(1 << missed) - 1, change=change)


def beside_threshold(skill, lost, *, disjoint=1000, **more):
    return shown(disjoint, 0.95, skill=skill, headroom_lost=lost, **more)


@pytest.mark.parametrize(
    ("evidence", "previous", "phase"),
    [
        pytest.param(shown(0, None), Phase.LEARNING, Phase.LEARNING, id="nothing scored yet"),
        pytest.param(shown(99, 0.95), Phase.LEARNING, Phase.LEARNING, id="99 windows are not enough"),
        pytest.param(shown(100, 0.95), Phase.LEARNING, Phase.TRUSTED, id="100 are, at 95 %"),
        pytest.param(shown(499, 0.99, 0.99), Phase.LEARNING, Phase.LEARNING, id="99 % takes 500"),
        pytest.param(shown(500, 0.99, 0.99), Phase.LEARNING, Phase.TRUSTED, id="which is five misses expected"),
        pytest.param(shown(100, 0.99, 0.99, seen=1440), Phase.LEARNING, Phase.TRUSTED, id="or a whole season seen"),
        pytest.param(shown(500, 0.999, 0.999, season=0), Phase.LEARNING, Phase.TRUSTED, id="never more than 500"),
        pytest.param(shown(100, 0.87), Phase.TRUSTED, Phase.TRUSTED, id="13 misses of 100 may be bad luck"),
        pytest.param(shown(100, 0.86), Phase.TRUSTED, Phase.DEGRADED, id="14 of 100 hardly"),
        pytest.param(shown(1000, 0.906), Phase.TRUSTED, Phase.TRUSTED, id="94 of 1000 may be"),
        pytest.param(shown(1000, 0.905), Phase.TRUSTED, Phase.DEGRADED, id="95 of 1000 hardly"),
        pytest.param(
            shown(50_000, 0.945), Phase.TRUSTED, Phase.TRUSTED, id="months of evidence do not condemn half a point"
        ),
        pytest.param(shown(100, 0.87), Phase.DEGRADED, Phase.DEGRADED, id="what keeps trust does not win it back"),
        pytest.param(shown(100, 0.93), Phase.DEGRADED, Phase.TRUSTED, id="7 of 100 do"),
        pytest.param(shown(100, 0.60), Phase.LEARNING, Phase.DEGRADED, id="a bad forecast is never trusted"),
        pytest.param(shown(40, 0.95), Phase.TRUSTED, Phase.LEARNING, id="evidence lost is learning again"),
    ],
)
def test_phase(evidence, previous, phase):
    assert assess(evidence, previous)[0] is phase


@pytest.mark.parametrize(
    ("evidence", "phase"),
    [
        pytest.param(since_change(0, 0), Phase.TRUSTED, id="an alarm alone"),
        pytest.param(since_change(1, 1), Phase.TRUSTED, id="one miss proves nothing"),
        pytest.param(since_change(2, 2), Phase.DEGRADED, id="two misses in two windows do"),
        pytest.param(since_change(6, 2), Phase.DEGRADED, id="as do two in six"),
        pytest.param(since_change(7, 2), Phase.TRUSTED, id="two in seven may be bad luck"),
        pytest.param(since_change(15, 3), Phase.TRUSTED, id="three in fifteen too"),
        pytest.param(since_change(15, 4), Phase.DEGRADED, id="four hardly"),
        pytest.param(since_change(16, 16), Phase.TRUSTED, id="then the change is past"),
        pytest.param(since_change(4, 3, 0.5), Phase.TRUSTED, id="a median is missed half the time"),
        pytest.param(since_change(2, 2, disjoint=99), Phase.LEARNING, id="who has no trust loses none"),
    ],
)
def test_windows_since_a_change_are_judged_by_themselves(evidence, phase):
    assert judge(evidence, TRUSTED).phase is phase


def test_misses_from_before_a_change_are_not_counted_to_it():
    change = Change(FIVE_PAST_TWO, rise=False, windows=4)
    assert judge(shown(1000, 0.95, recent_misses=0b111_0000, change=change), TRUSTED).phase is Phase.TRUSTED


@pytest.mark.parametrize(
    ("evidence", "phase"),
    [
        pytest.param(beside_threshold(-0.11, 0.41), Phase.DEGRADED, id="clearly worse than a threshold"),
        pytest.param(beside_threshold(-0.09, 5.0), Phase.TRUSTED, id="hardly worse"),
        pytest.param(beside_threshold(-3.0, 0.39), Phase.TRUSTED, id="thrice as bad, but both lose little"),
        pytest.param(beside_threshold(0.0, 0.0), Phase.TRUSTED, id="a flat load"),
        pytest.param(beside_threshold(float("nan"), 1.0), Phase.TRUSTED, id="no skill is known"),
        pytest.param(beside_threshold(-1.0, 1.0, disjoint=99), Phase.LEARNING, id="on too few windows"),
    ],
)
def test_skill_is_judged_where_it_costs(evidence, phase):
    assert judge(evidence, TRUSTED).phase is phase


@pytest.mark.parametrize(
    ("skill", "lost", "phase"),
    [
        pytest.param(-0.05, 0.3, Phase.DEGRADED, id="what keeps trust does not win it back"),
        pytest.param(0.01, -0.01, Phase.TRUSTED, id="to be as good does"),
        pytest.param(-0.2, 0.19, Phase.TRUSTED, id="as does to lose little"),
    ],
)
def test_skill_wins_trust_back(skill, lost, phase):
    degraded = judge(beside_threshold(-0.2, 0.5), TRUSTED)
    later = beside_threshold(skill, lost, disjoint=1010)
    assert (degraded.charge, judge(later, degraded).phase) == (Charge.SKILL, phase)


def test_to_come_back_takes_ten_new_windows_that_keep_the_promise():
    degraded = judge(since_change(2, 2), TRUSTED)
    past = Change(FIVE_PAST_TWO, rise=True, windows=16)
    well = since_change(2, 2)._replace(change=past, recent_misses=KEPT)
    assert (degraded.phase, degraded.windows, degraded.charge) == (Phase.DEGRADED, 1000, Charge.CHANGE)
    assert judge(well._replace(disjoint_windows=1009), degraded) == degraded
    assert judge(well._replace(disjoint_windows=1010), degraded).phase is Phase.TRUSTED
    assert judge(well._replace(disjoint_windows=1010, recent_misses=1), degraded) == degraded


def test_a_record_that_began_anew_is_new_evidence():
    degraded = judge(since_change(2, 2), TRUSTED)
    assert judge(shown(100, 0.95), degraded).phase is Phase.TRUSTED


def test_the_reason_gives_the_numbers():
    assert assess(shown(42, 0.95), Phase.LEARNING)[1] == "42 of 100 disjoint windows scored"
    assert assess(shown(240, 0.96), Phase.LEARNING)[1] == (
        "4 % of 240 disjoint windows missed, 5 % promised, skill 0.40 against the last value"
    )
    assert assess(shown(100, 0.87), Phase.DEGRADED)[1] == (
        "13 % of 100 disjoint windows missed, 5 % promised, skill 0.40 against the last value; trusted again at 7.5 %"
    )


def test_the_reason_tells_the_change_its_time_and_its_direction():
    evidence = since_change(6, 2)
    assert why(evidence, judge(evidence, TRUSTED)) == (
        "the load's level rose at 2026-03-02T14:05:00Z: 2 of 6 disjoint windows since missed, 5 % promised"
    )
    fell = evidence._replace(change=Change(FIVE_PAST_TWO, rise=False, windows=6))
    assert why(fell, judge(fell, TRUSTED)).startswith("the load's level fell at")


def test_the_reason_tells_what_a_lack_of_skill_costs():
    evidence = beside_threshold(-0.234, 0.567)
    assert why(evidence, judge(evidence, TRUSTED)) == (
        "skill -0.23 against the last value times a constant, as costly as 57 % of the load held in vain; "
        "trusted again at 0, or 20 %"
    )


def test_the_reason_counts_the_way_back():
    degraded = judge(since_change(2, 2), TRUSTED)
    waiting = shown(1004, 0.95, recent_misses=0b100)
    assert why(waiting, judge(waiting, degraded)) == (
        "5 % of 1004 disjoint windows missed, 5 % promised, skill 0.40 against the last value; "
        "trusted again after 10 windows that keep the promise, 3 so far"
    )


def test_no_skill_on_a_flat_load_costs_no_trust():
    flat = shown(200, 1.0, skill=float("nan"))
    assert assess(flat, Phase.LEARNING) == (Phase.TRUSTED, "0 % of 200 disjoint windows missed, 5 % promised")


def test_the_wilson_bound_is_the_root_of_its_equation():
    share, trials, z = 0.14, 100, 2.326
    bound = wilson_lower(share, trials, z)
    assert share - bound == pytest.approx(z * (bound * (1 - bound) / trials) ** 0.5)
    assert wilson_lower(0.0, 100) == pytest.approx(0.0, abs=1e-12)

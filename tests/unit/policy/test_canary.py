"""Which of two forecasts loses less: the arithmetic against closed forms, and what follows from it."""

from math import exp, log1p, nan

import numpy as np
import pytest

from bayescaler.policy.canary import (
    FEWEST_WINDOWS,
    NEEDED,
    STAKES,
    Book,
    Pair,
    Trial,
    Verdict,
    e_value,
    pinball,
    plain,
    trial_of,
)
from bayescaler.policy.canary_told import sentence
from bayescaler.policy.meanings import CANARIES
from bayescaler.policy.reasons import CanaryPhase

NOON, MINUTE, HOUR, DAY = 1_772_452_800.0, 60.0, 3600.0, 86_400.0
Q = 0.95


def book(windows, *, live=120.0, canary=110.0, load=100.0, level=Q, unit=50.0):
    """A book of windows that all went alike."""
    made = Book(level, unit)
    for _ in range(windows):
        made = made.scored(live, canary, load)
    return made


def test_a_quantile_loses_its_level_for_each_unit_above_it_and_the_rest_for_each_below():
    assert pinball(0.95, 120.0, 100.0) == pytest.approx(0.95 * 20.0)
    assert pinball(0.95, 80.0, 100.0) == pytest.approx(0.05 * 20.0)
    assert pinball(0.95, 100.0, 100.0) == 0.0


def test_evidence_of_gains_that_are_all_alike_is_their_closed_form():
    n, d = 40, 0.3
    expected = np.mean([exp(n * (s * d + (log1p(-s) + s) * d * d)) for s in STAKES])
    assert e_value(n * d, n * d * d) == pytest.approx(expected)
    assert e_value(0.0, 0.0) == 1.0


def test_evidence_never_exceeds_what_a_fair_bet_on_the_same_windows_would_have_won():
    """Who stakes s of what he has on each window ends with prod(1 + s d); no fair game lets that grow in the mean."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        gains = rng.uniform(-1.0, 1.0) * rng.uniform(-1.0, 1.0, 50) ** rng.integers(1, 4)
        won = np.mean([np.prod(1.0 + s * gains) for s in STAKES])
        assert e_value(gains.sum(), (gains**2).sum()) <= won * (1.0 + 1e-12)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_expected_evidence_of_a_window_from_which_nothing_is_to_be_gained_is_at_most_one(share):
    up, down = (1.0 - share), -share  # up with probability `share`: a mean of nothing
    assert share * e_value(up, up * up) + (1.0 - share) * e_value(down, down * down) <= 1.0


def test_a_window_is_booked_in_units_and_no_window_gains_more_than_one():
    (one, live, canary, load) = (Book(Q, 50.0), 120.0, 110.0, 100.0)
    booked = one.scored(live, canary, load)
    assert booked.gain == pytest.approx(0.05 * 10.0 / 50.0)
    assert booked.lost == pytest.approx(0.05 * 20.0 / 50.0)
    assert booked.squares == pytest.approx(booked.gain**2)
    for outcome in (0.0, 1e3, 1e9):
        assert abs(one.scored(1e6, 10.0, outcome).gain) <= 1.0


def test_losses_are_told_in_the_unit_of_the_load_and_their_ratio_is_that_of_the_losses():
    booked = book(10)
    assert booked.live_loss == pytest.approx(0.05 * 20.0)
    assert booked.canary_loss == pytest.approx(0.05 * 10.0)
    assert booked.ratio == pytest.approx(0.5)
    assert (Book(Q, 1.0).live_loss, Book(Q, 1.0).ratio, Book(Q, 1.0).interval) == (None, None, None)


@pytest.mark.parametrize(("canary", "verdict"), [(101.0, Verdict.BETTER), (160.0, Verdict.WORSE)])
def test_the_interval_leaves_out_one_from_the_window_on_that_decides(canary, verdict):
    booked = Book(Q, 5.0)
    for _ in range(2000):
        low, high = booked.interval or (0.0, 2.0)
        assert low <= (1.0 if booked.ratio is None else booked.ratio) <= high
        if booked.verdict is not Verdict.UNDECIDED:
            break
        assert low - 1e-9 <= 1.0 <= high + 1e-9
        booked = booked.scored(120.0, canary, 100.0)
    assert booked.verdict is verdict
    assert high < 1.0 if verdict is Verdict.BETTER else low > 1.0


def of_normal_load(live, canary, *, windows, seed):
    """Windows of a standard normal highest load; `live` and `canary`: (bias, noise) of their .95 quantiles."""
    rng = np.random.default_rng(seed)
    made = Book(Q, 0.52)
    issued = [1.645 + bias + noise * rng.standard_normal(windows) for bias, noise in (live, canary)]
    for one, other, load in zip(*issued, rng.standard_normal(windows), strict=True):
        made = made.scored(float(one), float(other), float(load))
    return made


def test_a_canary_that_loses_a_quarter_less_is_found_within_a_day_of_two_minute_windows():
    assert of_normal_load((0.0, 1.0), (0.0, 0.1), windows=720, seed=1).verdict is Verdict.BETTER
    assert of_normal_load((0.0, 0.1), (0.0, 1.0), windows=720, seed=1).verdict is Verdict.WORSE


def test_a_lower_quantile_than_was_promised_is_no_better_though_it_is_cheaper_in_most_windows():
    assert of_normal_load((0.0, 0.0), (-0.6, 0.0), windows=2000, seed=2).verdict is Verdict.WORSE


def test_rare_windows_in_which_it_loses_most_are_not_outweighed_by_many_in_which_it_loses_little():
    """They count less as evidence, so what was lost in all has a say of its own."""
    booked = Book(Q, 5.0)
    for i in range(2000):
        booked = booked.scored(125.0, 20.0, 150.0) if i % 100 == 0 else booked.scored(125.0, 110.0, 100.0)
    assert booked.better > NEEDED
    assert booked.canary > booked.live
    assert booked.verdict is Verdict.UNDECIDED


def test_a_window_ends_after_its_buckets_and_its_outcome_is_the_highest_load():
    pair = Pair(NOON, MINUTE, 3, 120.0, 110.0)
    for i, load in enumerate((90.0, 130.0, 100.0)):
        assert not pair.ended
        pair = pair.then(NOON + i * MINUTE, load)
    assert (pair.ended, pair.outcome) == (True, 130.0)
    assert pair.then(NOON + 5 * MINUTE, 100.0) is None
    assert Pair(NOON, MINUTE, 3, 120.0, 110.0).then(NOON + MINUTE, 90.0) is None


def test_a_window_of_which_much_is_missing_is_not_scored():
    trial = Trial("m").begun(Q, 50.0, now=NOON)
    pair = Pair(NOON, MINUTE, 2, 120.0, 110.0).then(NOON, nan).then(NOON + MINUTE, 90.0)
    assert (pair.ended, pair.outcome) == (True, None)
    assert trial.after_window(pair) == trial
    long = Pair(NOON, MINUTE, 10, 120.0, 110.0)
    for i in range(10):
        long = long.then(NOON + i * MINUTE, nan if i == 4 else 90.0)
    assert trial.after_window(long).book.windows == 1


BETTER, WORSE = book(2000, canary=101.0, unit=5.0), book(2000, canary=160.0, unit=5.0)


def running(booked):
    return Trial("m", CanaryPhase.RUNNING, NOON, booked)


def test_nothing_follows_before_its_time():
    for booked, phase in ((BETTER, CanaryPhase.PROMOTED), (WORSE, CanaryPhase.ROLLED_BACK)):
        early, late = (
            running(booked).judged(promotes=True, after_seconds=DAY, now=NOON + after) for after in (DAY - 1, DAY)
        )
        assert (early.phase, late.phase) == (CanaryPhase.RUNNING, phase)


def test_what_is_never_to_be_promoted_is_told_once_and_rolled_back_all_the_same():
    told = running(BETTER).judged(promotes=False, after_seconds=0.0, now=NOON)
    assert (told.phase, told.told) == (CanaryPhase.RUNNING, True)
    assert told.judged(promotes=False, after_seconds=0.0, now=NOON + HOUR) == told
    assert told.judged(promotes=True, after_seconds=0.0, now=NOON).phase is CanaryPhase.PROMOTED  # by another mind
    assert running(WORSE).judged(promotes=False, after_seconds=0.0, now=NOON).phase is CanaryPhase.ROLLED_BACK


def test_what_is_over_stays_as_it_is():
    for phase in (CanaryPhase.PROMOTED, CanaryPhase.ROLLED_BACK):
        over = Trial("m", phase, NOON, WORSE if phase is CanaryPhase.PROMOTED else BETTER)
        assert over.judged(promotes=True, after_seconds=0.0, now=NOON + DAY) is over


def test_another_promise_begins_another_book():
    begun = Trial("m").begun(Q, 50.0, now=NOON)
    assert (begun.phase, begun.since, begun.book) == (CanaryPhase.RUNNING, NOON, Book(Q, 50.0))
    known = running(book(40))
    assert known.begun(Q, 70.0, now=NOON + HOUR) is known
    assert known.begun(0.99, 70.0, now=NOON + HOUR).book == Book(0.99, 70.0)


@pytest.mark.parametrize("trial", [Trial("m"), running(book(7)), Trial("m", CanaryPhase.PROMOTED, NOON, BETTER, True)])
def test_a_trial_survives_being_written_down(trial):
    again = trial_of(plain(trial))
    assert (again.mark, again.phase, again.since, again.told) == (trial.mark, trial.phase, trial.since, trial.told)
    if trial.book is not None:
        assert again.book.windows == trial.book.windows
        assert again.book.ratio == pytest.approx(trial.book.ratio)
        assert again.book.verdict is trial.book.verdict


@pytest.mark.parametrize(
    "damage",
    [
        {"phase": "Flying"},
        {"book": [0.95, 50.0, 3, 1.0, 1.0]},
        {"book": [0.95, 50.0, 3, 1.0, 1.0, 1.0]},
        {"book": [0.95, 0.0, 3, 1.0, 1.0, 1.0, 1.0, 1.0]},
        {"book": [0.95, 50.0, 3, float("inf"), 1.0, 1.0, 1.0, 1.0]},
        {"book": [0.95, 50.0, -3, 1.0, 1.0, 1.0, 1.0, 1.0]},
    ],
)
def test_what_is_no_trial_is_refused(damage):
    with pytest.raises(ValueError, match=r"Flying|values|cannot be|negative|windows"):
        trial_of(plain(running(book(3))) | damage)


def told(trial, *, fields="seasons: [24h, 168h]", promotes=True, after=DAY, problem=""):
    return sentence(
        trial, fields=fields, promotes=promotes, after_seconds=after, problem=problem, now=NOON + DAY - 10.1 * HOUR
    )


def summed(windows, gain, squares, lost, unit=124.0):
    """A book of windows in none of which the two lay far apart."""
    return Book(Q, unit, windows, gain, squares, lost, unit * lost, unit * (lost - gain))


GAINING = summed(812, 11.0, 2.2, 84.0)


@pytest.mark.parametrize(
    ("phase", "booked", "fields"),
    [
        (CanaryPhase.WARMING, None, "seasons: [24h, 168h]"),
        (CanaryPhase.RUNNING, summed(412, 4.1, 1.1, 45.0), "seasons: [24h, 168h]"),
        (CanaryPhase.PROMOTED, GAINING, "seasons: [24h, 168h]"),
        (CanaryPhase.ROLLED_BACK, summed(803, -23.0, 4.3, 74.0), "seasons: []"),
    ],
)
def test_every_phase_reads_as_its_example_says(phase, booked, fields):
    assert told(Trial("m", phase, NOON, booked), fields=fields) == CANARIES[phase].example


def test_a_running_canary_says_what_it_waits_for():
    gaining = Trial("m", CanaryPhase.RUNNING, NOON, GAINING)
    assert told(gaining).endswith("; that is enough to decide, in 10h6m")
    assert told(gaining, after=HOUR).endswith("; that is enough")
    never = told(gaining, after=HOUR, promotes=False)
    assert never.endswith("; promote is Never: move it to spec.forecast, or remove the canary")
    assert told(gaining, problem="its history could not be read").endswith("; its history could not be read")
    young = Trial("m", CanaryPhase.RUNNING, NOON, Book(Q, 124.0))
    assert told(young, problem="no load") == "seasons: [24h, 168h]: no load; nothing is compared yet"


def test_the_numbers_that_the_docs_name():
    assert (NEEDED, FEWEST_WINDOWS) == (20.0, 30)

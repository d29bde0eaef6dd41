"""How long pods take to start: from an assumed P90 to the workload's own, and back to doubt after a rollout."""

import math
import random

import pytest

from bayescaler.policy.lead_time import (
    BETWEEN_RAISES_SECONDS,
    LONGEST_SECONDS,
    SHORTER_AFTER_SECONDS,
    STUCK_SECONDS,
    HeldLead,
    LeadTime,
    template_mark,
)

MINUTE = 60.0


def started(*seconds, assumed=MINUTE):
    return LeadTime(assumed).started(seconds)


def lognormal(median, p90, count, seed=1):
    rng, sigma = random.Random(seed), math.log(p90 / median) / 1.2816
    return [rng.lognormvariate(math.log(median), sigma) for _ in range(count)]


@pytest.mark.parametrize("assumed", [0.0, 1.0, 30.0, 60.0, 3600.0])
def test_before_the_first_pod_it_is_what_the_operator_assumes_to_the_second(assumed):
    assert LeadTime(assumed).p90() == assumed
    assert not LeadTime(assumed).learned


def test_pods_that_take_what_was_assumed_change_nothing():
    """A start-up of half a minute must not become 30.1 s by rounding: that would be one more bucket."""
    for count in (1, 2, 10, 100, 1000):
        assert started(*[30.0] * count, assumed=30.0).p90() == 30.0


def test_a_few_pods_move_it_and_thirty_decide():
    known = [LeadTime(MINUTE).started([5.0] * count).p90() for count in range(31)]
    assert known == sorted(known, reverse=True)
    assert known[1] > 50.0 and known[30] == 5.0  # noqa: PT018 - one story


def test_one_slow_pod_counts_at_once_while_little_is_known_and_hardly_later():
    assert started(300.0).p90() == 300.0
    assert started(*[10.0] * 100, 300.0).p90() == 10.0


@pytest.mark.parametrize(("median", "p90"), [(4.0, 8.0), (40.0, 60.0), (90.0, 240.0)])
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_p90_of_what_pods_take(median, p90, seed):
    assert started(*lognormal(median, p90, 400, seed)).p90() == pytest.approx(p90, rel=0.2)


def test_what_was_long_ago_is_forgotten():
    moved = started(*[100.0] * 500).started([10.0] * 600)
    assert moved.p90() == 10.0


def test_two_ways_to_start_are_told_by_the_slower_one_once_it_is_a_tenth_of_all():
    """Every fifth pod waits for a node."""
    assert started(*[20.0, 20.0, 20.0, 20.0, 150.0] * 40).p90() == 150.0


class TestWaiting:
    """Pods that are not ready yet say that it takes at least their age."""

    def test_a_pod_within_the_p90_says_nothing(self):
        assert LeadTime(MINUTE).p90([59.0]) == MINUTE

    def test_a_pod_beyond_it_counts_at_its_age(self):
        assert LeadTime(MINUTE).p90([100.0]) == 100.0
        assert LeadTime(MINUTE).p90([400.0]) == 400.0

    def test_among_many_that_started_a_few_do_not(self):
        known = started(*[20.0] * 200)
        assert known.p90([300.0] * 5) == 20.0
        assert known.p90([300.0] * 50) == 300.0

    def test_pods_that_never_can_be_scheduled_count_no_more_after_a_quarter_of_an_hour(self):
        assert LeadTime(MINUTE).p90([STUCK_SECONDS, 7 * 86400.0]) == MINUTE

    def test_waiting_never_makes_it_shorter(self):
        known = started(*[100.0] * 20)
        for age in (1.0, 50.0, 101.0, 500.0, 5000.0):
            assert known.p90([age] * 7) >= known.p90()


class TestRollout:
    """Pods of another template start as they start: what was seen of the old ones is worth a few pods."""

    old = started(*[40.0] * 100)

    def test_the_p90_stays_until_there_are_some(self):
        after = self.old.rolled_out(2.0)
        assert after.p90() == 40.0
        assert after.started([5.0] * 4).p90() == 40.0

    def test_one_slower_pod_of_the_new_template_is_believed_at_once(self):
        assert self.old.started([200.0]).p90() == 40.0
        assert self.old.rolled_out(2.0).started([200.0]).p90() == 200.0

    def test_it_becomes_shorter_with_a_few_dozen(self):
        assert self.old.rolled_out(2.0).started([5.0] * 40).p90() == 5.0

    def test_a_small_workload_that_is_rolled_out_often_learns_all_the_same(self):
        known = LeadTime(MINUTE)
        for template in range(12):
            known = known.rolled_out(float(template)).started([8.0] * 3)
        assert known.p90() == 8.0


@pytest.mark.parametrize("odd", [math.nan, math.inf, -1.0])
def test_what_is_no_duration_is_passed_over(odd):
    assert started(odd, 10.0) == started(10.0)


def test_it_never_exceeds_an_hour():
    assert started(*[1e6] * 50).p90() == LONGEST_SECONDS


class TestSaved:
    def test_it_survives_being_saved(self):
        known = started(*lognormal(50.0, 120.0, 300)).rolled_out(template_mark("web-abc")).started([17.0, 21.0])
        again = LeadTime.from_floats(known.to_floats(), prior_seconds=MINUTE)
        assert again == known
        assert again.p90([500.0]) == known.p90([500.0])

    @pytest.mark.parametrize("pods", [20, 300])
    def test_it_survives_being_saved_after_any_number_of_roll_outs(self, pods):
        known = started()
        for rollout in range(40):
            known = known.started([17.0] * pods).rolled_out(float(rollout))
            floats = [round(number, 6) for number in known.to_floats()]
            again = LeadTime.from_floats(floats, prior_seconds=MINUTE)
            assert again.p90() == pytest.approx(known.p90(), rel=0.01)

    def test_it_is_small_however_much_was_seen(self):
        rng = random.Random(3)
        known = started(*(rng.uniform(0.0, 4000.0) for _ in range(2000)))
        assert len(known.to_floats()) <= 6 + 2 * 64

    @pytest.mark.parametrize(
        "damaged",
        [
            [],
            [2.0, 3.0, 0.0, 0.0, math.nan, 0.0],
            [1.0, 3.0, 0.0],
            [1.0, 3.0, 0.0, 0.0, math.nan, 1.0],
            [1.0, math.nan, 0.0, 0.0, math.nan, 0.0],
            [1.0, 0.0, 0.0, 0.0, math.nan, 0.0],
            [1.0, 3.0, 1.0, 0.0, math.nan, 1.0, 10.0, -1.0],
        ],
        ids=["nothing", "a newer version", "cut", "atoms missing", "NaN", "no prior", "negative weight"],
    )
    def test_a_damaged_or_newer_state_is_refused(self, damaged):
        with pytest.raises(ValueError, match="lead time"):
            LeadTime.from_floats(damaged, prior_seconds=MINUTE)


class TestHeld:
    """A lead has a posterior built for it: it is changed for good, not for a moment."""

    two = HeldLead(2, 60.0)

    def test_longer_is_taken_at_once(self):
        assert self.two.asked(4, now=1000.0).buckets == 4

    def test_but_not_every_tick_as_waiting_pods_grow_older(self):
        held = self.two.asked(3, now=1000.0)
        assert held.asked(5, now=1015.0).buckets == 3
        assert held.asked(9, now=1000.0 + BETWEEN_RAISES_SECONDS).buckets == 9

    def test_shorter_only_after_it_has_sufficed_for_an_hour(self):
        held = self.two.asked(1, now=0.0)
        assert held.asked(1, now=SHORTER_AFTER_SECONDS - 1).buckets == 2
        assert held.asked(1, now=SHORTER_AFTER_SECONDS).buckets == 1

    def test_the_hour_begins_anew_whenever_it_was_needed_again(self):
        held = self.two.asked(1, now=0.0).asked(2, now=1800.0).asked(1, now=1815.0)
        assert held.asked(1, now=SHORTER_AFTER_SECONDS + 100.0).buckets == 2

    def test_it_becomes_no_shorter_than_what_was_needed_within_the_hour(self):
        held = HeldLead(9, 60.0).asked(2, now=0.0).asked(5, now=1800.0).asked(2, now=1815.0)
        assert held.asked(2, now=SHORTER_AFTER_SECONDS).buckets == 5

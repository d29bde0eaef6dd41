"""What one replica serves, from utilisation and load per replica: learned where the data say it, else honestly not."""

import math
import random

import pytest

from bayescaler.policy.capacity import CapacityEvidence, CapacityTerms, learned_capacity, refused
from bayescaler.policy.reasons import CapacitySource

TARGET = 0.7
TERMS = CapacityTerms(TARGET)
GUESSED = CapacityTerms(TARGET, per_replica=50.0)
PRIOR, LEARNED = CapacitySource.PRIOR, CapacitySource.LEARNED


def service(
    capacity=50.0, *, idle=0.03, noise=0.03, low=20.0, high=45.0, buckets=300, evidence=None, seed=1, step=60.0
):
    """Evidence of replicas that are at TARGET under a load of `capacity`, with loads between `low` and `high`."""
    rng, evidence = random.Random(seed), evidence or CapacityEvidence()
    for _ in range(buckets):
        x = rng.uniform(low, high)
        u = idle + (TARGET - idle) * x / capacity + rng.gauss(0.0, noise)
        if refused(x, u, target=TARGET) is None:
            evidence = evidence.seen(x, u, TERMS, step_seconds=step)
    return evidence


def feed(utilization, *, low=10.0, high=40.0, buckets=300, seed=2):
    """Evidence of utilisations `utilization(x, noise)`."""
    rng, evidence = random.Random(seed), CapacityEvidence()
    for _ in range(buckets):
        x = rng.uniform(low, high)
        evidence = evidence.seen(x, utilization(x, rng.gauss(0.0, 0.02)), TERMS, step_seconds=60.0)
    return evidence


@pytest.mark.parametrize("capacity", [0.02, 50.0, 3e6])
@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_replica_serves_in_whatever_unit(capacity, seed):
    known = learned_capacity(service(capacity, low=0.4 * capacity, high=0.9 * capacity, seed=seed), TERMS)
    assert known.source is LEARNED
    assert known.per_replica == pytest.approx(capacity, rel=0.05)
    assert 0.9 * capacity < known.low < known.per_replica


def test_the_low_quantile_is_below_the_truth_nine_times_out_of_ten():
    lows = [learned_capacity(service(buckets=60, step=300.0, seed=s), TERMS).low for s in range(300)]
    assert 0.85 <= sum(low < 50.0 for low in lows) / len(lows) <= 1.0


def test_more_buckets_bring_the_low_quantile_closer():
    lows = [learned_capacity(service(buckets=n), TERMS).low for n in (20, 100, 2000)]
    assert lows == sorted(lows)
    assert lows[-1] > 49.0


def test_load_that_always_is_the_same_tells_it_too_as_little_is_used_without_load():
    known = learned_capacity(service(low=35.0, high=35.0), TERMS)
    assert known.per_replica == pytest.approx(50.0, rel=0.05)


def test_an_idle_share_is_learned_when_the_load_varies():
    known = learned_capacity(service(idle=0.2, noise=0.01, low=5.0, high=45.0, buckets=2000), TERMS)
    assert known.per_replica == pytest.approx(50.0, rel=0.05)


def test_a_line_is_not_trusted_to_more_than_twice_the_load_that_was_seen():
    known = learned_capacity(service(noise=0.002, low=8.0, high=12.0), TERMS)
    assert known.per_replica == pytest.approx(50.0, rel=0.1)
    assert 20.0 < known.low <= 24.0
    assert learned_capacity(service(noise=0.002, low=8.0, high=12.0), GUESSED).low > 40.0, "the user vouches for 50"


class TestPrior:
    def test_before_any_data_it_is_the_users_number_and_its_low_quantile_four_fifths_of_it(self):
        known = learned_capacity(CapacityEvidence(), GUESSED)
        assert (known.source, known.per_replica) == (PRIOR, pytest.approx(50.0))
        assert known.low == pytest.approx(40.0, rel=0.02)

    @pytest.mark.parametrize("guess", [20.0, 50.0, 150.0])
    def test_a_wrong_number_is_overcome(self, guess):
        known = learned_capacity(service(buckets=600), CapacityTerms(TARGET, per_replica=guess))
        assert (known.source, known.per_replica) == (LEARNED, pytest.approx(50.0, rel=0.06))

    def test_without_one_nothing_is_known_for_twenty_buckets(self):
        for buckets in (0, 1, 19):
            known = learned_capacity(service(buckets=buckets), TERMS)
            assert (known.per_replica, known.low, known.source) == (None, None, PRIOR)
            assert known.why == f"{buckets} of 20 buckets seen with every replica ready"
        assert learned_capacity(service(buckets=20), TERMS).source is LEARNED


class TestBounds:
    def test_floor_and_ceiling_clip_what_is_learned(self):
        bounded = CapacityTerms(TARGET, floor=60.0, ceiling=80.0)
        known = learned_capacity(service(), bounded)
        assert (known.per_replica, known.low) == (60.0, 60.0)
        known = learned_capacity(service(200.0, low=80.0, high=180.0), bounded)
        assert (known.per_replica, known.low) == (80.0, 80.0)

    def test_and_what_is_believed_at_first(self):
        known = learned_capacity(CapacityEvidence(), CapacityTerms(TARGET, per_replica=50.0, floor=45.0))
        assert known.low == 45.0


class TestHostile:
    """Whatever does not say how load and utilisation hang together leaves the prior as it is, and is said."""

    @pytest.mark.parametrize(
        ("evidence", "why"),
        [
            (feed(lambda x, e: 0.5 + e), "utilisation"),
            (feed(lambda x, e: 0.9 - 0.01 * x + e), "far less with the load"),
            (feed(lambda x, e: 0.45 + 0.004 * x + e, buckets=3000), "without load"),
            (feed(lambda x, e: 0.02 + abs(e), low=0.1, high=0.2), "perReplica"),
        ],
        ids=["memory, say", "falling", "mostly idle", "nothing but noise"],
    )
    def test_it_stays_with_the_prior(self, evidence, why):
        known = learned_capacity(evidence, GUESSED)
        assert (known.source, known.per_replica) == (PRIOR, pytest.approx(50.0, rel=0.01))
        assert known.low == pytest.approx(learned_capacity(CapacityEvidence(), GUESSED).low, rel=0.05)
        assert why in known.why
        assert learned_capacity(evidence, TERMS).per_replica is None

    def test_no_load_at_all(self):
        evidence = CapacityEvidence()
        for _ in range(300):
            evidence = evidence.seen(0.0, 0.0, TERMS, step_seconds=60.0)
        assert learned_capacity(evidence, TERMS).per_replica is None
        known = learned_capacity(evidence, GUESSED)
        assert (known.source, 45.0 < known.per_replica < 55.0) == (PRIOR, True)

    @pytest.mark.parametrize(
        ("x", "u", "why"),
        [
            (math.nan, 0.5, "no share"),
            (10.0, math.nan, "no share"),
            (10.0, math.inf, "no share"),
            (-1.0, 0.5, "no share"),
            (10.0, -0.1, "no share"),
            (10.0, 0.0, "is 0 under"),
            (10.0, 0.95, "saturated"),
            (10.0, 1.4, "saturated"),
        ],
    )
    def test_what_says_nothing_is_refused_with_why(self, x, u, why):
        assert why in refused(x, u, target=TARGET)

    def test_of_what_pods_request_they_may_use_more(self):
        assert refused(10.0, 1.4, target=1.2) is None
        assert "saturated" in refused(10.0, 1.9, target=1.2)

    def test_replicas_at_their_limit_do_not_make_it_larger(self):
        """Above 45/s the utilisation stands at 1 however much comes."""
        rng, evidence = random.Random(5), CapacityEvidence()
        for _ in range(500):
            x = rng.uniform(20.0, 200.0)
            u = min(1.0, 0.7 * x / 32.0)
            if refused(x, u, target=TARGET) is None:
                evidence = evidence.seen(x, u, TERMS, step_seconds=60.0)
        assert learned_capacity(evidence, TERMS).per_replica == pytest.approx(32.0, rel=0.03)


class TestRollout:
    def test_the_old_line_is_the_new_pods_prior(self):
        after = service().rolled_out(TERMS)
        known = learned_capacity(after, TERMS)
        assert (known.source, known.per_replica) == (LEARNED, pytest.approx(50.0, rel=0.05))
        assert known.low < 0.85 * known.per_replica, "and not as sure as it was"
        assert "before the last rollout" in known.why

    def test_new_pods_that_serve_less_are_believed_within_minutes(self):
        known = learned_capacity(
            service(35.0, low=15.0, high=30.0, buckets=10, evidence=service().rolled_out(TERMS)), TERMS
        )
        assert known.per_replica == pytest.approx(35.0, rel=0.1)

    def test_two_rollouts_in_a_row_lose_nothing_more(self):
        once = service().rolled_out(TERMS)
        assert learned_capacity(once.rolled_out(TERMS), TERMS).per_replica == pytest.approx(50.0, rel=0.05)

    def test_what_was_not_learned_is_not_made_so_by_a_rollout(self):
        assert learned_capacity(service(buckets=3).rolled_out(TERMS), TERMS).per_replica is None


class TestDrift:
    """The same code on slower nodes: no rollout tells of it, the buckets do."""

    def test_it_is_followed_within_the_hour(self):
        moved = service(30.0, low=12.0, high=26.0, buckets=60, evidence=service(buckets=5000))
        known = learned_capacity(moved, TERMS)
        assert known.low == pytest.approx(30.0, rel=0.1)

    @pytest.mark.parametrize("seed", range(10))
    def test_noise_is_none(self, seed):
        evidence = service(buckets=3000, noise=0.06, seed=seed)
        assert evidence.buckets == 3000
        assert math.isnan(evidence.slope)


class TestSaved:
    def test_it_survives_being_saved(self):
        for evidence in (CapacityEvidence(), service(), service().rolled_out(TERMS)):
            again = CapacityEvidence.from_floats(evidence.to_floats())
            assert learned_capacity(again, GUESSED) == learned_capacity(evidence, GUESSED)
            assert len(evidence.to_floats()) == 18

    @pytest.mark.parametrize(
        "damage",
        [lambda s: [], lambda s: [2.0, *s[1:]], lambda s: s[:-1], lambda s: [*s[:3], math.nan, *s[4:]]],
        ids=["nothing", "a newer version", "cut", "NaN"],
    )
    def test_a_damaged_or_newer_state_is_refused(self, damage):
        with pytest.raises(ValueError, match="capacity"):
            CapacityEvidence.from_floats(damage(service().to_floats()))

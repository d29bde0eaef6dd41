"""The smaller parts, each against a slow and obvious reference."""

import numpy as np
import pytest

from bayescast import Settings
from bayescast.kernels import alarm, envelope, exponential, hedge, spread, templates, tracker, window_max
from bayescast.kernels.memory import plan_record
from bayescast.kernels.state import (
    ALARM_DOWN,
    ALARM_UP,
    BOUNDABLE,
    DEBT,
    HIGH_DEBT,
    ISSUED,
    LEVEL_GRID,
    LOGITS,
    LOSS_SCALE,
    MEAN_RESIDUAL,
    N_BY_LEVEL,
    N_EXPERTS,
    N_LEAD_MARKS,
    N_LEAD_SCALARS,
    N_LEVELS,
    N_MARKS,
    N_SCALARS,
    R_ISSUED,
    UNSEEN,
    WHOLE,
    Z_HIGH,
    Z_LOW,
    Z_TOP,
    make_plan,
)


@pytest.mark.parametrize("window", [1, 2, 7])
def test_the_queue_gives_the_maximum_of_the_window_also_across_missing_buckets(compiled, window):
    rng = np.random.default_rng(window)
    values, at = np.zeros(window + 1), np.zeros(window + 1, np.int64)
    marks = np.zeros(N_LEAD_MARKS, np.int64)
    loads = np.where(rng.random(400) < 0.3, np.nan, rng.integers(0, 6, 400).astype(float))
    for clock, load in enumerate(loads):
        if not np.isnan(load):
            compiled(window_max.push)(values, at, 0, window + 1, marks, clock, load)
        found = compiled(window_max.peak)(values, at, 0, window + 1, marks, clock)
        seen = loads[max(0, clock - window + 1) : clock + 1]
        seen = seen[~np.isnan(seen)]
        assert found == seen.max() if seen.size else np.isnan(found)


def test_exponentials_agree_with_the_library(compiled):
    x = np.concatenate([np.linspace(-700, 700, 997), np.linspace(-1, 1, 101), [0.0]])
    values = x.copy()
    compiled(exponential.exp_all)(values, len(x))
    np.testing.assert_allclose(values, np.exp(x), rtol=3e-15)


def test_logarithms_agree_with_the_library(compiled):
    x = np.concatenate(
        [np.geomspace(1e-300, 1e300, 1201), np.linspace(0.5, 2.0, 301), 1.0 + np.geomspace(1e-15, 0.1, 50)]
    )
    values = x.copy()
    compiled(exponential.log_all)(values, len(x))
    np.testing.assert_allclose(values, np.log(x), rtol=3e-15)


def test_a_template_is_the_mean_of_its_visits_and_then_forgets(compiled):
    table, counts = np.full((1, 4), UNSEEN, np.int16), np.zeros((1, 4), np.uint8)
    for n, value in enumerate([1.0, 2.0, 3.0, 4.0, 10.0], start=1):
        count = compiled(templates.tally)(counts, 0, 2)
        compiled(templates.learn)(table, 0, 2, value, compiled(templates.gain)(count, 0.25))
        if n == 4:
            assert compiled(templates.smooth)(table, 0, 0, 4, 2, 0) == pytest.approx(2.5, abs=0.002)
    assert compiled(templates.smooth)(table, 0, 0, 4, 2, 0) == pytest.approx(2.5 + 0.25 * 7.5, abs=0.002)
    assert (table[0, [0, 1, 3]] == UNSEEN).all()


@pytest.mark.parametrize("z", [-20.7, 0.0, 34.5, 1e9, -1e9])
def test_a_slot_holds_any_load_there_can_be(compiled, z):
    table = np.full((1, 1), UNSEEN, np.int16)
    compiled(templates.learn)(table, 0, 0, z, 1.0)
    assert compiled(templates.smooth)(table, 0, 0, 1, 0, 0) == pytest.approx(np.clip(z, -36.4, 36.4), abs=0.01)


def test_smoothing_goes_around_the_clock_over_seen_slots_only(compiled):
    slots = np.array([[8100, 8100, 900, UNSEEN, 4500, 5400]], np.int16)  # a season of four slots from column 2 on
    assert compiled(templates.smooth)(slots, 0, 2, 4, 0, 1) == pytest.approx((1 + 6) / 2)
    assert np.isnan(compiled(templates.smooth)(slots, 0, 2, 4, 1, 0))
    assert compiled(templates.smooth)(slots, 0, 2, 4, 1, 1) == pytest.approx((1 + 5) / 2)


def test_slot_counts_stop_at_what_their_type_holds(compiled):
    counts = np.zeros((1, 1), np.uint8)
    found = [compiled(templates.tally)(counts, 0, 0) for _ in range(300)]
    assert found[:255] == list(range(1, 256))
    assert set(found[255:]) == {255}


def test_hedge_adds_the_clipped_excess_over_what_was_issued(compiled):
    rng = np.random.default_rng(0)
    losses, by_level = rng.random((N_EXPERTS, N_LEVELS)), np.zeros((N_BY_LEVEL, N_LEVELS))
    before = losses.copy()
    ring = np.zeros((1, R_ISSUED + N_LEVELS))
    ring[0, R_ISSUED:] = np.linspace(1.0, 3.0, N_LEVELS)
    quantile = rng.random((1, N_EXPERTS, N_LEVELS)).astype(np.float32) * 50
    scratch = np.zeros((3, N_LEVELS))
    compiled(hedge.learn)(losses, by_level, quantile, ring, 0, 2.2, 0.9, 0.02, 0.1, 20.0, 1, *scratch)
    for j, level in enumerate(LEVEL_GRID):
        own = max(level * (2.2 - ring[0, R_ISSUED + j]), (level - 1) * (2.2 - ring[0, R_ISSUED + j]))
        for e in range(N_EXPERTS):
            miss = 2.2 - float(quantile[0, e, j])
            excess = (max(level * miss, (level - 1) * miss) - own) / (own + 1e-12)
            assert losses[e, j] == pytest.approx(0.9 * before[e, j] + np.clip(excess, -20, 20))


def test_hedge_keeps_what_it_knows_through_windows_that_cost_next_to_nothing(compiled):
    losses, by_level = np.ones((N_EXPERTS, N_LEVELS)), np.zeros((N_BY_LEVEL, N_LEVELS))
    ring, quantile = np.full((1, R_ISSUED + N_LEVELS), 3.0), np.full((1, N_EXPERTS, N_LEVELS), 3.0, np.float32)
    scratch = np.zeros((3, N_LEVELS))
    by_level[LOSS_SCALE] = 100.0
    for outcome, kept in ((3.0, 1 - 0.1 * 0.1), (900.0, 0.9)):  # a quiet window, then an eventful one
        before = losses.copy()
        compiled(hedge.learn)(losses, by_level, quantile, ring, 0, outcome, 0.9, 0.02, 0.1, 20.0, 500, *scratch)
        np.testing.assert_allclose(losses, kept * before)


def combine(compiled, losses, quantile):
    combined, total, weight = np.zeros(N_LEVELS), np.zeros(N_LEVELS), np.zeros(N_EXPERTS * N_LEVELS)
    compiled(hedge.combine)(losses, quantile.ravel(), np.full(N_LEVELS, 0.05), 0.001, combined, total, weight)
    return combined


def test_hedge_averages_quantiles_with_nearly_exponential_weights_and_keeps_their_order(compiled):
    rng = np.random.default_rng(1)
    losses, quantile = 30 * rng.random((N_EXPERTS, N_LEVELS)), 10 * rng.random((N_EXPERTS, N_LEVELS))
    weights = np.exp(-0.05 * (losses - losses.min(axis=0))) + 0.001 / N_EXPERTS
    mean = (weights * quantile).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(combine(compiled, losses, quantile), np.maximum.accumulate(mean), rtol=0.02)


def test_hedge_gives_the_weight_to_the_expert_that_loses_least(compiled):
    losses = np.full((N_EXPERTS, N_LEVELS), 400.0)
    losses[5] = 0.0
    quantile = np.tile(np.arange(N_EXPERTS, dtype=float)[:, None], (1, N_LEVELS))
    np.testing.assert_allclose(combine(compiled, losses, quantile), 5.0, atol=0.01)


def tracked(
    compiled, combined, debt, *, high_debt=0.0, high=False, apart=False, noise=0.0, reach=1e9, top=100.0, snap=100.0
):
    table = np.zeros((N_BY_LEVEL, N_LEVELS))
    table[DEBT], table[HIGH_DEBT] = debt, high_debt
    plan = make_plan(60.0, (1,), (), (), 60, 0, Settings())._replace(
        tracker_gain=np.full((1, N_LEVELS), 0.005),
        tracker_debt=np.full((1, N_LEVELS), 20.0),
        tracker_noise=np.full((1, N_LEVELS), noise),
        tracked_apart=np.full((1, N_LEVELS), apart),
    )
    compiled(tracker.issue)(
        np.array(combined), np.zeros(N_LEVELS), table, plan_record(plan), 0, high, 1.0, reach, 0.0, 1.0, top, snap
    )
    return table[ISSUED]


def test_without_debt_the_tracker_issues_what_was_combined(compiled):
    combined = np.geomspace(10.0, 90.0, N_LEVELS)
    np.testing.assert_allclose(tracked(compiled, combined, 0.0), combined, rtol=1e-12)


def test_owed_misses_raise_the_levels_along_logit(compiled):
    combined = np.exp(LOGITS) - 1.0  # log(load + 1) = logit(level)
    debt = 2.0
    issued = tracked(compiled, combined, debt)
    shift = 0.005 * debt / (LEVEL_GRID * (1 - LEVEL_GRID)) * (1 + (debt / 20.0) ** 2)
    np.testing.assert_allclose(np.log1p(issued), LOGITS + shift, rtol=1e-9)


def test_issued_quantiles_never_cross_and_stay_under_the_cap(compiled):
    debt = np.array([60, -60, 80, -80, 50, -50, 30, -30, 9.0])
    issued = tracked(compiled, np.geomspace(10.0, 90.0, N_LEVELS), debt, top=np.log(61.0))
    assert (np.diff(issued) >= 0).all()
    assert 0 <= issued.min() <= issued.max() <= 60.0 + 1e-9


def test_a_debt_that_chance_would_bring_is_not_answered_and_only_its_excess_is(compiled):
    combined = np.geomspace(10.0, 90.0, N_LEVELS)
    for debt in (-3.0, 3.0):
        np.testing.assert_allclose(tracked(compiled, combined, debt, noise=3.0), combined, rtol=1e-12)
        beyond = tracked(compiled, combined, debt + np.sign(debt), noise=3.0)
        np.testing.assert_allclose(beyond, tracked(compiled, combined, np.sign(debt)), rtol=1e-12)


def test_no_debt_raises_a_level_by_more_than_the_reach_but_lowers_it_as_far_as_it_takes(compiled):
    combined = np.exp(LOGITS) - 1.0  # log(load + 1) = logit(level)
    raised, lowered = tracked(compiled, combined, 500.0, reach=1.0), tracked(compiled, combined, -20.0, reach=1.0)
    np.testing.assert_allclose(np.log1p(raised), LOGITS + 1.0, rtol=1e-9)
    assert np.log1p(lowered[6]) < LOGITS[6] - 2.0


def test_high_forecasts_answer_for_their_own_misses_where_there_is_evidence_enough(compiled):
    combined = np.geomspace(10.0, 90.0, N_LEVELS)
    apart = {"debt": -2.0, "high_debt": 2.0, "apart": True}
    assert (tracked(compiled, combined, **apart, high=True)[1:-1] > combined[1:-1]).all()
    assert (tracked(compiled, combined, **apart, high=False)[1:-1] < combined[1:-1]).all()
    joint = {"debt": -2.0, "high_debt": 2.0, "apart": False}
    np.testing.assert_array_equal(tracked(compiled, combined, **joint, high=True), tracked(compiled, combined, -2.0))


def test_a_quantile_next_to_the_bound_is_the_bound(compiled):
    combined = np.array([50.0, 60.0, 70.0, 80.0, 90.0, 97.0, 98.5, 99.0, 99.5])
    top = np.log(100.0 + 1.0)
    issued = tracked(compiled, combined, 0.0, top=top, snap=top - 0.02)
    np.testing.assert_allclose(issued[:6], combined[:6])
    np.testing.assert_allclose(issued[6:], 100.0)


def test_a_gauge_that_stays_at_its_largest_load_is_bounded_by_it_until_it_exceeds_it(compiled):
    marks, scalars = np.zeros(N_MARKS, np.int64), np.zeros(N_SCALARS)
    marks[BOUNDABLE] = WHOLE
    for load in (99.5, 100.0, 42.1, 100.0, 100.0):
        compiled(envelope.learn_bound)(marks, scalars, load)
        assert not compiled(envelope.is_bounded)(marks, scalars, 4.0)
    compiled(envelope.learn_bound)(marks, scalars, 100.0)
    assert compiled(envelope.is_bounded)(marks, scalars, 4.0)
    assert np.exp(compiled(envelope.log_bound)(scalars, 30.0)) - 30.0 == pytest.approx(100.0)
    compiled(envelope.learn_bound)(marks, scalars, 100.5)
    assert not compiled(envelope.is_bounded)(marks, scalars, 4.0)


def test_small_whole_numbers_that_repeat_their_largest_are_not_bounded_by_it(compiled):
    marks, scalars = np.zeros(N_MARKS, np.int64), np.zeros(N_SCALARS)
    marks[BOUNDABLE] = WHOLE
    for load in [0.0, 3.0] * 50:
        compiled(envelope.learn_bound)(marks, scalars, load)
    assert not compiled(envelope.is_bounded)(marks, scalars, 5.0)


def test_debt_counts_misses_beyond_the_due_and_fades(compiled):
    table = np.zeros((N_BY_LEVEL, N_LEVELS))
    debt = 0.0
    for missed in [True, False, False, True]:
        compiled(tracker.learn)(table, 3, False, missed, 8000.0)
        compiled(tracker.learn)(table, 5, True, missed, 8000.0)
        debt += -debt / 8000.0 + missed - 0.1
    assert table[DEBT, 3] == pytest.approx(debt, abs=1e-12)
    assert table[HIGH_DEBT, 5] > table[DEBT, 5] == 0.0


def test_the_envelope_follows_extremes_at_once_and_closes_slowly(compiled):
    scalars = np.zeros(N_SCALARS)
    compiled(envelope.start)(scalars, 2.0)
    compiled(envelope.learn)(scalars, 5.0, 0.01)
    assert scalars[Z_TOP] == 5.0
    assert scalars[Z_HIGH] == 5.0
    compiled(envelope.learn)(scalars, 2.0, 0.01)
    assert scalars[Z_TOP] == pytest.approx(4.97)
    assert 1.0 < scalars[Z_LOW] < 1.01
    assert 4.99 < scalars[Z_HIGH] < 5.0


def test_the_mean_residual_at_a_level_is_shared_between_its_bins(compiled):
    table = np.zeros((16, 2))
    for _ in range(2000):
        compiled(spread.learn_level)(table, 3.25, 0.8, 1000.0)
    assert table[3, 0] == pytest.approx(0.8, rel=0.01)
    assert compiled(spread.at_level)(table, 3.25, 0.1) == pytest.approx(0.8, rel=0.02)
    assert compiled(spread.at_level)(table, 9.0, 0.1) == pytest.approx(0.1)
    assert compiled(spread.level_place)(99.0, 0.0, 1.0) < 15.0
    assert compiled(spread.level_place)(-99.0, 0.0, 1.0) == 0.0


def test_mean_residuals_follow_their_memories(compiled):
    scalars = np.zeros(N_LEAD_SCALARS)
    scalars[MEAN_RESIDUAL] = 0.3
    mean = 0.3
    for size in [0.1, 0.9, 0.4]:
        compiled(spread.learn_means)(scalars, size)
        mean += 0.002 * (size - mean)
    assert scalars[MEAN_RESIDUAL] == pytest.approx(mean)


def alarms(compiled, surprises):
    scalars = np.zeros(N_SCALARS)
    found = [compiled(alarm.learn)(scalars, s, n, 1.0, 3.0, 6.0) for n, s in enumerate(surprises, start=1)]
    return np.flatnonzero(found), scalars


def test_a_level_step_sounds_the_alarm_within_a_few_buckets(compiled):
    noise = 0.1 * np.random.default_rng(0).standard_normal(300)
    for step in (np.log(3.0), -np.log(3.0)):
        surprises = noise.copy()
        surprises[200:] += step * 0.9 ** np.arange(100)  # the expectation follows
        found, _ = alarms(compiled, surprises)
        assert found.size
        assert 200 <= found[0] <= 205


def test_noise_and_a_single_outlier_do_not_sound_it(compiled):
    surprises = 0.1 * np.random.default_rng(0).standard_normal(3000)
    surprises[1500] = 50.0
    found, scalars = alarms(compiled, surprises)
    assert found.size == 0
    assert scalars[[ALARM_UP, ALARM_DOWN]].min() >= 0.0

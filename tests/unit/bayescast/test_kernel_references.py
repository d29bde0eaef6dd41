"""Kernels against references that are slow and obvious: definitions, whole sums over the past, libraries."""

import numpy as np
import pytest

from bayescast import Settings
from bayescast.kernels import alarm, envelope, hedge, levels, spread, templates, tracker
from bayescast.kernels.memory import plan_record
from bayescast.kernels.state import (
    ALARM_DOWN,
    ALARM_SCALE,
    ALARM_UP,
    DEBT,
    ISSUED,
    LEVEL_GRID,
    LOGITS,
    LOSS_SCALE,
    MEAN_RESIDUAL,
    N_BY_LEVEL,
    N_EXPERTS,
    N_LEAD_SCALARS,
    N_LEVELS,
    N_SCALARS,
    R_ISSUED,
    R_SPREAD_FEATURE,
    RECENT_RESIDUAL,
    UNSEEN,
    Z_HIGH,
    Z_LOW,
    Z_TOP,
    make_plan,
)


def slow_issue(combined, debt, gain, limit, noise, reach, tail, offset, top):
    """Read the quantile function at the moved levels: a broken line of log load over logit."""
    z = np.log(combined + offset)
    due = np.sign(debt) * np.clip(np.abs(debt) - noise, 0.0, None)
    moved = LOGITS + np.minimum(gain * due / (LEVEL_GRID * (1 - LEVEL_GRID)) * (1 + (due / limit) ** 2), reach)
    first, last = LOGITS[1] - LOGITS[0], LOGITS[-1] - LOGITS[-2]
    values = np.interp(moved, LOGITS, z)
    below = np.maximum((moved - LOGITS[0]) / first, -2.0)
    values = np.where(moved < LOGITS[0], z[0] + (z[1] - z[0]) * below, values)
    beyond = (moved - LOGITS[-1]) / last
    values = np.where(moved > LOGITS[-1], z[-1] + (z[-1] - z[-2] + tail) * beyond, values)
    return np.maximum.accumulate(np.clip(np.exp(np.minimum(values, top)) - offset, 0.0, None))


@pytest.mark.parametrize("seed", range(20))
def test_the_tracker_reads_the_quantile_function_at_the_moved_levels(compiled, seed):
    rng = np.random.default_rng(seed)
    combined = np.sort(rng.gamma(2.0, 50.0, N_LEVELS))
    combined[: rng.integers(0, 4)] = 0.0
    debt = rng.normal(0.0, 40.0, N_LEVELS) * (rng.random(N_LEVELS) < 0.7)
    gain, limit = rng.uniform(1e-4, 5e-3, (2, N_LEVELS)), rng.uniform(5.0, 200.0, (2, N_LEVELS))
    tail, offset, top = 0.02 * rng.random(), rng.uniform(0.1, 30.0), np.log(rng.uniform(100.0, 5000.0))
    noise, reach = rng.uniform(0.0, 20.0), rng.uniform(0.5, 3.0)
    table = np.zeros((N_BY_LEVEL, N_LEVELS))
    table[DEBT] = debt
    plan = make_plan(60.0, (1, 5), (), (), 60, 0, Settings())._replace(
        tracker_gain=gain, tracker_debt=limit, tracker_noise=np.full((2, N_LEVELS), 2.0 * noise)
    )
    compiled(tracker.issue)(
        combined.copy(), np.zeros(N_LEVELS), table, plan_record(plan), 1, False, 0.5, reach, tail, offset, top, np.inf
    )
    expected = slow_issue(combined, debt, gain[1], limit[1], noise, reach, tail, offset, top)
    np.testing.assert_allclose(table[ISSUED], expected, rtol=1e-9, atol=1e-9)


def test_a_debt_is_the_discounted_sum_of_misses_beyond_their_due(compiled):
    missed = np.random.default_rng(0).random(500) < 0.3
    table = np.zeros((N_BY_LEVEL, N_LEVELS))
    for miss in missed:
        compiled(tracker.learn)(table, 6, False, bool(miss), 100.0)
    kept = (1 - 1 / 100.0) ** np.arange(499, -1, -1)
    assert table[DEBT, 6] == pytest.approx(np.sum(kept * (missed - 0.01)), rel=1e-9)


def test_the_alarm_accumulates_as_cusum_is_defined(compiled):
    rng = np.random.default_rng(3)
    surprises = rng.normal(0.0, 0.2, 200)
    surprises[120:] += 0.15
    scalars = np.zeros(N_SCALARS)
    scale, scores = 0.0, []
    for n, surprise in enumerate(surprises, start=1):
        size = abs(surprise)
        scale = size if n == 1 else scale + (min(size, 5 * scale + 0.001) - scale) / n
        scores.append(np.clip(surprise / (1.25 * scale + 0.01), -3.0, 3.0))
        assert not compiled(alarm.learn)(scalars, surprise, n, 1.0, 3.0, 1e9)
        assert scalars[ALARM_SCALE] == pytest.approx(scale)
        for column, sign in ((ALARM_UP, 1.0), (ALARM_DOWN, -1.0)):
            sums = np.cumsum((sign * np.array(scores) - 1.0)[::-1])  # over the last 1, 2, .. buckets
            assert scalars[column] == pytest.approx(max(0.0, sums.max()), abs=1e-9)


def test_after_an_alarm_there_is_none_for_thirty_buckets_and_it_starts_from_nothing(compiled):
    scalars = np.zeros(N_SCALARS)
    for n in range(1, 201):
        compiled(alarm.learn)(scalars, 0.1 * (-1) ** n, n, 1.0, 3.0, 6.0)
    found = [compiled(alarm.learn)(scalars, 50.0, n, 1.0, 3.0, 6.0) for n in range(201, 251)]
    first, second = np.flatnonzero(found)
    assert first == 2  # three clipped surprises of 3, less the drift of 1, reach 6
    assert second - first == 30 + 3
    assert scalars[ALARM_DOWN] == 0.0


def test_the_envelope_holds_every_load_and_closes_by_its_rate(compiled):
    rng = np.random.default_rng(4)
    scalars = np.zeros(N_SCALARS)
    compiled(envelope.start)(scalars, 1.0)
    low, high, top = 0.0, 2.0, 1.0
    for z in 1.0 + 0.1 * np.cumsum(rng.normal(size=400)):
        compiled(envelope.learn)(scalars, z, 0.01)
        width = high - low
        low, high = min(z, low + 0.0005 * width), max(z, high - 0.0005 * width)
        top = max(z, 0.99 * top + 0.01 * z)
        assert scalars[[Z_LOW, Z_HIGH, Z_TOP]] == pytest.approx([low, high, top])
        assert low <= z <= high
        assert top >= z


@pytest.mark.parametrize("reach", [0, 1, 2, 5])
def test_smoothing_is_the_mean_of_the_slots_around(compiled, reach):
    rng = np.random.default_rng(reach)
    table = rng.integers(-9000, 9000, (2, 30)).astype(np.int16)
    table[rng.random((2, 30)) < 0.4] = UNSEEN
    first, n = 7, 20
    season = np.where(table[1, first : first + n] == UNSEEN, np.nan, table[1, first : first + n] / 900.0)
    for slot in range(n):
        around = season[np.arange(slot - reach, slot + reach + 1) % n]
        found = compiled(templates.smooth)(table, 1, first, n, slot, reach)
        if np.isnan(around).all():
            assert np.isnan(found)
        else:
            assert found == pytest.approx(np.nanmean(around), abs=1e-12)


def test_the_spread_around_a_slot_is_a_weighted_mean_shrunk_to_the_prior(compiled):
    rng = np.random.default_rng(6)
    table, counts = rng.random((2, 24)).astype(np.float32), rng.integers(0, 6, (2, 24)).astype(np.uint8)
    for slot in range(24):
        around = np.arange(slot - 3, slot + 4) % 24
        weights = np.minimum(counts[1, around], 3)
        expected = (5 * 0.4 + np.sum(weights * table[1, around].astype(float))) / (5 + weights.sum())
        assert compiled(templates.spread)(table, counts, 1, slot, 3, 0.4) == pytest.approx(expected, rel=1e-6)


def test_a_season_of_two_slots_is_read_within_its_bounds(compiled):
    table, counts = np.array([[0.2, 0.6]], np.float32), np.array([[3, 3]], np.uint8)
    for slot in range(2):
        other = 2 * 3 * float(table[0, 1 - slot]) + 3 * float(table[0, slot])
        assert compiled(templates.spread)(table, counts, 0, slot, 3, 0.4) == pytest.approx((5 * 0.4 + other) / 14)


def test_the_spread_by_level_is_a_mean_shared_between_two_bins_and_shrunk(compiled):
    rng = np.random.default_rng(7)
    table, memory = np.zeros((16, 2)), 50.0
    means, weights = np.zeros(16), np.zeros(16)
    for _ in range(300):
        place, size = rng.uniform(0.0, 14.9), rng.exponential()
        compiled(spread.learn_level)(table, place, size, memory)
        for b, share in ((int(place), 1 - place % 1), (int(place) + 1, place % 1)):
            weights[b] = min(weights[b] + share, memory)
            means[b] += share * (size - means[b]) / (weights[b] + 1.0)
    np.testing.assert_allclose(table, np.stack([means, weights], axis=1), rtol=1e-12)
    shrunk = (means * weights + 0.7 * 10.0) / (weights + 10.0)
    for place in (0.0, 0.25, 3.5, 14.75):
        assert compiled(spread.at_level)(table, place, 0.7) == pytest.approx(np.interp(place, range(16), shrunk))


def test_the_features_of_the_scale_are_logs_of_ratios_within_bounds(compiled):
    scalars, ring = np.zeros(N_LEAD_SCALARS), np.zeros((1, R_SPREAD_FEATURE + 5))
    mean, recent = 0.4, 0.9
    scalars[[MEAN_RESIDUAL, RECENT_RESIDUAL]] = mean, recent
    for by_slot, by_level in ((0.2, 0.5), (0.0, 1e9)):
        compiled(spread.describe)(ring, 0, scalars, by_slot, by_level, -0.3)
        ratios = [(size + 0.05 * mean) / (mean + 0.05 * mean) for size in (by_slot, by_level, recent)]
        expected = [1.0, *np.log(np.clip(ratios, 0.1, 8.0)), -0.3]
        np.testing.assert_allclose(ring[0, R_SPREAD_FEATURE:], expected, atol=1e-8)
    assert compiled(spread.target)(0.8, 0.4) == pytest.approx(np.log((0.8 + 0.02) / 0.4), abs=1e-6)


def test_mean_residuals_are_exponential_means_and_the_recent_one_is_winsorised(compiled):
    scalars = np.zeros(N_LEAD_SCALARS)
    scalars[[MEAN_RESIDUAL, RECENT_RESIDUAL]] = mean = recent = 0.3
    for size in [0.2, 0.5, 90.0, 0.1, 0.0]:
        compiled(spread.learn_means)(scalars, size)
        mean += (size - mean) / 500.0
        recent += (min(size, 10 * recent) - recent) / 10.0
    assert scalars[MEAN_RESIDUAL] == pytest.approx(mean, rel=1e-9)
    assert scalars[RECENT_RESIDUAL] == pytest.approx(recent, rel=1e-5)


def test_regret_is_the_discounted_sum_of_clipped_excess_losses(compiled):
    rng = np.random.default_rng(8)
    losses, table = np.zeros((N_EXPERTS, N_LEVELS)), np.zeros((N_BY_LEVEL, N_LEVELS))
    quantiles = rng.gamma(3.0, 10.0, (40, N_EXPERTS, N_LEVELS)).astype(np.float32)
    ring = np.zeros((40, R_ISSUED + N_LEVELS))
    ring[:, R_ISSUED:] = np.sort(rng.gamma(3.0, 10.0, (40, N_LEVELS)))
    outcomes, scratch = rng.gamma(3.0, 10.0, 40), np.zeros((3, N_LEVELS))

    def pinball(outcome, quantile):
        return np.maximum(LEVEL_GRID * (outcome - quantile), (LEVEL_GRID - 1) * (outcome - quantile))

    own = np.array([pinball(m, q) for m, q in zip(outcomes, ring[:, R_ISSUED:], strict=True)])
    expected = np.zeros((N_EXPERTS, N_LEVELS))
    for t in range(40):
        compiled(hedge.learn)(losses, table, quantiles, ring, t, outcomes[t], 0.97, 0.0, 1.0, 3.0, t + 1, *scratch)
        mean = own[: t + 1].mean(axis=0)
        excess = (pinball(outcomes[t], quantiles[t].astype(float)) - own[t]) / mean
        expected = 0.97 * expected + np.clip(excess, -3.0, 3.0)
        np.testing.assert_allclose(table[LOSS_SCALE], mean, rtol=1e-9)
    np.testing.assert_allclose(losses, expected, rtol=1e-7)


def test_dispersion_is_a_ratio_of_discounted_sums(compiled):
    rng = np.random.default_rng(9)
    scalars = np.array([2.0, 10.0, 0.2])
    total, weight, rho = 2.0, 10.0, 0.2
    for load in rng.negative_binomial(4, 0.1, 200).astype(float):
        found = compiled(levels.learn_dispersion)(scalars, 0, load, 30.0, 36.0, 0.99)
        surplus = min((load - 30.0) ** 2 - 30.0, 25.0 * (30.0 + rho * 900.0))
        total = 0.99 * total + surplus / (900.0 + 0.01 * 36.0**2)
        weight = 0.99 * weight + 1.0
        rho = np.clip(total / weight, 0.0, 20.0)
        assert found == pytest.approx(rho, rel=1e-9)

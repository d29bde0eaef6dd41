"""Scores against what a slow loop or a closed form says."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from bayescast import LEVELS, Family, InvalidValue, Predictive, scores

LEVEL = np.array(LEVELS)


def predictive(row):
    return Predictive(LEVEL, np.asarray(row, dtype=float), 1, 60.0, 0.0, Family.POISSON_GAMMA)


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.fixture
def issued(random):
    """Rows as a forecaster may issue them: spread, with ties, all alike, and all zero."""
    rows = np.sort(random.gamma(2.0, 30.0, (40, 9)), axis=1)
    rows[10:14, 3:6] = rows[10:14, 3:4]
    rows[20:24] = rows[20:24, :1]
    rows[30:32] = 0.0
    rows[32:34, :5] = 0.0
    return rows


@pytest.fixture
def realised(random, issued):
    """Loads below, at and above the quantiles."""
    loads = random.gamma(2.0, 30.0, len(issued))
    loads[10:14] = issued[10:14, 4]
    loads[20:22] = issued[20:22, 0]
    loads[30:33] = 0.0
    return loads


def lognormal_rows(n, median=100.0, sigma=0.2):
    return np.tile(median * np.exp(sigma * ndtri(LEVEL)), (n, 1))


class TestWindowMax:
    @given(
        values=st.lists(st.one_of(st.floats(0, 1e6), st.just(math.nan)), max_size=60),
        lead=st.integers(1, 70),
        missing_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    )
    def test_is_the_largest_of_the_next_loads(self, values, lead, missing_share):
        found = scores.window_max(values, lead, missing_share=missing_share)
        assert len(found) == len(values)
        for t, maximum in enumerate(found):
            window = values[t + 1 : t + 1 + lead]
            known = [v for v in window if not math.isnan(v)]
            if len(window) < lead or not known or lead - len(known) > missing_share * lead:
                assert math.isnan(maximum)
            else:
                assert maximum == max(known)

    def test_a_lead_of_no_bucket_is_refused(self):
        with pytest.raises(InvalidValue, match="lead"):
            scores.window_max([1.0, 2.0], 0)


class TestDisjointWindows:
    @given(known=st.lists(st.booleans(), max_size=60), lead=st.integers(1, 12))
    def test_no_two_share_a_bucket_and_none_could_be_added(self, known, lead):
        rows = scores.disjoint_windows(np.where(known, 1.0, np.nan) if known else np.empty(0), lead).tolist()
        assert all(known[row] for row in rows)
        assert all(later - row >= lead for row, later in pairwise(rows))
        assert all(any(abs(t - row) < lead for row in rows) for t, there in enumerate(known) if there)

    def test_gaps_do_not_cost_more_than_themselves(self):
        known = np.ones(40)
        known[5:25] = np.nan
        assert scores.disjoint_windows(known, 5).tolist() == [0, 25, 30, 35]


class TestLosses:
    def test_pinball_weighs_shortage_by_the_level_and_surplus_by_the_rest(self, issued, realised):
        loss = [
            [tau * (m - q) if m >= q else (1 - tau) * (q - m) for tau, q in zip(LEVELS, row, strict=True)]
            for row, m in zip(issued, realised, strict=True)
        ]
        assert scores.pinball(issued, realised) == pytest.approx(np.mean(loss, axis=0), rel=1e-12)

    def test_pinball_is_least_for_the_true_quantile(self, random):
        loads = 100.0 * np.exp(0.2 * random.standard_normal(20_000))
        right = scores.pinball(lognormal_rows(len(loads)), loads)
        for wrong in (0.9, 1.1):
            assert np.all(right < scores.pinball(wrong * lognormal_rows(len(loads)), loads))

    def test_rmse_is_that_of_the_median(self, issued, realised):
        assert scores.rmse(issued, realised) == pytest.approx(
            math.sqrt(sum((m - row[0]) ** 2 for row, m in zip(issued, realised, strict=True)) / len(issued))
        )

    def test_crps_of_a_point_is_the_absolute_error(self):
        assert scores.crps(np.full((3, 9), 10.0), [4.0, 10.0, 17.0]) == pytest.approx((6 + 0 + 7) / 3)

    @pytest.mark.parametrize("load", [60.0, 95.0, 100.0, 130.0, 200.0])
    def test_crps_of_a_lognormal_is_its_closed_form(self, load):
        s, z = 0.2, math.log(load / 100.0) / 0.2
        mean = 100.0 * math.exp(s * s / 2)
        exact = load * (2 * ndtr(z) - 1) - 2 * mean * (ndtr(z - s) + ndtr(s / math.sqrt(2)) - 1)
        assert scores.crps(lognormal_rows(1), [load]) == pytest.approx(exact, rel=0.02, abs=0.1)

    def test_crps_is_twice_the_integral_of_pinball_over_the_law_of_the_predictive(self, issued, realised):
        grid = (np.arange(200) + 0.5) / 200
        total = 0.0
        for row, m in zip(issued, realised, strict=True):
            q = predictive(row).quantile(grid)
            total += 2 * np.mean(np.where(m >= q, grid * (m - q), (1 - grid) * (q - m)))
        assert scores.crps(issued, realised) == pytest.approx(total / len(issued), rel=1e-9)

    def test_brier_is_the_squared_error_of_the_exceedance_probability(self, issued, realised):
        for capacity in (0.0, 20.0, 80.0, 400.0):
            loop = [
                (predictive(row).exceedance(capacity) - (m > capacity)) ** 2
                for row, m in zip(issued, realised, strict=True)
            ]
            assert scores.brier(issued, realised, capacity) == pytest.approx(np.mean(loop), rel=1e-9)

    def test_rows_that_miss_either_side_are_in_no_score(self, issued, realised):
        more = np.vstack([issued, np.full((1, 9), np.nan), issued[:1]])
        came = np.concatenate([realised, [5.0, np.nan]])
        assert scores.pinball(more, came) == pytest.approx(scores.pinball(issued, realised))
        assert scores.crps(more, came) == pytest.approx(scores.crps(issued, realised))

    def test_over_no_row_a_score_is_unknown(self):
        nothing = np.empty((0, 9))
        assert np.isnan(scores.pinball(nothing, [])).all()
        assert all(math.isnan(found(nothing, [])) for found in (scores.crps, scores.rmse))
        assert math.isnan(scores.brier(nothing, [], 1.0))

    def test_arrays_that_do_not_fit_are_named(self):
        with pytest.raises(InvalidValue, match=r"quantiles have shape \(3, 4\)"):
            scores.pinball(np.ones((3, 4)), np.ones(3))


class TestTransforms:
    @pytest.mark.parametrize("load", [0.0, 1e-300, 3.0, 25.0, 60.0, 150.0, 1e4, 1e300, math.nan])
    def test_the_cdf_of_all_rows_is_that_of_each_predictive(self, issued, load):
        found = scores.cdf(issued, np.full(len(issued), load))
        for row, share in zip(issued, found, strict=True):
            assert share == pytest.approx(predictive(row).cdf(load), rel=1e-9, abs=1e-12, nan_ok=True)

    def test_a_tie_mirrored_below_the_median_is_that_of_the_predictive_too(self):
        row = [10.0, 20.0, 20.0, 20.0, 40.0, 40.0, 80.0, 80.0, 80.0]
        for load in (5.0, 2.5, 1.25):
            assert scores.cdf([row], [load])[0] == pytest.approx(predictive(row).cdf(load), rel=1e-12)
        assert scores.cdf([row], [5.0])[0] == pytest.approx(0.3)  # P(M >= 20), mirrored

    def test_at_its_own_quantiles_the_cdf_is_the_level(self, issued, realised):
        for column, level in enumerate(LEVELS):
            assert scores.cdf(issued[:10], issued[:10, column]) == pytest.approx(np.full(10, level))

    def test_uniform_where_the_forecast_is_right(self, random):
        loads = 100.0 * np.exp(0.2 * random.standard_normal(20_000))
        u = np.sort(scores.pit(lognormal_rows(len(loads)), loads, 1))
        distance = np.max(np.abs(u - (np.arange(len(u)) + 0.5) / len(u)))
        assert distance < 1.63 / math.sqrt(len(u))  # Kolmogorov's 1 % point

    def test_an_atom_is_spread_over_what_it_holds(self):
        rows = np.tile([0.0, 0.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0], (5000, 1))
        u = scores.pit(rows, np.zeros(5000), 1)
        assert np.histogram(u, bins=8, range=(0.0, 0.8))[0] == pytest.approx(np.full(8, 625), abs=100)

    def test_overlapping_windows_are_left_out(self, issued, realised):
        known = realised.copy()
        known[:3] = np.nan
        u = scores.pit(issued, known, 6)
        rows = scores.disjoint_windows(known, 6)
        assert len(u) == len(rows)
        spread = [i for i, row in enumerate(rows) if row not in range(10, 34)]  # rows without ties
        assert u[spread] == pytest.approx([predictive(issued[r]).cdf(known[r]) for r in rows[spread]])

    def test_the_same_seed_gives_the_same_transforms(self, issued, realised):
        once, again = (scores.pit(issued, realised, 1, seed=3) for _ in range(2))
        assert np.array_equal(once, again)
        assert not np.array_equal(once, scores.pit(issued, realised, 1, seed=4))

    def test_reliability_counts_transforms_up_to_each_level(self, random):
        u = random.random(50)
        assert scores.reliability(u, LEVELS) == pytest.approx([np.mean([v <= level for v in u]) for level in LEVELS])
        assert np.isnan(scores.reliability([], LEVELS)).all()


class TestCoverage:
    def test_is_the_share_of_windows_at_or_below_the_quantile(self, issued, realised):
        found = scores.coverage(issued, realised, np.zeros(len(issued)))
        for column in range(9):
            inside = [m <= q for m, q in zip(realised, issued[:, column], strict=True)]
            assert found.share[0, column] == pytest.approx(np.mean(inside))
        assert found.windows.tolist() == [len(issued)]

    def test_by_group_is_that_of_the_rows_of_the_group(self, random, issued, realised):
        groups = random.integers(0, 3, len(issued))
        found = scores.coverage(issued, realised, np.zeros(len(issued)), groups, count=4)
        for group in range(3):
            alone = scores.coverage(
                issued[groups == group], realised[groups == group], np.zeros(np.sum(groups == group))
            )
            assert found.share[group] == pytest.approx(alone.share[0])
        assert found.windows[3] == 0
        assert np.isnan(found.share[3]).all()

    def test_the_interval_is_that_of_days_drawn_one_by_one(self, random):
        days = np.repeat(np.arange(20), 30)
        loads = 100.0 * np.exp(0.2 * random.standard_normal(600) + 0.1 * np.repeat(random.standard_normal(20), 30))
        rows = lognormal_rows(600)
        found = scores.coverage(rows, loads, days)
        by_day = [loads[days == day, None] <= rows[days == day] for day in range(20)]
        drawn = [np.concatenate([by_day[day] for day in random.integers(0, 20, 20)]).mean(axis=0) for _ in range(4000)]
        low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
        assert found.low[0] == pytest.approx(low, abs=0.01)
        assert found.high[0] == pytest.approx(high, abs=0.01)

    def test_misses_that_come_in_runs_make_the_interval_wider(self, random):
        days, rows = np.repeat(np.arange(30), 100), lognormal_rows(3000)
        independent = np.where(random.random(3000) < 0.05, 1e3, 1.0)
        in_runs = np.where(np.isin(days, random.choice(30, 2, replace=False)) & (random.random(3000) < 0.75), 1e3, 1.0)
        narrow, wide = (scores.coverage(rows, loads, days) for loads in (independent, in_runs))
        assert (wide.high - wide.low)[0, 4] > 3 * (narrow.high - narrow.low)[0, 4]

    def test_the_interval_holds_the_truth_as_often_as_it_says(self, random):
        held = 0
        for _ in range(200):
            loads = 100.0 * np.exp(0.2 * random.standard_normal(40 * 20))
            found = scores.coverage(lognormal_rows(800), loads, np.repeat(np.arange(40), 20))
            held += found.low[0, 3] <= 0.9 <= found.high[0, 3]
        assert 0.88 <= held / 200 <= 0.99

    def test_of_a_few_days_no_interval_is_claimed(self, issued, realised):
        found = scores.coverage(issued, realised, np.arange(len(issued)) % (scores.MIN_DAYS - 1))
        assert np.isnan(found.low).all()
        assert np.isnan(found.high).all()
        assert np.isfinite(found.share).all()

    def test_the_same_seed_gives_the_same_interval(self, issued, realised):
        once, again = (scores.coverage(issued, realised, np.arange(len(issued)) // 4, seed=5) for _ in range(2))
        assert np.array_equal(once.low, again.low)

    def test_hours_and_days_are_those_of_the_local_clock(self):
        new_year = 1_767_222_000.0  # 2025-12-31T23:00:00Z
        assert scores.local_hours([new_year], "UTC").tolist() == [23]
        assert scores.local_hours([new_year], "Europe/Berlin").tolist() == [0]
        assert scores.local_days([new_year], "Europe/Berlin") - scores.local_days([new_year], "UTC") == [1]
        summer = 1_782_864_000.0  # 2026-07-01T00:00:00Z
        assert scores.local_hours([summer], "Europe/Berlin").tolist() == [2]

    def test_terciles_are_thirds_of_the_issued_median(self, random):
        rows = np.sort(random.gamma(2.0, 30.0, (300, 9)), axis=1)
        third = scores.terciles(rows, np.ones(300))
        assert np.bincount(third).tolist() == [100, 100, 100]
        assert rows[third == 0, 0].max() < rows[third == 1, 0].min()
        assert rows[third == 1, 0].max() < rows[third == 2, 0].min()


class TestDrift:
    def test_none_between_a_window_and_itself(self, random):
        loads = random.gamma(2.0, 30.0, 500)
        assert scores.psi(loads, loads) == 0.0
        assert scores.kl(loads, loads) == 0.0

    @pytest.mark.parametrize("decimals", [9, -1])
    def test_is_what_counting_into_tenths_says(self, random, decimals):
        old, new = (np.round(random.gamma(2.0, s, n), decimals) for s, n in ((30.0, 500), (45.0, 300)))
        edges = [-math.inf, *sorted(set(np.quantile(old, np.arange(1, 10) / 10))), math.inf]
        psi, kl, bins = 0.0, 0.0, len(edges) - 1
        for low, high in pairwise(edges):
            q = (sum(low < v <= high for v in old) + 0.5) / (500 + bins / 2)
            p = (sum(low < v <= high for v in new) + 0.5) / (300 + bins / 2)
            psi += (p - q) * math.log(p / q)
            kl += p * math.log(p / q)
        assert scores.psi(old, new) == pytest.approx(psi)
        assert scores.kl(old, new) == pytest.approx(kl)

    def test_of_a_shift_nears_the_closed_form(self, random):
        # Between N(0, 1) and N(d, 1) the divergence is d^2 / 2 either way; tenths lose a little of it.
        old, new = 10.0 + random.standard_normal(200_000), 10.5 + random.standard_normal(200_000)
        assert scores.kl(old, new) == pytest.approx(0.125, rel=0.1)
        assert scores.psi(old, new) == pytest.approx(0.25, rel=0.1)

    def test_rises_with_the_shift_and_stays_finite_where_nothing_overlaps(self, random):
        loads = random.gamma(2.0, 30.0, 500)
        drifts = [scores.psi(loads, factor * loads) for factor in (1.0, 1.2, 2.0, 1000.0)]
        assert drifts == sorted(drifts)
        assert math.isfinite(drifts[-1])

    def test_zeros_and_missing_buckets_are_no_trouble(self):
        mostly_zero = np.where(np.arange(100) % 10 == 0, 5.0, 0.0)
        mostly_zero[3] = np.nan
        assert scores.psi(mostly_zero, mostly_zero) == 0.0
        assert math.isnan(scores.psi([], [1.0]))
        assert math.isnan(scores.kl([1.0], [math.nan]))

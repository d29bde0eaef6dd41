"""A new workload of a known kind starts informed, and never claims what it has not earned."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    LEVELS,
    Bank,
    Family,
    Forecaster,
    ForecastSpec,
    InvalidPrior,
    Kind,
    NoData,
    Prior,
    SpecMismatch,
    pool,
)
from bayescast.kernels import state as st
from bayescast.prior import MOST_VISITS
from bayescast.prior_plant import first_level
from bayescast.prior_pool import random_effects, smooth
from bayescast.scores import pinball, window_max

STEP, DAY = 3600.0, 24
SPEC = ForecastSpec(STEP, (3,), kind=Kind.RATE)


def rates(days, *, size=100.0, peak=14.0, swing=0.8, noise=0.05, seed=0, start=0.0):
    """A service whose load is highest at `peak` o'clock (UTC)."""
    times = start + STEP * np.arange(round(days * DAY))
    shape = np.exp(swing * np.cos(2 * np.pi * (times / 86400.0 - peak / 24.0)))
    return times, size * shape * np.random.default_rng(seed).lognormal(0.0, noise, len(times))


def fitted(times, values, spec=SPEC):
    return Forecaster(spec).fit(times, values)


@pytest.fixture(scope="module")
def group():
    """Four services of one kind and very different size."""
    return [fitted(*rates(21, size=10.0**size, seed=size)) for size in range(4)]


@pytest.fixture(scope="module")
def known(group):
    return pool(group)


def state(forecaster):
    return forecaster._bank.member(0)[1]


def loss(issued, values, lead=3):
    maxima = window_max(values, lead)
    known = np.isfinite(maxima) & np.isfinite(issued[:, 0])
    return float(pinball(issued[known], maxima[known]).mean())


class TestPooling:
    def test_identical_members_have_the_shape_of_each(self):
        member = fitted(*rates(21))
        prior = pool([member] * 4)
        table = state(member).slot_load[0] * st.TEMPLATE_UNIT
        assert prior.load_shape + prior.level == pytest.approx(table, abs=2e-3)
        assert prior.visits == (MOST_VISITS, MOST_VISITS)
        assert prior.agreement == pytest.approx((1.0, 1.0), abs=1e-6)
        assert prior.slow_fit[0, -1] == pytest.approx(state(member).slow_fit[0, -1], abs=1e-9)
        assert prior.members == 4

    def test_the_size_of_members_is_no_part_of_it_but_the_level(self, known):
        larger = pool([fitted(*rates(21, size=1000.0 * 10.0**size, seed=size)) for size in range(4)])
        assert larger.level - known.level == pytest.approx(math.log(1000.0), abs=1e-3)
        assert (larger.visits, larger.family) == (known.visits, known.family)
        assert larger.load_shape == pytest.approx(known.load_shape, abs=3e-3)
        assert larger.peak_shape == pytest.approx(known.peak_shape, abs=3e-3)
        for name in ("scales", "slow_fit", "residuals", "level_spread", "log_mean"):
            assert getattr(larger, name) == pytest.approx(getattr(known, name), rel=0.05, abs=0.05), name
        below = [np.cumsum(prior.bins, axis=-1) / prior.bins.sum(axis=-1)[..., None] for prior in (known, larger)]
        assert below[1] == pytest.approx(below[0], abs=0.02)

    def test_members_that_peak_at_opposite_hours_give_no_shape(self):
        by_day = [fitted(*rates(21, peak=12.0, seed=i)) for i in range(2)]
        by_night = [fitted(*rates(21, peak=0.0, seed=i)) for i in range(2)]
        prior = pool(by_day + by_night)
        assert prior.visits == (0, 0)
        assert max(prior.agreement) < 0.2
        assert pool(by_day).visits[0] > 0

    def test_one_odd_member_does_not_bend_the_shape(self, group, known):
        odd = fitted(*rates(21, peak=2.0, swing=1.5, noise=0.8))
        bent = pool([*group, *[fitted(*rates(21, seed=9 + i)) for i in range(3)], odd])
        assert np.corrcoef(bent.load_shape[:DAY], known.load_shape[:DAY])[0, 1] > 0.99
        assert bent.visits[0] > 0

    def test_members_of_two_time_zones_agree_on_the_local_clock(self):
        tokyo = ForecastSpec(STEP, (3,), time_zone="Asia/Tokyo")  # nine hours ahead, the whole year
        prior = pool([fitted(*rates(21)), fitted(*rates(21, peak=14.0 - 9.0, seed=1), spec=tokyo)])
        assert prior.agreement[0] > 0.95
        assert int(np.nanargmax(smooth(prior.load_shape[:DAY], 2))) == pytest.approx(14, abs=1)

    def test_members_that_have_seen_other_hours_are_compared_on_those_they_share(self):
        times, values = rates(21, size=50.0)
        whole = fitted(*rates(21, seed=1))
        morning = np.where(times % 86400.0 < 12 * STEP, values, np.nan)
        late = np.where(times % 86400.0 >= 8 * STEP, values, np.nan)
        prior = pool([whole, fitted(times, morning), fitted(times, late)])
        assert not np.isnan(prior.load_shape[:DAY]).any()
        assert prior.load_shape[:DAY] == pytest.approx(pool([whole]).load_shape[:DAY], abs=0.15)

    @pytest.mark.jit
    def test_a_group_that_errs_alike_counts_for_more_than_one_that_does_not(self):
        alike = pool([fitted(*rates(21, noise=0.1, seed=i)) for i in range(6)])
        unlike = pool([fitted(*rates(21, noise=0.02 * 2**i, seed=i)) for i in range(6)])
        assert alike.scale_windows[0] > 1.3 * unlike.scale_windows[0]
        assert alike.scales[0, st.TEMPLATE] < unlike.scales[0, st.TEMPLATE]

    def test_members_without_a_load_above_zero_are_passed_over(self, group, known):
        silent = Forecaster(SPEC).fit(STEP * np.arange(50), np.zeros(50))
        prior = pool([*group, Forecaster(SPEC), silent])
        assert prior.to_json() == known.to_json()

    def test_rows_of_a_bank_are_pooled_as_forecasters_are(self, group, known):
        bank = Bank(SPEC)
        rows = [bank.add(SPEC) for _ in group]
        for size, row in enumerate(rows):
            bank.fit(row, *rates(21, size=10.0**size, seed=size))
        assert bank.pool(rows).to_json() == known.to_json()

    @pytest.mark.parametrize("members", [[], [Forecaster(SPEC)]])
    def test_nothing_can_be_pooled_from_nobody(self, members):
        with pytest.raises(NoData, match="pool"):
            pool(members)

    def test_members_of_another_spec_are_refused(self, group):
        with pytest.raises(SpecMismatch, match="kind"):
            pool([group[0], Forecaster(replace(SPEC, kind=Kind.COUNT)).fit(*rates(2))])

    def test_random_effects_are_the_plain_mean_of_equals(self):
        values = np.array([[1.0], [2.0], [3.0]])
        mean, between = random_effects(values, np.full((3, 1), 1e-9), 0.5)
        assert mean == pytest.approx([2.0])
        assert between == pytest.approx([(2 * 0.25 + 2.0) / 4])  # two default members beside two degrees of freedom

    def test_random_effects_trust_who_knows_more_and_bound_who_is_far(self):
        values, sure = np.array([[0.0], [0.1], [4.0]]), np.array([[0.01], [0.01], [50.0]])
        assert random_effects(values, sure, 0.5)[0][0] < 0.1
        far, _ = random_effects(np.array([[0.0], [0.1], [0.2], [0.1], [1e6]]), np.full((5, 1), 0.01), 0.5)
        assert far[0] < 0.6


class TestStarting:
    def test_the_first_day_of_a_new_service_is_forecast_better(self, known):
        times, values = rates(4, size=37.0, seed=77, start=30 * 86400.0)
        without = Forecaster(SPEC).replay(times, values)[3]
        informed = Forecaster(SPEC, known).replay(times, values)[3]
        assert loss(informed[:DAY], values[:DAY]) < 0.8 * loss(without[:DAY], values[:DAY])
        assert loss(informed, values) < 0.65 * loss(without, values)

    def test_the_first_morning_is_expected_before_it_was_ever_seen(self, known):
        times, values = rates(1, size=37.0, seed=5)
        night = Forecaster(replace(SPEC, leads=(3,)), known).fit(times[:9], values[:9])
        assert night.predict().quantile(0.5) > 1.1 * values[8]

    @pytest.mark.jit
    def test_a_wrong_group_is_outlived(self, known):
        wrong, without = np.zeros(2), np.zeros(2)
        for seed in range(8):
            times, values = rates(21, size=3.0, peak=2.0, swing=1.2, noise=0.4, seed=seed)
            for sums, made in ((wrong, Forecaster(SPEC, known)), (without, Forecaster(SPEC))):
                issued = made.replay(times, values)[3]
                sums += [loss(issued[part], values[part]) for part in (slice(0, DAY), slice(14 * DAY, None))]
        assert wrong[0] < 1.6 * without[0]
        assert wrong[1] < 1.1 * without[1]

    def test_no_quantile_exceeds_the_cap_of_the_largest_own_load(self, known):
        times, values = rates(3, size=3.0, peak=2.0, noise=0.4)
        one = Forecaster(SPEC, known)
        for time, value in zip(times, values, strict=True):
            highest = one.update(time, value).predict().values[-1]
            top, offset = state(one).scalars[0, [st.Z_TOP, st.OFFSET]]
            assert highest + offset <= math.exp(SPEC.settings.cap + top) * (1.0 + 1e-9)
        assert top <= math.log(values.max() + 2.0 * offset)

    def test_nothing_that_is_earned_is_taken_over(self, known):
        new = Forecaster(SPEC, known).fit(*rates(1.0 / DAY))
        found = new.diagnostics()
        assert (found.windows, found.disjoint_windows, found.buckets_seen) == (0, 0, 1)
        assert set(found.coverage.values()) == set(found.misses_owed.values()) == {0.0}
        assert not found.change_point

    def test_levels_and_range_start_at_the_first_load_as_ever(self, known):
        times, values = rates(1.0 / DAY, size=42.0)
        informed, plain = (state(made.fit(times, values)) for made in (Forecaster(SPEC, known), Forecaster(SPEC)))
        np.testing.assert_array_equal(informed.levels[0, [st.LEVEL_SHAPE, st.LEVEL_RATE]],
                                      plain.levels[0, [st.LEVEL_SHAPE, st.LEVEL_RATE]])  # fmt: skip
        assert informed.scalars[0, st.LAST_VALUE] == plain.scalars[0, st.LAST_VALUE]
        top, offset = informed.scalars[0, [st.Z_TOP, st.OFFSET]]
        assert top == pytest.approx(math.log(values[0] + offset))
        level = first_level(known, values[0], float(smooth(known.load_shape[DAY:], 2)[0]))  # the week begins at 0
        mean = math.exp(level + known.log_mean)
        scale = informed.lead_scalars[0, st.SCALE + st.ADD_LAST]
        assert scale == pytest.approx(known.scales[0, st.ADD_LAST] * 1.3 * mean, rel=1e-6)

    def test_the_level_is_that_of_the_first_load_at_its_hour(self, known):
        for size in (0.01, 1.0, 1e4):
            for hour in (2, 8, 14, 20):
                times, values = rates(21, size=size, noise=0.01)
                start = Forecaster(SPEC, known).fit(times[hour : hour + 1], values[hour : hour + 1])
                assert state(start).scalars[0, st.MEAN] == pytest.approx(values.mean(), rel=0.4)

    def test_a_first_load_of_zero_leaves_the_groups_level_lowered(self, known):
        level = first_level(known, 0.0, 0.0)
        assert level == pytest.approx(known.level - known.level_spread)
        counts = pool([Forecaster(replace(SPEC, kind=Kind.COUNT)).fit(*rates(10, seed=i)) for i in range(3)])
        assert counts.level - 8.0 < first_level(counts, 0.0, 0.0) < counts.level
        issued = Forecaster(SPEC, known).fit([0.0], [0.0]).predict().values
        assert np.isfinite(issued).all()

    @pytest.mark.parametrize("kind", list(Kind))
    def test_a_first_load_of_zero_tells_nothing_at_an_hour_at_which_the_group_is_idle(self, kind):
        spec = replace(SPEC, kind=kind)

        def idle_at_night(days, size, seed):
            times, values = rates(days, size=size, seed=seed)
            return times, np.where((times / STEP % DAY < 8) | (times / STEP % DAY >= 20), 0.0, np.rint(values))

        prior = pool([fitted(*idle_at_night(21, 100.0 * 2.0**i, i), spec=spec) for i in range(4)])
        at = [first_level(prior, 0.0, float(prior.load_shape[hour])) for hour in (2, 14)]
        assert at[0] == prior.level
        assert at[1] <= prior.level - prior.level_spread
        times, values = idle_at_night(1, 280.0, 9)  # as large as the group
        begun = Forecaster(spec, prior).fit(times[:1], values[:1])
        assert state(begun).scalars[0, st.MEAN] == pytest.approx(values.mean(), rel=0.4)

    @pytest.mark.parametrize("quiet", [True, False])
    def test_a_first_load_of_zero_is_believed_where_the_group_is_quiet_but_not_where_it_often_is_zero(self, quiet):
        def bursts(seed):
            times, values = rates(21, swing=1.4 if quiet else 0.0, seed=seed)
            return times, values if quiet else values * (np.random.default_rng(seed).random(len(values)) < 0.15)

        prior = pool([fitted(*bursts(i)) for i in range(4)])
        expected = float(prior.load_shape[2]) if quiet else 0.0
        lowered = prior.level - first_level(prior, 0.0, expected)
        assert lowered == pytest.approx(1.5 if quiet else 0.0)

    @pytest.mark.parametrize("kind", list(Kind))
    @pytest.mark.parametrize("seasons", [(), (86400.0,), (86400.0, 604800.0)])
    def test_it_works_for_every_kind_and_any_seasons(self, kind, seasons):
        spec = ForecastSpec(STEP, (1, 6), kind=kind, seasons=seasons, time_zone="Europe/Berlin")
        prior = pool([fitted(*rates(8, seed=i), spec=spec) for i in range(3)])
        assert len(prior.visits) == len(seasons)
        issued = Forecaster(spec, prior).replay(*rates(2, size=5.0, seed=9))
        for quantiles in issued.values():
            assert np.isfinite(quantiles).all()
            assert (np.diff(quantiles, axis=1) >= 0.0).all()

    def test_auto_starts_with_the_family_of_the_group(self):
        gauges = ForecastSpec(STEP, (3,), family=Family.GAUSSIAN)
        prior = pool([fitted(*rates(4), spec=gauges)])
        assert prior.family is Family.GAUSSIAN
        new = Forecaster(gauges, prior).fit(*rates(1))
        assert new.diagnostics().family is Family.GAUSSIAN


class TestTheWayIn:
    def test_bucket_by_bucket_is_the_same_as_a_replay(self, known):
        times, values = rates(2)
        values[:3] = np.nan
        whole = Forecaster(SPEC, known).fit(times, values)
        single = Forecaster(SPEC, known)
        for time, value in zip(times, values, strict=True):
            single.update(time, value)
        assert single.checkpoint() == whole.checkpoint()
        assert single.buckets_seen == 45

    def test_a_row_beside_it_without_a_prior_is_untouched_to_the_bit(self, known):
        bank = Bank(SPEC, capacity=1)
        plain, informed = bank.add(SPEC), bank.add(SPEC, known)
        times, values = rates(3)
        alone = Forecaster(SPEC)
        for time, value in zip(times, values, strict=True):
            bank.update([informed, plain], [time, time], [2.0 * value, value])
            alone.update(time, value)
        assert bank.checkpoint(plain) == alone.checkpoint()
        assert bank.checkpoint(informed) == Forecaster(SPEC, known).fit(times, 2.0 * values).checkpoint()

    def test_a_new_fit_starts_from_the_prior_again(self, known):
        times, values = rates(3)
        once = Forecaster(SPEC, known).fit(times, values)
        twice = Forecaster(SPEC, known).fit(*rates(5, seed=8)).fit(times, values)
        assert twice.checkpoint() == once.checkpoint()
        assert twice.checkpoint() != Forecaster(SPEC).fit(times, values).checkpoint()

    def test_a_freed_row_forgets_its_prior(self, known):
        bank = Bank(SPEC, capacity=1)
        bank.remove(bank.add(SPEC, known))
        row = bank.add(SPEC)
        times, values = rates(2)
        bank.fit(row, times, values)
        assert bank.checkpoint(row) == Forecaster(SPEC).fit(times, values).checkpoint()

    def test_a_checkpoint_carries_it(self, known):
        times, values = rates(3)
        begun = Forecaster(SPEC, known).fit(times[:5], values[:5])
        restored = Forecaster.restore(SPEC, begun.checkpoint())
        for time, value in zip(times[5:], values[5:], strict=True):
            restored.update(time, value)
        assert restored.checkpoint() == Forecaster(SPEC, known).fit(times, values).checkpoint()

    def test_a_checkpoint_from_before_the_first_load_takes_it_again(self, known):
        times, values = rates(3)
        unseen = Forecaster(SPEC, known).fit([-STEP], [np.nan])
        restored = Forecaster.restore(SPEC, unseen.checkpoint(), known)
        for time, value in zip(times, values, strict=True):
            restored.update(time, value)
        np.testing.assert_array_equal(
            restored.predict().values, Forecaster(SPEC, known).fit(times, values).predict().values
        )

    def test_a_load_that_is_not_believed_is_not_the_first(self, known):
        times, values = rates(2)
        values[0] = 1e9
        healthy = np.arange(len(times)) > 0
        found = Forecaster(SPEC, known).fit(times, values, healthy=healthy)
        assert state(found).scalars[0, st.MEAN] < 1e4

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"leads": (4,)}, "leads"),
            ({"step_seconds": 1800.0}, "step_seconds"),
            ({"kind": Kind.GAUGE}, "kind"),
            ({"seasons": (86400.0,)}, "seasons"),
            ({"settings": SPEC.settings._replace(scale_prior=0.1)}, "settings"),
        ],
    )
    def test_a_workload_of_another_spec_is_refused(self, known, change, named):
        with pytest.raises(SpecMismatch, match=named):
            Forecaster(replace(SPEC, **change), known)
        bank = Bank(replace(SPEC, **change))
        with pytest.raises(SpecMismatch, match=named):
            bank.add(replace(SPEC, **change), known)
        assert len(bank) == 0

    def test_a_workload_of_another_time_zone_is_welcome(self, known):
        assert Forecaster(replace(SPEC, time_zone="Asia/Tokyo"), known).fit(*rates(1)).predict().quantile(0.5) > 0.0


class TestTheFile:
    def test_json_gives_back_the_same_prior_to_the_bit(self, known):
        read = Prior.from_json(known.to_json())
        assert read.to_json() == known.to_json()
        times, values = rates(2)
        again = Forecaster(SPEC, read).fit(times, values)
        assert again.checkpoint() == Forecaster(SPEC, known).fit(times, values).checkpoint()
        json.loads(known.to_json(), parse_constant=pytest.fail)  # no NaN, which JSON has not

    def test_a_single_member_has_nobody_to_agree_with(self):
        alone = pool([fitted(*rates(10))])
        read = Prior.from_json(alone.to_json())
        assert all(math.isnan(share) for share in read.agreement)
        assert read.visits == (1, 1)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"format": "something else"}, "no prior"),
            ({"version": 99}, "upgrade"),
            ({"version": "1"}, "upgrade"),
            ({"spec": {"step_seconds": 60.0}}, "spec"),
            ({"spec": None}, "spec"),
            ({"family": "Cauchy"}, "family"),
            ({"members": 0}, "members"),
            ({"visits": [1]}, "visits"),
            ({"visits": [1, 200]}, "visits"),
            ({"load_shape": [1.0, "a"]}, "load_shape"),
            ({"scales": [[0.0] * st.N_EXPERTS]}, "scales"),
            ({"level": None}, "level"),
            ({"bins": [[[-1.0] * st.N_BINS] * st.N_HISTOGRAMS]}, "bins"),
            ({"losses": [[1.0, 2.0]]}, "losses"),
            ({"dispersion": -1.0}, "dispersion"),
        ],
    )
    def test_what_is_no_prior_of_this_version_is_refused(self, known, change, said):
        text = json.dumps(json.loads(known.to_json()) | change)
        with pytest.raises(InvalidPrior, match=said):
            Prior.from_json(text)

    def test_a_covariance_that_is_none_is_refused(self, known):
        about = json.loads(known.to_json())
        about["slow_fit"][0][0][0] = -1.0
        with pytest.raises(InvalidPrior, match="slow_fit"):
            Prior.from_json(json.dumps(about))

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "12", '{"format": "bayescast-prior"}'])
    def test_what_is_cut_off_or_empty_is_refused(self, text):
        with pytest.raises(InvalidPrior, match="pool"):
            Prior.from_json(text)

    def test_a_missing_field_is_named(self, known):
        about = json.loads(known.to_json())
        del about["losses"], about["rises"]
        with pytest.raises(InvalidPrior, match="losses, rises"):
            Prior.from_json(json.dumps(about))


def test_the_levels_of_the_forecast_are_all_moved_by_a_prior(known):
    times, values = rates(0.25)
    plain, informed = (made.fit(times, values).predict().values for made in (Forecaster(SPEC), Forecaster(SPEC, known)))
    assert len(plain) == len(LEVELS)
    assert not np.any(np.isclose(plain, informed, rtol=1e-3))

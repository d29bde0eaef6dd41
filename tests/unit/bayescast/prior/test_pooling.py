"""What services of one kind have in common, pooled from their forecasters."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    Bank,
    Forecaster,
    ForecastSpec,
    Kind,
    NoData,
    SpecMismatch,
    pool,
)
from bayescast.kernels import state as st
from bayescast.prior import MOST_VISITS
from bayescast.prior_pool import random_effects, smooth

from .conftest import DAY, SPEC, STEP, fitted, rates, state


def test_identical_members_have_the_shape_of_each():
    member = fitted(*rates(21))
    prior = pool([member] * 4)
    table = state(member).slot_load[0] * st.TEMPLATE_UNIT
    assert prior.load_shape + prior.level == pytest.approx(table, abs=2e-3)
    assert prior.visits == (MOST_VISITS, MOST_VISITS)
    assert prior.agreement == pytest.approx((1.0, 1.0), abs=1e-6)
    assert prior.slow_fit[0, -1] == pytest.approx(state(member).slow_fit[0, -1], abs=1e-9)
    assert prior.members == 4


@pytest.mark.jit
def test_the_size_of_members_is_no_part_of_it_but_the_level(known):
    larger = pool([fitted(*rates(21, size=1000.0 * 10.0**size, seed=size)) for size in range(4)])
    assert larger.level - known.level == pytest.approx(math.log(1000.0), abs=1e-3)
    assert (larger.visits, larger.family) == (known.visits, known.family)
    assert larger.load_shape == pytest.approx(known.load_shape, abs=3e-3)
    assert larger.peak_shape == pytest.approx(known.peak_shape, abs=3e-3)
    for name in ("scales", "slow_fit", "residuals", "level_spread", "log_mean"):
        assert getattr(larger, name) == pytest.approx(getattr(known, name), rel=0.05, abs=0.05), name
    below = [np.cumsum(prior.bins, axis=-1) / prior.bins.sum(axis=-1)[..., None] for prior in (known, larger)]
    assert below[1] == pytest.approx(below[0], abs=0.02)


@pytest.mark.jit
def test_members_that_peak_at_opposite_hours_give_no_shape():
    by_day = [fitted(*rates(21, peak=12.0, seed=i)) for i in range(2)]
    by_night = [fitted(*rates(21, peak=0.0, seed=i)) for i in range(2)]
    prior = pool(by_day + by_night)
    assert prior.visits == (0, 0)
    assert max(prior.agreement) < 0.2
    assert pool(by_day).visits[0] > 0


@pytest.mark.jit
def test_one_odd_member_does_not_bend_the_shape(group, known):
    odd = fitted(*rates(21, peak=2.0, swing=1.5, noise=0.8))
    bent = pool([*group, *[fitted(*rates(21, seed=9 + i)) for i in range(3)], odd])
    assert np.corrcoef(bent.load_shape[:DAY], known.load_shape[:DAY])[0, 1] > 0.99
    assert bent.visits[0] > 0


def test_members_of_two_time_zones_agree_on_the_local_clock():
    tokyo = ForecastSpec(STEP, (3,), time_zone="Asia/Tokyo")  # nine hours ahead, the whole year
    prior = pool([fitted(*rates(21)), fitted(*rates(21, peak=14.0 - 9.0, seed=1), spec=tokyo)])
    assert prior.agreement[0] > 0.95
    assert int(np.nanargmax(smooth(prior.load_shape[:DAY], 2))) == pytest.approx(14, abs=1)


@pytest.mark.jit
def test_members_that_have_seen_other_hours_are_compared_on_those_they_share():
    times, values = rates(21, size=50.0)
    whole = fitted(*rates(21, seed=1))
    morning = np.where(times % 86400.0 < 12 * STEP, values, np.nan)
    late = np.where(times % 86400.0 >= 8 * STEP, values, np.nan)
    prior = pool([whole, fitted(times, morning), fitted(times, late)])
    assert not np.isnan(prior.load_shape[:DAY]).any()
    assert prior.load_shape[:DAY] == pytest.approx(pool([whole]).load_shape[:DAY], abs=0.15)


@pytest.mark.jit
def test_a_group_that_errs_alike_counts_for_more_than_one_that_does_not():
    alike = pool([fitted(*rates(21, noise=0.1, seed=i)) for i in range(6)])
    unlike = pool([fitted(*rates(21, noise=0.02 * 2**i, seed=i)) for i in range(6)])
    assert alike.scale_windows[0] > 1.3 * unlike.scale_windows[0]
    assert alike.scales[0, st.TEMPLATE] < unlike.scales[0, st.TEMPLATE]


def test_members_without_a_load_above_zero_are_passed_over(group, known):
    silent = Forecaster(SPEC).fit(STEP * np.arange(50), np.zeros(50))
    prior = pool([*group, Forecaster(SPEC), silent])
    assert prior.to_json() == known.to_json()


@pytest.mark.jit
def test_rows_of_a_bank_are_pooled_as_forecasters_are(group, known):
    bank = Bank(SPEC)
    rows = [bank.add(SPEC) for _ in group]
    for size, row in enumerate(rows):
        bank.fit(row, *rates(21, size=10.0**size, seed=size))
    assert bank.pool(rows).to_json() == known.to_json()


@pytest.mark.parametrize("members", [[], [Forecaster(SPEC)]])
def test_nothing_can_be_pooled_from_nobody(members):
    with pytest.raises(NoData, match="pool"):
        pool(members)


def test_members_of_another_spec_are_refused(group):
    with pytest.raises(SpecMismatch, match="kind"):
        pool([group[0], Forecaster(replace(SPEC, kind=Kind.COUNT)).fit(*rates(2))])


def test_random_effects_are_the_plain_mean_of_equals():
    values = np.array([[1.0], [2.0], [3.0]])
    mean, between = random_effects(values, np.full((3, 1), 1e-9), 0.5)
    assert mean == pytest.approx([2.0])
    assert between == pytest.approx([(2 * 0.25 + 2.0) / 4])  # two default members beside two degrees of freedom


def test_random_effects_trust_who_knows_more_and_bound_who_is_far():
    values, sure = np.array([[0.0], [0.1], [4.0]]), np.array([[0.01], [0.01], [50.0]])
    assert random_effects(values, sure, 0.5)[0][0] < 0.1
    far, _ = random_effects(np.array([[0.0], [0.1], [0.2], [0.1], [1e6]]), np.full((5, 1), 0.01), 0.5)
    assert far[0] < 0.6

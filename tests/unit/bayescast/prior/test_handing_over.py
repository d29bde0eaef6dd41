"""A prior reaches a forecaster on every way there is, and never one it is not meant for."""

from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    Bank,
    Forecaster,
    Kind,
    SpecMismatch,
)
from bayescast.kernels import state as st

from .conftest import SPEC, STEP, rates, state


def test_bucket_by_bucket_is_the_same_as_a_replay(known):
    times, values = rates(2)
    values[:3] = np.nan
    whole = Forecaster(SPEC, known).fit(times, values)
    single = Forecaster(SPEC, known)
    for time, value in zip(times, values, strict=True):
        single.update(time, value)
    assert single.checkpoint() == whole.checkpoint()
    assert single.buckets_seen == 45


def test_a_row_beside_it_without_a_prior_is_untouched_to_the_bit(known):
    bank = Bank(SPEC, capacity=1)
    plain, informed = bank.add(SPEC), bank.add(SPEC, known)
    times, values = rates(3)
    alone = Forecaster(SPEC)
    for time, value in zip(times, values, strict=True):
        bank.update([informed, plain], [time, time], [2.0 * value, value])
        alone.update(time, value)
    assert bank.checkpoint(plain) == alone.checkpoint()
    assert bank.checkpoint(informed) == Forecaster(SPEC, known).fit(times, 2.0 * values).checkpoint()


def test_a_new_fit_starts_from_the_prior_again(known):
    times, values = rates(3)
    once = Forecaster(SPEC, known).fit(times, values)
    twice = Forecaster(SPEC, known).fit(*rates(5, seed=8)).fit(times, values)
    assert twice.checkpoint() == once.checkpoint()
    assert twice.checkpoint() != Forecaster(SPEC).fit(times, values).checkpoint()


def test_a_freed_row_forgets_its_prior(known):
    bank = Bank(SPEC, capacity=1)
    bank.remove(bank.add(SPEC, known))
    row = bank.add(SPEC)
    times, values = rates(2)
    bank.fit(row, times, values)
    assert bank.checkpoint(row) == Forecaster(SPEC).fit(times, values).checkpoint()


def test_a_checkpoint_carries_it(known):
    times, values = rates(3)
    begun = Forecaster(SPEC, known).fit(times[:5], values[:5])
    restored = Forecaster.restore(SPEC, begun.checkpoint())
    for time, value in zip(times[5:], values[5:], strict=True):
        restored.update(time, value)
    assert restored.checkpoint() == Forecaster(SPEC, known).fit(times, values).checkpoint()


def test_a_checkpoint_from_before_the_first_load_takes_it_again(known):
    times, values = rates(3)
    unseen = Forecaster(SPEC, known).fit([-STEP], [np.nan])
    restored = Forecaster.restore(SPEC, unseen.checkpoint(), known)
    for time, value in zip(times, values, strict=True):
        restored.update(time, value)
    np.testing.assert_array_equal(
        restored.predict().values, Forecaster(SPEC, known).fit(times, values).predict().values
    )


def test_a_load_that_is_not_believed_is_not_the_first(known):
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
def test_a_workload_of_another_spec_is_refused(known, change, named):
    with pytest.raises(SpecMismatch, match=named):
        Forecaster(replace(SPEC, **change), known)
    bank = Bank(replace(SPEC, **change))
    with pytest.raises(SpecMismatch, match=named):
        bank.add(replace(SPEC, **change), known)
    assert len(bank) == 0


def test_a_workload_of_another_time_zone_is_welcome(known):
    assert Forecaster(replace(SPEC, time_zone="Asia/Tokyo"), known).fit(*rates(1)).predict().quantile(0.5) > 0.0

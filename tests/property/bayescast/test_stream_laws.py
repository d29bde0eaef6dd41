"""Laws of a stream as life gives it, with gaps, saturation and buckets that are not believed: nothing depends on how,
with whom or in how many pieces it was fed.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescast import Bank, Forecaster, ForecastSpec, Kind

pytestmark = pytest.mark.jit

STEP = 1800.0
DAY = 86400.0
SPECS = [
    ForecastSpec(STEP, (2, 5), kind=kind, seasons=(43200.0, 86400.0), time_zone=zone)
    for kind, zone in zip(Kind, ("UTC", "Europe/Berlin", "America/New_York"), strict=True)
]

buckets = st.tuples(
    st.sampled_from([1, 1, 1, 1, 1, 2, 3, 50, 2000]),  # steps since the one before: mostly none is missing
    st.integers(0, 5).map(float) | st.floats(0.0, 1e3) | st.sampled_from([math.nan, 0.0, 5e-324, 1e-9, 1e9, 1e15]),
    st.booleans() | st.just(False),  # saturated
    st.booleans() | st.just(True),  # healthy
)
streams = st.lists(buckets, min_size=1, max_size=60)
specs = st.sampled_from(SPECS)


def arrays(stream, start=1.7e9):
    """(times, loads) and the flags by name."""
    jumps, values, saturated, healthy = zip(*stream, strict=True)
    times = start - start % STEP + STEP * np.cumsum(jumps)
    return (times, np.array(values)), {"saturated": np.array(saturated), "healthy": np.array(healthy)}


def stepped(forecaster, stream, part=slice(None)):
    series, flags = arrays(stream)
    for time, value, saturated, healthy in list(zip(*series, *flags.values(), strict=True))[part]:
        forecaster.update(time, value, saturated=bool(saturated), healthy=bool(healthy))
    return forecaster


@given(specs, streams)
@settings(max_examples=60)
def test_every_forecast_is_finite_ordered_and_not_negative(spec, stream):
    series, flags = arrays(stream)
    believed = np.flatnonzero(~np.isnan(series[1]) & flags["healthy"])
    first = believed[0] if believed.size else len(stream)
    for issued in Forecaster(spec).replay(*series, **flags).values():
        assert np.isnan(issued[:first]).all()
        assert np.isfinite(issued[first:]).all()
        assert (issued[first:] >= 0.0).all()
        assert (np.diff(issued[first:], axis=1) >= 0.0).all()


@given(specs, streams, st.data())
@settings(max_examples=60)
def test_a_restart_at_any_bucket_equals_never_having_stopped(spec, stream, data):
    cut = data.draw(st.integers(0, len(stream)))
    whole = stepped(Forecaster(spec), stream)
    restarted = Forecaster.restore(spec, stepped(Forecaster(spec), stream, slice(cut)).checkpoint())
    assert stepped(restarted, stream, slice(cut, None)).checkpoint() == whole.checkpoint()


@given(specs, streams)
@settings(max_examples=40)
def test_bucket_by_bucket_is_the_history_at_once(spec, stream):
    series, flags = arrays(stream)
    assert stepped(Forecaster(spec), stream).checkpoint() == Forecaster(spec).fit(*series, **flags).checkpoint()


@given(specs, streams, streams)
@settings(max_examples=40)
def test_what_a_forecaster_was_used_for_before_leaves_no_trace(spec, stream, before):
    series, flags = arrays(stream)
    earlier, their_flags = arrays(before)
    fresh, used = Forecaster(spec), Forecaster(spec).fit(*earlier, **their_flags)
    first = fresh.replay(*series, **flags)
    for again in (used.replay(*series, **flags), fresh.replay(*series, **flags)):
        for lead in first:
            np.testing.assert_array_equal(again[lead], first[lead])
    assert used.checkpoint() == fresh.checkpoint()


@given(specs, streams, st.data())
@settings(max_examples=40)
def test_a_forecast_knows_nothing_of_what_comes_after_it(spec, stream, data):
    cut = data.draw(st.integers(1, len(stream)))
    series, flags = arrays(stream)
    whole = Forecaster(spec).replay(*series, **flags)
    part = Forecaster(spec).replay(*(a[:cut] for a in series), **{name: flag[:cut] for name, flag in flags.items()})
    for lead in whole:
        np.testing.assert_array_equal(part[lead], whole[lead][:cut])


@given(st.lists(streams, min_size=2, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_company_in_a_bank_and_its_order_change_no_bit(life, chance):
    bank = Bank(SPECS[0], capacity=1)
    members = [SPECS[i % len(SPECS)] for i in range(len(life))]
    rows = [bank.add(spec) for spec in members]
    waiting = [list(zip(*arrays(s)[0], *arrays(s)[1].values(), strict=True)) for s in life]
    while any(waiting):
        due = [i for i in range(len(life)) if waiting[i]]
        chosen = chance.sample(due, chance.randint(1, len(due)))
        times, values, saturated, healthy = zip(*(waiting[i].pop(0) for i in chosen), strict=True)
        bank.update([rows[i] for i in chosen], times, values, saturated=saturated, healthy=healthy)
    for row, spec, stream in zip(rows, members, life, strict=True):
        assert bank.checkpoint(row) == stepped(Forecaster(spec), stream).checkpoint()


@given(specs, streams, st.data())
@settings(max_examples=40)
def test_an_excluded_range_is_a_range_that_is_not_believed(spec, stream, data):
    (times, values), flags = arrays(stream)
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(stream) - 1)] * 2)))
    inside = (times >= times[first]) & (times <= times[last])
    excluded = Forecaster(spec).fit(times, values, **flags, exclude=[(times[first], times[last] + STEP)])
    flags["healthy"] &= ~inside
    assert excluded.checkpoint() == Forecaster(spec).fit(times, values, **flags).checkpoint()


@given(streams, st.integers(1, 500))
@settings(max_examples=30)
def test_a_shift_by_whole_seasons_shifts_the_forecasts(stream, days):
    (times, values), flags = arrays(stream)
    here = Forecaster(SPECS[0]).replay(times, values, **flags)
    there = Forecaster(SPECS[0]).replay(times + days * DAY, values, **flags)
    for lead in here:
        np.testing.assert_array_equal(there[lead], here[lead])

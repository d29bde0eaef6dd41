"""Many workloads in one bank: each as if alone."""

from dataclasses import replace

import numpy as np
import pytest

from bayescast import (
    LEVELS,
    MAX_LEADS,
    Bank,
    Event,
    Forecaster,
    ForecastSpec,
    InvalidValue,
    Kind,
    OutOfOrder,
    SpecMismatch,
)
from bayescast.diagnostics import Shown
from bayescast.events import MAX_EVENTS
from bayescast.spec import MAX_SEASONS

HOUR = 3600.0


def specs():
    return [
        ForecastSpec(HOUR, (2, 5), kind=Kind.COUNT),
        ForecastSpec(HOUR, (2, 5), kind=Kind.RATE, time_zone="America/New_York"),
        ForecastSpec(HOUR, (2, 5), kind=Kind.GAUGE, time_zone="Europe/Berlin"),
    ]


def shown_of(found, level):
    """The same, read off the whole diagnostics."""
    fields = {name: getattr(found, name) for name in Shown._fields}
    return Shown(**{name: of[level] if isinstance(of, dict) else of for name, of in fields.items()})


def test_rows_of_a_bank_are_forecasters_of_their_own(daily_load):
    bank = Bank(specs()[0], capacity=1)
    rows = [bank.add(spec) for spec in specs()]
    series = [daily_load(150, seed=i, mean=20.0 * (i + 1)) for i in range(3)]
    for i in range(150):
        bank.update(rows, [times[i] for times, _ in series], [values[i] for _, values in series])
    for lead in (2, 5):
        together = bank.quantiles(rows, lead)
        for row, spec, (times, values), found in zip(rows, specs(), series, together, strict=True):
            alone = Forecaster(spec).fit(times, values)
            np.testing.assert_array_equal(found, alone.predict(lead).values)
            np.testing.assert_array_equal(bank.predict(row, lead).values, found)
            assert bank.diagnostics(row, lead) == alone.diagnostics(lead)
            for level in LEVELS:
                assert bank.shown(row, level, lead) == shown_of(alone.diagnostics(lead), level)
            assert bank.checkpoint(row) == alone.checkpoint()


def test_rows_with_different_gaps_advance_in_one_call(daily_load):
    bank = Bank(specs()[0])
    rows = [bank.add(specs()[0]) for _ in range(2)]
    times, values = daily_load(100)
    bank.fit(rows[0], times, values)
    bank.fit(rows[1], times[:90], values[:90])
    bank.update(rows, [times[-1] + HOUR, times[-1] + HOUR], [30.0, 31.0])
    alone = Forecaster(specs()[0]).fit([*times[:90], times[-1] + HOUR], [*values[:90], 31.0])
    np.testing.assert_array_equal(bank.quantiles([rows[1]])[0], alone.predict().values)
    assert bank.last_time(rows[1]) == times[-1] + HOUR


def test_a_bank_grows_and_reuses_freed_rows_with_nothing_left_in_them(daily_load):
    bank = Bank(specs()[0], capacity=2)
    rows = [bank.add(specs()[0]) for _ in range(9)]
    assert sorted(rows) == list(range(9))
    assert len(bank) == 9
    times, values = daily_load(60)
    for row in rows:
        bank.fit(row, times, values)
    before = bank.quantiles(rows)
    np.testing.assert_array_equal(before, np.tile(before[0], (9, 1)))
    bank.remove(4)
    with pytest.raises(IndexError, match="not in use"):
        bank.predict(4)
    assert bank.add(specs()[2]) == 4
    assert bank.buckets_seen(4) == 0
    assert np.isnan(bank.last_time(4))
    assert np.isnan(bank.quantiles([4])).all()
    bank.fit(4, times, values)
    assert bank.checkpoint(4) == Forecaster(specs()[2]).fit(times, values).checkpoint()


def test_a_refused_update_changes_no_row(daily_load):
    bank = Bank(specs()[0])
    rows = [bank.add(specs()[0]) for _ in range(2)]
    times, values = daily_load(40)
    for row in rows:
        bank.fit(row, times, values)
    before = [bank.checkpoint(row) for row in rows]
    after = times[-1] + HOUR
    for bad_times, bad_values, error in [
        ([after, after], [1.0, -1.0], InvalidValue),
        ([after, times[-1]], [1.0, 1.0], OutOfOrder),
        ([after], [1.0], InvalidValue),
    ]:
        with pytest.raises(error):
            bank.update(rows, bad_times, bad_values)
    with pytest.raises(InvalidValue, match="twice"):
        bank.update([rows[0], rows[0]], [after, after], [1.0, 1.0])
    with pytest.raises(IndexError):
        bank.update([7], [after], [1.0])
    assert [bank.checkpoint(row) for row in rows] == before


def test_a_workload_of_another_shape_is_refused():
    with pytest.raises(SpecMismatch, match="leads"):
        Bank(specs()[0]).add(ForecastSpec(HOUR, (2,)))


def test_an_update_of_no_rows_is_nothing():
    bank = Bank(specs()[0])
    bank.update([], [], [])
    assert bank.quantiles([]).shape == (0, 9)


def test_a_checkpoint_moves_between_banks(daily_load):
    times, values = daily_load(80)
    first, second = Bank(specs()[0]), Bank(specs()[0], capacity=8)
    row = first.add(specs()[0])
    first.fit(row, times, values)
    second.add(specs()[0])
    other = second.add(specs()[0])
    second.restore(other, first.checkpoint(row))
    assert second.last_time(other) == times[-1]
    np.testing.assert_array_equal(second.quantiles([other]), first.quantiles([row]))


def test_the_largest_spec_there_can_be_forecasts_as_any_other(daily_load):
    times, values = daily_load(60)
    known = tuple(Event(f"event {k}", ((times[10 + k], times[20 + k]),)) for k in range(MAX_EVENTS))
    seasons = tuple(7200.0 * (k + 1) for k in range(MAX_SEASONS))
    largest = ForecastSpec(3600.0, tuple(range(1, MAX_LEADS + 1)), Kind.COUNT, seasons=seasons, events=known)
    issued = Forecaster(largest).replay(times, values)
    assert len(issued) == MAX_LEADS
    for lead, quantiles in issued.items():
        alone = replace(largest, leads=(lead,))
        np.testing.assert_array_equal(quantiles, Forecaster(alone).replay(times, values)[lead])

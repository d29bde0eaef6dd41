"""Known events: their effect is learned from the first time on, foreseen the next, and no hour is blamed for it."""

import numpy as np
import pytest

from bayescast import Event, Forecaster, ForecastSpec, InvalidSpec, SpecMismatch
from bayescast.events import bits, bits_by_row

DAY, STEP = 86400.0, 300.0
START = 1_709_510_400.0
NOON = START + 12 * 3600.0
SALES = tuple((NOON + day * DAY, NOON + day * DAY + 7200.0) for day in (4, 9, 12))


SALE = Event("sale", SALES)


def spec(events=(SALE,), leads=(6,)):
    return ForecastSpec(step_seconds=STEP, leads=leads, events=events)


def world(days=13.0):
    """Counts with a daily cycle that triple while a sale is on."""
    times = START + STEP * np.arange(int(days * DAY / STEP))
    rate = 400.0 * (1.0 + 0.3 * np.sin(2 * np.pi * times / DAY))
    on = SALE.reaches(times, times + STEP)
    return times, np.random.default_rng(1).poisson(np.where(on, 3.0, 1.0) * rate).astype(float), rate, on


@pytest.mark.jit
def test_a_sale_that_was_seen_before_is_foreseen_before_it_begins():
    times, loads, rate, _ = world()
    last = np.searchsorted(times, SALES[-1][0])
    knows, ignores = (Forecaster(spec(events)).replay(times, loads)[6] for events in ((SALE,), ()))
    before = slice(last - 4, last - 1)
    assert np.all(knows[before, 0] > 2.0 * rate[before])
    assert np.all(ignores[before, 0] < 1.6 * rate[before])


@pytest.mark.jit
def test_the_hour_of_a_sale_is_not_blamed_for_it():
    times, loads, rate, _ = world(13.0)
    day_after = (times >= SALES[1][0] + DAY - 1800.0) & (times < SALES[1][0] + DAY)
    knows, ignores = (Forecaster(spec(events)).replay(times, loads)[6] for events in ((SALE,), ()))
    excess = [np.mean(issued[day_after, 0] / rate[day_after]) for issued in (knows, ignores)]
    assert excess[0] < 1.15
    assert excess[0] < excess[1]


@pytest.mark.jit
def test_an_event_that_never_came_yet_changes_nothing():
    times, loads, *_ = world(4.0)
    coming = (Event("sale", ((times[-1] + 600.0, times[-1] + 7200.0),)),)
    with_, without = (Forecaster(spec(events)).fit(times, loads).predict() for events in (coming, (Event("sale"),)))
    np.testing.assert_array_equal(with_.values, without.values)


@pytest.mark.jit
def test_events_announced_later_count_from_then_on_and_a_checkpoint_does_not_hold_their_times():
    times, loads, *_ = world(12.0 + 11.9 / 24)
    told_late = Forecaster(spec((Event("sale", SALES[:2]),))).fit(times, loads)
    before = told_late.predict().quantile(0.5)
    told_late.announce((Event("sale", SALES),)).update(times[-1] + STEP, loads[-1])
    assert told_late.predict().quantile(0.5) > 1.8 * before
    Forecaster.restore(spec((Event("sale"),)), told_late.checkpoint())
    with pytest.raises(SpecMismatch, match="keep the kinds"):
        told_late.announce((Event("holiday"),))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ((Event("a"), Event("a")), "each kind once"),
        (tuple(Event(str(i)) for i in range(5)), "at most 4"),
        (("sale",), "bayescast.Event"),
    ],
)
def test_a_spec_with_events_that_cannot_be_kept_is_refused(events, says):
    with pytest.raises(InvalidSpec, match=says):
        spec(events)


@pytest.mark.parametrize("ranges", [((2.0, 1.0),), ((0.0, np.inf),), (("a", "b"),), (1.0,)])
def test_ranges_that_are_none_are_refused(ranges):
    with pytest.raises(InvalidSpec, match="sale"):
        Event("sale", ranges)


def test_bits_say_what_a_bucket_and_its_window_reach_into():
    events = (Event("a", ((100.0, 150.0), (120.0, 300.0))), Event("b", ((600.0, 601.0),)))
    times = np.arange(0.0, 800.0, 100.0)
    found = bits(events, times, 100.0, (1, 3), now_bit=8)
    for i, time in enumerate(times):
        for k, lead in enumerate((1, 3)):
            expected = 0
            for e, event in enumerate(events):
                for bit, lo, hi in ((e, time + 100.0, time + 100.0 * (lead + 1)), (8 + e, time, time + 100.0)):
                    expected |= any(s < hi and end > lo for s, end in event.ranges) << bit
            assert found[i, k] == expected


class Compared(np.ndarray):
    """Row numbers that count how many of them were compared."""

    seen = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        Compared.seen += self.size
        return getattr(ufunc, method)(*(np.asarray(given) for given in inputs), **options)


def test_each_row_of_a_bank_has_its_own_events_at_a_cost_that_grows_with_the_rows_alone():
    rng, cost = np.random.default_rng(0), {}
    for n in (50, 200):
        specs = [spec((Event("sale", ((600.0 * k, 600.0 * k + 400.0),)),), leads=(1, 3)) for k in range(n)]
        rows = rng.permutation(np.repeat(np.arange(n), 3))
        times = STEP * rng.integers(0, 2 * n, len(rows))
        Compared.seen = 0
        found = bits_by_row([*specs, None], rows.view(Compared), times, 8)
        cost[n] = Compared.seen
        for i, row in enumerate(rows):
            np.testing.assert_array_equal(found[[i]], bits(specs[row].events, times[[i]], STEP, (1, 3), 8))
    assert cost[200] < 5 * cost[50]
    assert len(bits_by_row(specs, np.zeros(0, dtype=np.int64), np.zeros(0), 8)) == 0

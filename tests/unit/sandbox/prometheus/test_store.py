"""Series are scraped on a grid, kept in order, and seen only up to the clock."""

import numpy as np
import pytest

from bayescaler.sandbox.prometheus import SeriesStore
from bayescaler.sandbox.prometheus.store import is_stale

T0 = 1_767_571_200.0
MINUTES = T0 + 60.0 * np.arange(4)


def seen(store: SeriesStore, name: str, until: float = T0 + 1e6) -> tuple[list[float], list[float]]:
    samples = store.series(name).visible(int(until * 1000))
    return ((samples.times / 1000 - T0).tolist(), samples.values.tolist())


def test_a_counter_is_the_integral_of_its_rate_at_each_scrape() -> None:
    store = SeriesStore(scrape_seconds=30)
    store.add_counter("x", {}, MINUTES, [1.0, 2.0, 0.0, 4.0])
    assert seen(store, "x") == (
        [0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0],
        [0.0, 30.0, 60.0, 120.0, 180.0, 180.0, 180.0, 300.0, 420.0],
    )


def test_a_counter_goes_on_where_it_stood_as_time_goes() -> None:
    whole, parts = SeriesStore(scrape_seconds=25), SeriesStore(scrape_seconds=25)
    rates = [1.0, 2.0, 3.0, 4.0]
    whole.add_counter("x", {}, MINUTES, rates)
    for time, rate in zip(MINUTES, rates, strict=True):
        parts.add_counter("x", {}, [time], [rate], step_seconds=60)
    assert seen(parts, "x") == seen(whole, "x")


def test_time_without_data_is_not_scraped_and_counts_nothing() -> None:
    store = SeriesStore(scrape_seconds=30)
    store.add_counter("nan", {}, MINUTES, [1.0, np.nan, 1.0, 1.0])
    store.add_counter("hole", {}, MINUTES[[0, 2, 3]], [1.0, 1.0, 1.0])
    # The scrape on the edge still belongs to the bucket that closes there.
    expected = (
        [0.0, 30.0, 60.0, 120.0, 150.0, 180.0, 210.0, 240.0],
        [0.0, 30.0, 60.0, 60.0, 90.0, 120.0, 150.0, 180.0],
    )
    assert seen(store, "nan") == expected
    assert seen(store, "hole") == expected


def test_a_gauge_in_parts_is_the_whole_gauge() -> None:
    whole, parts = SeriesStore(scrape_seconds=20), SeriesStore(scrape_seconds=20)
    levels = [1.0, np.nan, 3.0, 4.0]
    whole.add_gauge("x", {}, MINUTES, levels)
    for time, level in zip(MINUTES, levels, strict=True):
        parts.add_gauge("x", {}, [time], [level], step_seconds=60)
    assert seen(parts, "x") == seen(whole, "x")
    assert seen(whole, "x")[0] == [0.0, 20.0, 40.0, 120.0, 140.0, 160.0, 180.0, 200.0, 220.0]


def test_a_gauge_shows_the_bucket_under_way() -> None:
    store = SeriesStore(scrape_seconds=40, phase_seconds=10)
    store.add_gauge("x", {}, MINUTES[:2], [5.0, 7.0])
    assert seen(store, "x") == ([10.0, 50.0, 90.0], [5.0, 5.0, 7.0])


def test_samples_of_the_future_are_invisible_until_their_instant() -> None:
    store = SeriesStore(scrape_seconds=60)
    store.add_gauge("x", {}, MINUTES, [1.0, 2.0, 3.0, 4.0])
    assert seen(store, "x", T0 - 0.001) == ([], [])
    assert seen(store, "x", T0 + 60) == ([0.0, 60.0], [1.0, 2.0])


def test_an_end_is_a_marker_and_no_number() -> None:
    store = SeriesStore()
    store.series("x").append([T0, T0 + 15], [1.0, np.nan])
    store.series("x").end(T0 + 30)
    samples = store.series("x").visible(2**60)
    assert is_stale(samples.values).tolist() == [False, False, True]
    assert samples.without_markers().values.size == 2


def test_many_appends_keep_everything() -> None:
    store = SeriesStore()
    for second in range(1000):
        store.series("x").append(T0 + second, second)
    times, values = seen(store, "x")
    assert times == values == list(range(1000))


@pytest.mark.parametrize(
    ("times", "values", "says"),
    [
        ([T0, T0], [1, 2], "order of time"),
        ([T0 - 60], [1], "order of time"),
        ([T0 + 60, T0 + 30], [1, 2], "order of time"),
        ([T0 + 60], [1, 2], "one length"),
    ],
)
def test_samples_out_of_order_or_shape_are_refused(times: list[float], values: list[float], says: str) -> None:
    series = SeriesStore().series("x", {"pod": "a"})
    series.append(T0 - 30, 0)
    with pytest.raises(ValueError, match=says) as caught:
        series.append(times, values)
    assert "'pod': 'a'" in str(caught.value)


@pytest.mark.parametrize(
    ("times", "rates", "says"),
    [
        ([], [], "at least 1"),
        ([T0], [1.0], "step_seconds"),
        ([T0, T0 + 60], [1.0, -1.0], "below 0"),
        ([T0, T0 - 60], [1.0, 1.0], "increase"),
        ([T0, T0 + 60], [1.0], "one length"),
    ],
)
def test_buckets_that_make_no_sense_are_refused(times: list[float], rates: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SeriesStore().add_counter("x", {}, times, rates)


def test_a_counter_cannot_be_rewritten() -> None:
    store = SeriesStore()
    store.add_counter("x", {}, MINUTES, np.ones(4))
    with pytest.raises(ValueError, match="where the counter stands"):
        store.add_counter("x", {}, MINUTES[3:], [1.0], step_seconds=60)

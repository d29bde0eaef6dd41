"""Reading what is new: nothing late is lost, nothing slow holds up others, and health is a matter of time."""

import asyncio
import logging

import numpy as np
import pytest

from bayescaler.control.collect import Collector
from bayescaler.control.settings import Settings
from bayescaler.control.workload import Load as Reading
from bayescaler.control.workload import Seat
from bayescaler.policy.freshness import closed_until
from bayescaler.policy.reasons import Health
from bayescaler.sources.port import SourceError

from .builders import ADDRESS, MINUTE, NOON, Book, Load, edited, load_of, manifest, metrics, workload

LAG = 15.0
SETTINGS = Settings(default_server_address=ADDRESS, metric_lag_seconds=LAG, collect_deadline_seconds=5.0)
HASTY = Settings(default_server_address=ADDRESS, metric_lag_seconds=LAG, collect_deadline_seconds=0.02)
READABLE = NOON + LAG  # the bucket that ended at noon may be read


def minutes(count):
    return count * MINUTE


def seated(consumed_until=NOON, **spec):
    web = workload(**spec)
    web.seat = Seat(bank=None, row=0, intent=web.intent, consumed_until=consumed_until)
    return web


async def collect(source, *workloads, now=READABLE, settings=SETTINGS, counted=None):
    await Collector(source, settings, counted or metrics()).collect(workloads, now=now)


@pytest.mark.parametrize(("after_noon", "closed"), [(0.0, -1), (14.9, -1), (15.0, 0), (60.0, 0), (74.9, 0), (75.0, 1)])
def test_a_bucket_may_be_read_once_it_has_been_closed_for_the_lag(after_noon, closed):
    assert closed_until(NOON + after_noon, MINUTE, LAG) == NOON + minutes(closed)


async def test_the_newest_closed_bucket_is_the_load():
    web = workload()
    await collect(Load(lambda t: t - NOON + 1000.0), web)
    assert (web.load.value, web.load.at, web.load.health) == (940.0, NOON, Health.LIVE)


async def test_zero_load_is_load():
    web = workload()
    await collect(Load(0.0), web)
    assert (web.load.value, web.load.health) == (0.0, Health.LIVE)


async def test_between_two_buckets_nothing_is_asked():
    web, source = seated(), Load()
    await collect(source, web)
    asked = len(source.asked)
    await collect(source, web, now=READABLE + 45.0)
    assert len(source.asked) == asked
    await collect(source, web, now=READABLE + MINUTE)
    assert len(source.asked) == asked + 1


async def test_missed_ticks_are_caught_up():
    web = seated(consumed_until=NOON - minutes(90))
    await collect(Load(), web)
    assert [at for at, _ in web.fresh] == [NOON - minutes(m) for m in range(90, 0, -1)]


async def test_a_catch_up_reaches_no_further_back_than_the_history():
    web, source = seated(consumed_until=NOON - minutes(600), forecast={"history": "2h"}), Load()
    await collect(source, web)
    (_, start, _) = source.asked[0]
    assert start == NOON - minutes(120)


async def test_buckets_that_come_late_are_neither_lost_nor_taken_for_missing():
    web, source = seated(consumed_until=NOON - minutes(3)), Load(late=minutes(2))
    await collect(source, web)
    assert [at for at, _ in web.fresh] == [NOON - minutes(3)]
    web.seat.consumed_until, web.fresh = NOON - minutes(2), []
    source.late = 0.0
    await collect(source, web, now=READABLE + 30.0)
    assert [at for at, _ in web.fresh] == [NOON - minutes(2), NOON - minutes(1)]


async def test_a_bucket_is_missing_once_a_later_one_has_come():
    web = seated(consumed_until=NOON - minutes(3))
    await collect(Load(lambda t: np.where(t == NOON - minutes(2), np.nan, 100.0)), web)
    assert [at for at, _ in web.fresh] == [NOON - minutes(m) for m in (3, 2, 1)]
    assert np.isnan(web.fresh[1][1])


async def test_a_failed_read_leaves_the_load_live_until_it_is_old():
    web, source = workload(), Load()
    await collect(source, web)
    source.error = SourceError("prometheus is gone", reason="ServerUnreachable")
    young = NOON + 2 * MINUTE + 2 * LAG
    await collect(source, web, now=young)
    assert (web.load.health, web.load.value) == (Health.LIVE, 100.0)
    await collect(source, web, now=young + 1.0)
    assert (web.load.health, web.load.reason) == (Health.FAILED, "ServerUnreachable")
    assert web.load.message == "prometheus is gone"


async def test_a_load_that_stopped_is_stale_and_says_when_it_was_last_there():
    web = seated()
    source = Load(lambda t: np.where(t >= NOON, np.nan, 100.0))
    await collect(source, web)
    await collect(source, web, now=READABLE + minutes(30))
    assert web.load.health is Health.STALE
    assert "the last that has any is 2026-03-02T11:59:00Z" in web.load.message


async def test_a_load_that_stopped_before_the_posterior_was_built_is_stale_too():
    web = workload()
    source = Load(lambda t: np.where(t >= NOON, np.nan, 100.0))
    await collect(source, web)
    await collect(source, web, now=READABLE + minutes(30))
    assert (web.load.health, web.load.reason) == (Health.STALE, "LoadStale")


async def test_a_load_that_never_was_is_absent():
    web = workload()
    await collect(Load(np.nan), web)
    assert (web.load.health, web.load.reason, web.load.value) == (Health.ABSENT, "LoadAbsent", None)


@pytest.mark.parametrize("nonsense", [-1.0, np.inf, 1e17], ids=["negative", "infinite", "beyond any load"])
async def test_an_implausible_load_is_neither_taken_nor_called_missing(nonsense):
    web = seated(consumed_until=NOON - minutes(5))
    source = Load(lambda t: np.where(t >= NOON - minutes(5), nonsense, 100.0))
    await collect(source, web, now=READABLE)
    assert web.load.health is Health.IMPLAUSIBLE
    assert "which is no load" in web.load.message
    assert web.fresh == []


async def test_a_load_without_an_answer_grows_stale_by_the_clock_alone():
    web, source = workload(), Load()
    collector = Collector(source, HASTY, metrics())
    await collector.collect([web], now=READABLE)
    source.held = asyncio.Event()
    await collector.collect([web], now=READABLE + MINUTE)
    assert web.load.health is Health.LIVE
    await collector.collect([web], now=READABLE + minutes(5))
    assert (web.load.health, web.load.reason) == (Health.STALE, "LoadStale")
    web.reading.cancel()


async def test_one_hanging_server_delays_no_other_object_and_its_answer_serves_a_later_tick():
    slow, quick = workload(), workload()
    hanging, healthy = Load(1.0), Load(2.0)
    hanging.held = asyncio.Event()

    class Both:
        async def read(self, query, **window):
            return await (hanging if query is slow.intent.query else healthy).read(query, **window)

    collector = Collector(Both(), HASTY, metrics())
    await collector.collect([slow, quick], now=READABLE)
    assert (slow.load.value, quick.load.value) == (None, 2.0)
    await collector.collect([slow, quick], now=READABLE + 15.0)
    assert len(hanging.asked) == 1, "an object is not asked twice at once"
    hanging.held.set()
    await slow.reading
    await collector.collect([slow, quick], now=READABLE + 30.0)
    assert slow.load.value == 1.0


async def being_read(*rate):
    """An object whose load is asked for, and not told yet."""
    book, source, obj = Book(SETTINGS), Load(*rate), manifest()
    web = book.see(obj, "ADDED")
    source.held = asyncio.Event()
    collector = Collector(source, HASTY, metrics())
    await collector.collect([web], now=READABLE)
    return obj, book, source, collector, web


async def test_an_object_deleted_while_it_is_read_is_left_alone():
    obj, book, source, _, web = await being_read()
    reading = web.reading
    book.see(obj, "DELETED")
    source.held.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert web.load == Reading()


async def test_an_answer_to_the_query_before_the_edit_is_not_taken_for_the_new_one():
    obj, book, source, collector, web = await being_read(5.0)
    book.see(edited(obj, load=load_of("sum(connections)")))
    source.held.set()
    source.rate = lambda t: np.full(len(t), 9.0)
    await collector.collect([web], now=READABLE)
    assert [query.query for query, _, _ in source.asked] == ["sum(rate(requests_total[1m]))", "sum(connections)"]
    assert web.load.value == 9.0


async def test_an_edit_of_the_maximum_does_not_throw_an_answer_away():
    obj, book, source, collector, web = await being_read(5.0)
    book.see(edited(obj, maxReplicas=7))
    source.held.set()
    await collector.collect([web], now=READABLE)
    assert web.load.value == 5.0


async def test_an_object_with_an_invalid_spec_is_not_asked_for():
    source = Load()
    await collect(source, workload(capacity={"perReplica": -1}))
    assert source.asked == []


async def test_failures_are_counted_by_reason():
    source, counted = Load(), metrics()
    source.error = SourceError("no", reason="QueryFailed")
    await collect(source, workload(), counted=counted)
    assert counted.registry.get_sample_value("bayescaler_source_errors_total", {"reason": "QueryFailed"}) == 1.0


async def test_an_unforeseen_fault_of_one_read_is_told_counted_and_harms_no_other(caplog):
    broken, fine = workload(), workload()
    healthy, counted = Load(3.0), metrics()

    class Source:
        async def read(self, query, **window):
            if query is broken.intent.query:
                raise ZeroDivisionError
            return await healthy.read(query, **window)

    with caplog.at_level(logging.ERROR):
        await collect(Source(), broken, fine, counted=counted)
    assert fine.load.value == 3.0
    assert broken.load.health is Health.ABSENT
    assert "object failed" in caplog.text
    assert counted.registry.get_sample_value("bayescaler_failures_total", {"where": "collect"}) == 1.0


async def test_an_answer_asked_for_before_the_posterior_was_built_leaves_no_hole_in_it():
    web, source = workload(), Load()
    source.held = asyncio.Event()
    collector = Collector(source, HASTY, metrics())
    await collector.collect([web], now=READABLE)
    web.seat = Seat(bank=None, row=0, intent=web.intent, consumed_until=NOON - minutes(10))
    source.held.set()
    await collector.collect([web], now=READABLE)
    assert web.fresh == [], "the last five minutes alone would make the five before them missing"
    await collector.collect([web], now=READABLE + 15.0)
    assert len(web.fresh) == 10


async def test_a_clock_set_back_is_no_sign_of_life():
    web, source = seated(), Load()
    await collect(source, web)
    source.error = SourceError("prometheus is gone", reason="ServerUnreachable")
    await collect(source, web, now=READABLE - minutes(60))
    assert (web.load.health, web.load.complete) == (Health.FAILED, False)
    source.error = None
    await collect(source, web, now=READABLE - minutes(60))
    assert (web.load.at, web.load.complete) == (NOON - minutes(60), True), "a bucket of the future is not kept"


async def test_reads_that_fail_for_longer_than_the_fallback_end_the_life_of_even_a_long_bucket():
    web = seated(load=load_of(step="1h"), fallback={"after": "30s"}, consumed_until=NOON - minutes(60))
    source = Load()
    await collect(source, web)
    source.error = SourceError("prometheus is gone", reason="ServerUnreachable")
    later = READABLE + minutes(60)
    await collect(source, web, now=later)
    assert (web.load.health, web.load.complete) == (Health.LIVE, False), "still young, but not the newest"
    await collect(source, web, now=later + 30.0)
    assert (web.load.health, web.load.reason) == (Health.FAILED, "ServerUnreachable")
    source.error = None
    await collect(source, web, now=later + 45.0)
    assert (web.load.health, web.load.complete, web.load.trouble_since) == (Health.LIVE, True, None)


async def test_while_nothing_comes_only_the_newest_buckets_are_asked_for_and_later_all_is_caught_up():
    web, source = seated(), Load()
    await collect(source, web)
    source.late = minutes(200)
    for hour in range(1, 4):
        await collect(source, web, now=READABLE + minutes(60 * hour))
    (_, start, end) = source.asked[-1]
    assert (web.load.health, end - start) == (Health.STALE, minutes(5))
    source.late = 0.0
    await collect(source, web, now=READABLE + minutes(181))
    await collect(source, web, now=READABLE + minutes(181) + 15.0)
    assert [at for at, _ in web.fresh] == [NOON + minutes(m) for m in range(181)]

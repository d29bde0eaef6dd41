"""Posteriors are built beside the loop: again after a failure, never for an object that has moved on."""

import asyncio
import logging

import numpy as np
import pytest

from bayescaler.control.estimate import BankPool, predict
from bayescaler.control.registry import Registry
from bayescaler.control.settings import Settings
from bayescaler.control.warmup import LONGEST_RETRY_SECONDS, WarmUp
from bayescaler.policy.kernels import books as steering
from bayescaler.sources.port import SourceError

from .builders import ADDRESS, MINUTE, NOON, Load, edited, load_of, manifest, metrics

SHORT = {"history": "2h", "seasons": []}
SETTINGS = Settings(default_server_address=ADDRESS, metric_lag_seconds=15.0, warmup_retry_seconds=30.0)


class Timers:
    """`loop.call_later` in the test's hand."""

    def __init__(self, monkeypatch):
        self.pending = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later)

    def _call_later(self, seconds, callback):
        timer = [seconds, callback, self]
        self.pending.append(timer)

        class Handle:
            @staticmethod
            def cancel():
                if timer in self.pending:
                    self.pending.remove(timer)

        return Handle

    def fire(self):
        (seconds, callback, _) = self.pending.pop(0)
        callback()
        return seconds


class Room:
    """Registry, banks and warm-up as `Operator` puts them together."""

    def __init__(self, source):
        self.source, self.banks, self.metrics = source, BankPool(), metrics()
        self.warmup = WarmUp(source, self.banks, SETTINGS, self.metrics, clock=lambda: NOON + 15.0)
        self.registry = Registry(SETTINGS, on_new_load=self.warmup.enqueue, on_gone=self._forget)

    def _forget(self, workload):
        if workload.seat is not None:
            self.banks.release(workload.seat)
            workload.seat = None

    def see(self, obj, event="MODIFIED"):
        self.object = obj
        self.registry.observe(event, obj)
        return self.registry.get(("shop", obj["metadata"]["name"]))

    @property
    def seats(self):
        return sum(len(bank) for bank in self.banks._banks.values())


@pytest.fixture
async def room():
    made = Room(Load(100.0))
    made.warmup.start()
    yield made
    await made.warmup.stop()


async def test_a_history_is_read_and_replayed(room):
    web = room.see(manifest(forecast=SHORT))
    assert web.awaits_history_since is not None
    await room.warmup.idle()
    (_, start, end) = room.source.asked[0]
    assert (start, end) == (NOON - 7200.0, NOON)
    assert web.seat.bank.buckets_seen(web.seat.row) == 120
    assert web.seat.consumed_until == NOON
    assert web.awaits_history_since is None
    predict(web, now=NOON + 15.0)
    assert 90.0 < web.outlook.lead.quantile(0.5) < 110.0


async def test_a_budget_begins_with_every_price_replayed_on_the_history(room):
    web = room.see(manifest(forecast=SHORT, objective={"risk": {"overloadBudget": 0.01}}))
    await room.warmup.idle()
    figures = web.state.steering.figures
    assert 100.0 < figures[steering.WEIGHT] <= 120.0
    assert figures[steering.AT] == NOON

    figures[steering.WEIGHT] = 20_160.0  # two weeks of its own: what is known is not begun anew with a new horizon
    room.see(edited(room.object, forecast=SHORT | {"horizon": "5m"}))
    await room.warmup.idle()
    assert web.state.steering.figures[steering.WEIGHT] == 20_160.0


async def test_the_posterior_consumes_no_further_than_the_newest_bucket_with_data(room):
    room.source.late = 5 * MINUTE
    web = room.see(manifest(forecast=SHORT))
    await room.warmup.idle()
    assert web.seat.consumed_until == NOON - 5 * MINUTE


async def test_without_any_history_the_seat_is_taken_and_later_reads_stay_small(room):
    room.source.rate = lambda t: np.full(len(t), np.nan)
    web = room.see(manifest(forecast=SHORT))
    await room.warmup.idle()
    assert web.seat.consumed_until == NOON
    predict(web, now=NOON + 15.0)
    assert web.outlook is None
    assert web.phase_message == "no load was seen yet"


async def test_a_failed_read_is_tried_again_ever_more_rarely(room, monkeypatch):
    timers = Timers(monkeypatch)
    room.source.error = SourceError("prometheus is gone", reason="ServerUnreachable")
    web = room.see(manifest(forecast=SHORT))
    waits = []
    for _ in range(6):
        await room.warmup.idle()
        assert web.awaits_history_since is not None, "it may know of a rise that live reads do not"
        waits.append(timers.fire())
    await room.warmup.idle()
    room.source.error = None
    waits.append(timers.fire())
    await room.warmup.idle()
    assert waits == [30.0, 60.0, 120.0, 240.0, 480.0, LONGEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS]
    assert web.seat is not None
    assert timers.pending == []


async def test_an_unforeseen_fault_is_told_and_tried_again_and_leaves_no_seat_behind(room, monkeypatch, caplog):
    timers = Timers(monkeypatch)
    read = room.source.read

    async def backwards(*args, **window):
        series = await read(*args, **window)
        return type(series)(series.times[::-1], series.values, series.health)

    room.source.read = backwards
    with caplog.at_level(logging.ERROR):
        web = room.see(manifest(forecast=SHORT))
        await room.warmup.idle()
    assert "warm-up failed" in caplog.text
    assert room.seats == 0
    room.source.read = read
    timers.fire()
    await room.warmup.idle()
    assert web.seat is not None


async def test_a_retry_asks_nothing_for_an_object_that_is_gone(room, monkeypatch):
    timers = Timers(monkeypatch)
    room.source.error = SourceError("no")
    obj = manifest(forecast=SHORT)
    room.see(obj)
    await room.warmup.idle()
    room.see(obj, "DELETED")
    timers.fire()
    await room.warmup.idle()
    assert len(room.source.asked) == 1


async def test_an_edit_that_asks_again_does_not_start_a_second_row_of_retries(room, monkeypatch):
    timers = Timers(monkeypatch)
    room.source.error = SourceError("no")
    obj = manifest(forecast=SHORT)
    room.see(obj)
    await room.warmup.idle()
    room.see(edited(obj, maxReplicas=9))
    await room.warmup.idle()
    assert len(timers.pending) == 1


async def _held_in_reading(room):
    room.source.held = asyncio.Event()
    obj = manifest(forecast=SHORT)
    web = room.see(obj)
    await room.source.begun.wait()
    return obj, web


async def test_an_object_deleted_meanwhile_gets_no_seat(room):
    obj, web = await _held_in_reading(room)
    room.see(obj, "DELETED")
    room.source.held.set()
    await room.warmup.idle()
    assert web.seat is None
    assert room.seats == 0


async def test_an_object_that_asks_for_another_load_meanwhile_gets_that_one(room):
    obj, web = await _held_in_reading(room)
    room.see(edited(obj, load=load_of("sum(connections)")))
    room.source.held.set()
    await room.warmup.idle()
    assert web.seat.intent.query.query == "sum(connections)"
    assert room.seats == 1


async def test_an_edit_of_the_maximum_meanwhile_does_not_throw_the_posterior_away(room):
    obj, web = await _held_in_reading(room)
    room.see(edited(obj, maxReplicas=9))
    room.source.held.set()
    await room.warmup.idle()
    assert web.seat is not None
    assert room.seats == 1


async def test_a_longer_history_is_built_while_the_old_posterior_serves_and_then_takes_its_seat(room):
    obj = manifest(forecast=SHORT)
    web = room.see(obj)
    await room.warmup.idle()
    old = web.seat
    predict(web, now=NOON)
    room.see(edited(obj, forecast={"history": "4h", "seasons": []}))
    assert web.seat is old
    assert web.awaits_history_since is None
    await room.warmup.idle()
    assert web.seat.bank.buckets_seen(web.seat.row) == 240
    assert room.seats == 1
    assert (web.evidence.buckets_seen, web.seat.consumed_until) == (120, old.consumed_until)
    predict(web, now=NOON)
    assert web.evidence.buckets_seen == 240, "it is judged by what it has shown itself, though no bucket came"


async def test_a_posterior_of_another_load_is_given_up_at_once(room):
    obj = manifest(forecast=SHORT)
    web = room.see(obj)
    await room.warmup.idle()
    room.source.error = SourceError("no such metric", reason="QueryFailed")
    room.see(edited(obj, load=load_of("sum(connections)")))
    assert web.seat is None
    assert room.seats == 0

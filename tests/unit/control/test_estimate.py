"""Posteriors by the tick, on the real forecaster: each bucket once, whatever happens beside it."""

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from bayescaler.control.collect import Collector
from bayescaler.control.estimate import BankPool, predict
from bayescaler.control.settings import Settings
from bayescaler.policy.reasons import Phase
from bayescaler.sources.port import SourceError

from .builders import ADDRESS, MINUTE, NOON, Load, load_of, metrics, workload

SHORT = {"history": "2h", "seasons": []}
SETTINGS = Settings(default_server_address=ADDRESS, metric_lag_seconds=0.0)


async def fitted(pool, level=100.0, minutes=120, **spec):
    """A workload whose posterior knows `minutes` buckets of Poisson load until noon."""
    web = workload(**{"forecast": SHORT} | spec)
    times = NOON - web.intent.forecast.step_seconds * np.arange(minutes, 0, -1)
    values = np.random.default_rng(7).poisson(level, minutes).astype(np.float64)
    web.seat = await pool.fit(web.intent, times, values, until=NOON)
    return web


def newest(web):
    return web.seat.bank.last_time(web.seat.row)


def seen(web):
    return web.seat.bank.buckets_seen(web.seat.row)


@asynccontextmanager
async def kernels_running(pool, workloads, monkeypatch):
    """Within it the kernels are at work on the workloads' buckets; at its end they are done."""
    entered, leave = threading.Event(), threading.Event()
    bank = workloads[0].seat.bank
    update = bank.update

    def slow(*args):
        entered.set()
        leave.wait(10)
        update(*args)

    monkeypatch.setattr(bank, "update", slow)
    feeding = asyncio.create_task(pool.update(workloads))
    await asyncio.to_thread(entered.wait, 10)
    try:
        yield feeding
    finally:
        leave.set()
        await asyncio.wait([feeding])
    if not feeding.cancelled():
        await feeding


async def test_objects_of_one_shape_share_a_bank_whatever_their_kind_family_and_zone():
    pool = BankPool()
    rate = await fitted(pool)
    gauge = await fitted(pool, load=load_of(kind="Gauge"))
    berlin = await fitted(pool, forecast=SHORT | {"timeZone": "Europe/Berlin", "family": "Gaussian"})
    coarse = await fitted(pool, load=load_of(step="5m"))
    assert rate.seat.bank is gauge.seat.bank is berlin.seat.bank
    assert coarse.seat.bank is not rate.seat.bank
    assert len({rate.seat.row, gauge.seat.row, berlin.seat.row}) == 3


async def test_every_fresh_bucket_is_consumed_once_and_in_order():
    pool = BankPool()
    one, two = await fitted(pool), await fitted(pool)
    one.fresh = [(NOON, 101.0), (NOON + MINUTE, 102.0), (NOON + 2 * MINUTE, 103.0)]
    two.fresh = [(NOON, 90.0)]
    spent = await pool.update([one, two])
    assert spent > 0.0
    assert (newest(one), seen(one)) == (NOON + 2 * MINUTE, 123)
    assert (newest(two), seen(two)) == (NOON, 121)
    assert (one.seat.consumed_until, two.seat.consumed_until) == (NOON + 3 * MINUTE, NOON + MINUTE)
    assert one.fresh == two.fresh == []
    assert await pool.update([one, two]) == 0.0
    assert seen(one) == 123


async def test_a_missing_bucket_moves_the_clock_and_teaches_nothing():
    pool = BankPool()
    web = await fitted(pool)
    web.fresh = [(NOON, float("nan")), (NOON + MINUTE, 100.0)]
    await pool.update([web])
    assert (newest(web), seen(web)) == (NOON + MINUTE, 121)


async def test_a_tick_gives_what_one_replay_of_the_same_buckets_gives():
    pool = BankPool()
    by_ticks, at_once = await fitted(pool, minutes=120), workload(forecast=SHORT)
    values = np.random.default_rng(7).poisson(100.0, 120).astype(np.float64)
    later = [(NOON + i * MINUTE, 200.0 + i) for i in range(30)]
    for bucket in later:
        by_ticks.fresh = [bucket]
        await pool.update([by_ticks])
    times = np.concatenate([NOON - MINUTE * np.arange(120, 0, -1), [at for at, _ in later]])
    replayed = np.concatenate([values, [load for _, load in later]])
    at_once.seat = await pool.fit(at_once.intent, times, replayed, until=times[-1] + MINUTE)
    now = NOON + 30 * MINUTE
    predict(by_ticks, now=now)
    predict(at_once, now=now)
    np.testing.assert_array_equal(by_ticks.outlook.lead.values, at_once.outlook.lead.values)


async def test_without_a_load_nothing_is_told_of_what_another_posterior_has_shown():
    pool = BankPool()
    web = await fitted(pool)
    predict(web, now=NOON)
    web.seat = (await fitted(pool, minutes=0)).seat
    predict(web, now=NOON)
    assert (web.evidence, web.phase, web.phase_message) == (None, Phase.LEARNING, "no load was seen yet")


async def test_another_promise_is_judged_at_once_by_its_own_level():
    web = await fitted(BankPool())
    predict(web, now=NOON)
    web.intent = replace(web.intent, policy=replace(web.intent.policy, quantile=0.99))
    predict(web, now=NOON)
    assert web.evidence.nominal == 0.99


async def test_an_answer_that_comes_while_kernels_run_brings_no_bucket_twice_and_loses_none(monkeypatch):
    pool, source = BankPool(), Load(100.0)
    web = await fitted(pool)
    collector = Collector(source, SETTINGS, metrics())
    await collector.collect([web], now=NOON + MINUTE)
    async with kernels_running(pool, [web], monkeypatch):
        await collector.collect([web], now=NOON + 2 * MINUTE)
    assert newest(web) == NOON
    await pool.update([web])
    assert (newest(web), seen(web)) == (NOON + MINUTE, 122)


async def test_an_object_deleted_while_kernels_run_gives_its_row_back_afterwards(monkeypatch):
    pool = BankPool()
    web, other = await fitted(pool), await fitted(pool)
    web.fresh, other.fresh = [(NOON, 1.0), (NOON + MINUTE, 1.0)], [(NOON, 1.0), (NOON + MINUTE, 1.0)]
    bank = web.seat.bank
    async with kernels_running(pool, [web, other], monkeypatch):
        seat, web.seat = web.seat, None
        pool.release(seat)
        assert len(bank) == 2
    assert len(bank) == 1
    assert newest(other) == NOON + MINUTE


async def test_a_posterior_is_saved_whole_though_the_tick_that_feeds_it_is_ended(monkeypatch):
    pool = BankPool()
    web = await fitted(pool)
    web.fresh = [(NOON, 100.0)]
    async with kernels_running(pool, [web], monkeypatch) as feeding:
        feeding.cancel()
        saving = asyncio.create_task(pool.checkpoint(web.seat))
        saved, _ = await asyncio.wait([saving], timeout=0.1)
        assert not saved
    assert feeding.cancelled()
    assert (await pool.restore(web.intent, await saving)).consumed_until == NOON + MINUTE


async def test_a_bank_that_refuses_its_buckets_does_not_stop_the_others(monkeypatch, caplog):
    pool = BankPool()
    bad, good = await fitted(pool), await fitted(pool, load=load_of(step="5m"))
    bad.fresh, good.fresh = [(NOON - 2 * MINUTE, 1.0)], [(NOON, 100.0)]
    await pool.update([bad, good])
    assert "buckets were refused" in caplog.text
    assert newest(good) == NOON


async def test_a_history_that_cannot_be_replayed_leaves_no_row_behind():
    pool = BankPool()
    web = await fitted(pool)
    with pytest.raises(ValueError, match="not a bucket after"):
        await pool.fit(web.intent, np.array([NOON, NOON - MINUTE]), np.array([1.0, 1.0]), until=NOON)
    assert len(web.seat.bank) == 1


async def test_a_forecast_whose_newest_bucket_is_old_is_wider_and_never_lower():
    web = await fitted(BankPool())
    quantiles = []
    for minutes in (0, 1, 5, 60):
        predict(web, now=NOON + minutes * MINUTE + 30.0)
        quantiles.append(web.outlook.lead.quantile(0.95))
    assert quantiles[0] == quantiles[1], "one bucket may be under way"
    assert quantiles[1] < quantiles[2] < quantiles[3]


async def test_widening_is_on_reading_alone_and_ends_with_the_next_bucket():
    pool = BankPool()
    web = await fitted(pool)
    predict(web, now=NOON + 60 * MINUTE)
    wide = web.outlook.lead.quantile(0.95)
    web.fresh = [(NOON + i * MINUTE, 100.0) for i in range(60)]
    await pool.update([web])
    predict(web, now=NOON + 60 * MINUTE)
    assert web.outlook.lead.quantile(0.95) < wide


async def test_without_a_seat_or_without_any_load_there_is_no_forecast():
    web = workload()
    predict(web, now=NOON)
    assert (web.outlook, web.phase) == (None, Phase.LEARNING)
    web.seat = await BankPool().fit(web.intent, np.empty(0), np.empty(0), until=NOON)
    predict(web, now=NOON)
    assert web.outlook is None


async def test_evidence_is_read_after_new_buckets_at_the_level_nearest_to_the_objective():
    pool = BankPool()
    web = await fitted(pool, objective={"quantile": 0.98})
    predict(web, now=NOON)
    first = web.evidence
    assert (first.nominal, first.buckets_seen, first.season_buckets) == (0.975, 120, 0)
    predict(web, now=NOON)
    assert web.evidence is first
    web.fresh = [(NOON, 100.0)]
    await pool.update([web])
    predict(web, now=NOON + MINUTE)
    assert web.evidence.buckets_seen == 121


async def test_trust_is_earned_by_a_kept_promise():
    pool = BankPool()
    early, late = await fitted(pool, minutes=60), await fitted(pool, minutes=1440)
    predict(early, now=NOON)
    predict(late, now=NOON)
    assert (early.phase, late.phase) == (Phase.LEARNING, Phase.TRUSTED)
    assert "disjoint windows" in late.phase_message


async def test_a_change_that_the_forecast_does_not_take_up_demotes_says_so_and_is_forgiven():
    pool = BankPool()
    web = await fitted(pool, minutes=1440)
    predict(web, now=NOON)
    random, phases, told = np.random.default_rng(3), [], ""
    for minute in range(120):
        load = 200.0 * 2.0 ** (minute // 3) if minute < 12 else 300.0  # doubles every three minutes, then it is over
        web.fresh = [(NOON + minute * MINUTE, float(random.poisson(load)))]
        await pool.update([web])
        predict(web, now=NOON + (minute + 1) * MINUTE)
        phases.append(web.phase)
        told = told or (web.phase_message if web.phase is Phase.DEGRADED else "")
    assert phases[0] is phases[-1] is Phase.TRUSTED
    assert Phase.DEGRADED in phases[:12]
    assert told.startswith("the load's level rose at 2026-03-02T12:0")
    degraded = [minute for minute, phase in enumerate(phases) if phase is Phase.DEGRADED]
    assert degraded[-1] - degraded[0] >= 10 * web.seat.intent.lead - 1, "ten disjoint windows to come back"


async def test_a_reading_that_failed_gives_the_posterior_nothing():
    pool, source = BankPool(), Load(100.0)
    web = await fitted(pool)
    source.error = SourceError("no")
    await Collector(source, SETTINGS, metrics()).collect([web], now=NOON + MINUTE)
    assert await pool.update([web]) == 0.0
    assert seen(web) == 120

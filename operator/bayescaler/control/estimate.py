"""Posteriors: where each object's lives, how a tick's buckets reach them, what they predict.

Objects that share step, leads and seasons share a `Bank`, so that a tick is one kernel call a bank.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import isfinite
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bayescaler.policy import Outlook
from bayescaler.policy.freshness import missed_buckets
from bayescaler.policy.reasons import Health, Phase
from bayescaler.policy.trust import Change, Evidence, Standing, judge, nearest_level
from bayescaler.policy.types import SILENT
from bayescast import LEVELS, Bank, BayescastError, Family, ForecastSpec, Kind, NoData
from bayescast.diagnostics import Shown

from .translate import Intent
from .workload import Seat, Workload

log = logging.getLogger(__name__)
SILENCE = "the newest buckets hold 0, which this load hardly ever was; it is believed once 1 % of the history is silent"
Floats = NDArray[np.float64]
Round = list[tuple[int, float, float]]
"""One bucket of each of several rows: row, start (epoch seconds), load."""
T = TypeVar("T")


class BankPool:
    """All posteriors. One lock keeps the warm-up's replay and the tick's update from moving the same arrays.

    It is held until their threads are done, even of a task that is cancelled: what is saved at the end is whole.
    """

    def __init__(self) -> None:
        self._banks: dict[ForecastSpec, Bank] = {}
        self._lock = asyncio.Lock()
        self._leaving: list[Seat] = []

    async def fit(
        self, intent: Intent, times: NDArray[np.float64], values: NDArray[np.float64], *, until: float
    ) -> Seat:
        """Build a posterior by replaying a history; `times` are bucket starts (epoch seconds), NaN is missing."""
        async with self._lock:
            seat = self._seat(intent, until)
            await self._fill(seat, seat.bank.fit, seat.row, times, values)
            return seat

    async def replay(self, intent: Intent, times: Floats, values: Floats, *, until: float) -> tuple[Seat, Floats]:
        """As `fit`, and return what was forecast after each bucket: (n, 2, 9), lead and window, in capacity's unit."""
        issued: dict[int, Floats] = {}
        async with self._lock:
            seat = self._seat(intent, until)
            await self._fill(seat, lambda: issued.update(seat.bank.replay(seat.row, times, values)))
        return seat, np.stack([issued[lead] for lead in (intent.lead, intent.window)], axis=1) * intent.scale

    async def restore(self, intent: Intent, blob: bytes) -> Seat | None:
        """Take up a posterior as `checkpoint` gave it, None if it has seen nothing; BayescastError if it is no such."""
        async with self._lock:
            seat = self._seat(intent, 0.0)
            await self._fill(seat, seat.bank.restore, seat.row, blob)
            if not seat.bank.buckets_seen(seat.row):
                self._leaving.append(seat)
                self._let_go()
                return None
            seat.consumed_until = seat.bank.last_time(seat.row) + intent.forecast.step_seconds
            return seat

    async def catch_up(self, seat: Seat, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Bring a restored posterior up to date: buckets as `fit` takes them, none older than it has consumed."""
        async with self._lock:
            await self._fill(
                seat, _feed, seat.bank, [[(seat.row, *bucket)] for bucket in zip(times, values, strict=True)]
            )
            if len(times):
                seat.consumed_until = float(times[-1]) + seat.intent.forecast.step_seconds

    async def checkpoint(self, seat: Seat) -> bytes | None:
        """Return a posterior as bytes, None if it has seen nothing or was given back."""
        async with self._lock:
            if seat in self._leaving or seat.left or not seat.bank.buckets_seen(seat.row):
                return None
            return await _in_thread(seat.bank.checkpoint, seat.row)

    def _seat(self, intent: Intent, until: float) -> Seat:
        shape = replace(intent.forecast, kind=Kind.RATE, family=Family.AUTO, time_zone="UTC")  # may differ by row
        bank = self._banks.get(shape)
        if bank is None:
            bank = self._banks[shape] = Bank(shape)
        return Seat(bank, bank.add(intent.forecast), intent, until)

    async def _fill(self, seat: Seat, work: Callable[..., None], *given: Any) -> None:
        """Run kernels on a new seat beside the loop; it is given back if that fails."""
        try:
            await _in_thread(work, *given)
        except BaseException:
            self._leaving.append(seat)
            raise
        finally:
            self._let_go()

    def release(self, seat: Seat) -> None:
        """Give the row back, at once or when the kernels that may be using it are done."""
        self._leaving.append(seat)
        if not self._lock.locked():
            self._let_go()

    def _let_go(self) -> None:
        while self._leaving:
            seat = self._leaving.pop()
            seat.left = True
            seat.bank.remove(seat.row)
            if not len(seat.bank):
                self._banks = {shape: bank for shape, bank in self._banks.items() if bank is not seat.bank}

    async def update(self, workloads: Iterable[Workload]) -> float:
        """Feed every workload's fresh buckets, oldest first; returns the seconds spent in kernels."""
        if not any(w.fresh for w in workloads):
            return 0.0
        spent = 0.0
        async with self._lock:
            for bank, rounds in _batches(workloads).items():
                started = time.perf_counter()
                try:
                    await _in_thread(_feed, bank, rounds)
                except BayescastError:
                    log.exception("buckets were refused", extra={"step_seconds": bank.shape.step_seconds})
                spent += time.perf_counter() - started
            self._let_go()
        return spent


async def _in_thread(work: Callable[..., T], *given: Any) -> T:
    """Run kernels beside the loop; cancelled, it ends when they do."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *given))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _batches(workloads: Iterable[Workload]) -> dict[Bank, list[Round]]:
    """Take the fresh buckets of every workload; round i of a bank holds the i-th of every member that has one."""
    batches: defaultdict[Bank, list[Round]] = defaultdict(list)
    for workload in workloads:
        seat, fresh = workload.seat, workload.fresh
        if seat is None or not fresh:
            continue
        workload.fresh = []  # before the kernels run: an answer that comes meanwhile must not bring the same again
        step, scale = seat.intent.forecast.step_seconds, seat.intent.scale
        seat.consumed_until = fresh[-1][0] + step
        workload.unbooked += [(at + step, value * scale) for at, value in fresh if isfinite(value)]
        rounds = batches[seat.bank]
        while len(rounds) < len(fresh):
            rounds.append([])
        for members, (at, value) in zip(rounds, fresh, strict=False):
            members.append((seat.row, at, value))
    return batches


def _feed(bank: Bank, rounds: Sequence[Round]) -> None:
    """One kernel call a round."""
    for members in rounds:
        rows, times, values = zip(*members, strict=True)
        bank.update(np.array(rows, np.int64), np.array(times, np.float64), np.array(values, np.float64))


def predict(workload: Workload, *, now: float) -> None:
    """Read the quantiles, and, after new buckets, judge how far to trust them and whether a silence is load."""
    seat, intent = workload.seat, workload.intent
    workload.outlook = None
    if seat is None or intent is None:
        workload.phase_told, workload.evidence, workload.doubted = workload.phase_message, None, 0
        return
    try:
        workload.outlook = outlook_of(seat, now=now)
    except NoData:
        workload.standing, workload.evidence, workload.doubted = Standing(), None, 0
        workload.phase, workload.phase_told = Phase.LEARNING, "no load was seen yet"
        return
    known, level = workload.evidence, level_of(intent.policy.promised)
    if known is None or known.nominal != level or seat.judged_until != seat.consumed_until:
        shown = seat.bank.shown(seat.row, level, seat.intent.lead)
        seat.judged_until, workload.doubted = seat.consumed_until, shown.doubted
        workload.evidence = _evidence(shown, intent)
        workload.standing = judge(workload.evidence, workload.standing)
        workload.phase, workload.phase_told = workload.standing.phase, ""
    disbelieve_silence(workload)


def disbelieve_silence(workload: Workload) -> None:
    """Call a load that is silent for the second bucket, and hardly ever was, no load: nothing is decided or booked by
    its zeros. `collect` says anew in every tick what the load's health is.
    """
    load = workload.load
    if workload.doubted < SILENT or load.value != 0.0:
        return
    if load.health is Health.LIVE:
        load.health, load.reason, load.message = Health.IMPLAUSIBLE, "LoadImplausible", SILENCE
    workload.unbooked = [(at, value) for at, value in workload.unbooked if value > 0.0]


def outlook_of(seat: Seat, *, now: float) -> Outlook:
    """Return what a seat expects, in capacity's unit, wider where its newest bucket is old; NoData before the first."""
    bank, row, scale = seat.bank, seat.row, seat.intent.scale
    lead, window = bank.predict(row, seat.intent.lead), bank.predict(row, seat.intent.window)
    late = missed_buckets(now - lead.issued_at, lead.step_seconds)
    return Outlook(lead.aged(late).scaled(scale), window.aged(late).scaled(scale))


@lru_cache(maxsize=128)
def level_of(promised: float) -> float:
    """Return the level of the forecaster that a promise is judged at."""
    return nearest_level(LEVELS, promised)


def _evidence(shown: Shown, intent: Intent) -> Evidence:
    """What the forecast has shown at the level nearest to the promised quantile."""
    at = shown.change_point_at
    return Evidence(
        disjoint_windows=shown.disjoint_windows,
        coverage=shown.coverage if shown.windows else None,
        nominal=level_of(intent.policy.promised),
        skill=shown.skill if shown.windows else None,
        buckets_seen=shown.buckets_seen,
        season_buckets=int(min(intent.forecast.seasons, default=0.0) / intent.forecast.step_seconds),
        headroom_lost=shown.headroom_lost,
        recent_misses=shown.recent_misses,
        change=None if at is None else Change(at, shown.change_point_rise, shown.windows_since_change),
    )

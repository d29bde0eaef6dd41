"""Posteriors on a volume: a file an object, so that only the buckets since have to be replayed after a start.

A file is a mark of what it is of (the object, its query), then the forecaster's checkpoint, which knows its own spec
and checksum. It is written whole beside its place and then moved there. What cannot be taken up is said once and built
from history, as without a volume. A volume may hang for ever: it has threads of its own, which nobody waits for beyond
a deadline, nor the end of the process.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from bayescaler.telemetry.metrics import Metrics
from bayescast import BayescastError

from .daemons import Daemons
from .estimate import BankPool
from .settings import Settings
from .translate import Intent
from .workload import Seat, Workload

log = logging.getLogger(__name__)
SUFFIX = ".posterior"
FORGOTTEN_SECONDS = 7 * 86_400.0
"""Files that nobody has written for so long are of objects that are gone."""
HANGS = "the volume does not answer"
_MARK_BYTES = 32

T = TypeVar("T")


class Checkpoints:
    """The files of one folder. Nothing here blocks a tick, nor fails with the volume."""

    def __init__(self, folder: Path, banks: BankPool, settings: Settings, metrics: Metrics) -> None:
        self._folder, self._banks, self._settings, self._metrics = folder, banks, settings, metrics
        self._queue: deque[Workload] = deque()
        self._round_began: float | None = None
        self._writing: asyncio.Task[None] | None = None
        self._threads = Daemons(settings.max_warmups_in_flight, name="volume")
        self._hung: list[Future[Any]] = []
        self._refused: set[str] = set()
        self._failing = False

    async def start(self) -> None:
        """Make the folder, and drop what is old; a folder that cannot be written to is told, and costs only itself."""
        try:
            await self._beside(self._prepare)
        except OSError as error:
            self._metrics.failures.labels("checkpoints").inc()
            log.warning("posteriors cannot be kept", extra={"folder": str(self._folder), "why": str(error)})

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        probe = self._folder / f".{uuid4().hex}"  # pids are the same in every container
        probe.write_bytes(b"")
        probe.unlink()
        for file in (*self._folder.glob(f"*{SUFFIX}"), *self._folder.glob(".*.new")):
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > FORGOTTEN_SECONDS:
                    file.unlink()

    async def recall(self, workload: Workload, intent: Intent) -> Seat | None:
        """Return a seat with the posterior as it was saved, None where there is none to go on from."""
        if workload.uid in self._refused:
            return None
        try:
            saved = await self._beside(self._file(workload).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._refuse(workload, f"the posterior could not be read: {error}")
            return None
        if saved[:_MARK_BYTES] != _mark(workload, intent):
            self._refuse(workload, "the saved posterior is of another query or object: it is built from history")
            return None
        try:
            seat = await self._banks.restore(intent, saved[_MARK_BYTES:])
        except BayescastError as error:
            self._refuse(workload, f"the saved posterior: {error}")
            return None
        self._metrics.state_reads.labels("posterior").inc()
        return seat

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Begin to write the next few, so that all have had their turn by the end of a round."""
        due = self._round_began is None or now - self._round_began >= self._settings.checkpoint_seconds
        if due and not self._queue:  # a slow volume makes rounds longer, it leaves nobody out
            self._round_began, self._queue = now, deque(workloads)
        if self._queue and self._writing is None:
            ticks = max(1.0, self._settings.checkpoint_seconds / self._settings.interval_seconds / 2.0)
            share = [self._queue.popleft() for _ in range(min(len(self._queue), ceil(len(workloads) / ticks)))]
            self._writing = asyncio.create_task(self._write(share), name="checkpoints")
            self._writing.add_done_callback(self._written)

    async def save_all(self, workloads: Sequence[Workload]) -> None:
        """Write all posteriors, as far as the deadline lets; those left out are caught up from an older file."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.save_deadline_seconds):
                await self.idle()
                await self._write(workloads)

    async def idle(self) -> None:
        """Wait until nothing is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def forget(self, workload: Workload) -> None:
        """Drop the file of an object that is gone, as soon as the volume lets."""
        self._refused.discard(workload.uid)
        file = self._file(workload)

        def drop() -> None:
            with suppress(OSError):
                file.unlink(missing_ok=True)

        self._threads.submit(drop)

    async def _beside(self, work: Callable[[], T]) -> T:
        """Do what may hang in a thread; raises OSError, at once while something hangs that was asked before."""
        self._hung = [job for job in self._hung if not job.done()]
        if self._hung:
            raise TimeoutError(HANGS)
        job = self._threads.submit(work)
        try:
            async with asyncio.timeout(self._settings.save_deadline_seconds):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            if not job.done():
                self._hung.append(job)
            raise TimeoutError(HANGS) from error

    def _written(self, _: "asyncio.Task[None]") -> None:
        self._writing = None

    async def _write(self, workloads: Sequence[Workload]) -> None:
        for workload in workloads:
            seat = workload.seat
            if seat is None or workload.gone:
                continue
            try:
                blob = await self._banks.checkpoint(seat)
                if blob is not None:
                    content = _mark(workload, seat.intent) + blob
                    await self._beside(partial(self._replace, self._file(workload), content))
            except OSError as error:
                level = logging.DEBUG if self._failing else logging.WARNING
                log.log(level, "posterior not saved", extra={"object": workload.label, "why": str(error)})
                self._metrics.state_writes.labels("VolumeFailed").inc()
                self._failing = True
            else:
                self._failing = False
                self._refused.discard(workload.uid)
                self._metrics.state_writes.labels("posterior").inc()
            if workload.gone:  # meanwhile
                self.forget(workload)

    def _replace(self, file: Path, content: bytes) -> None:
        beside = self._folder / f".{file.name}.{uuid4().hex}.new"
        try:
            with beside.open("wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            beside.replace(file)
        except OSError:
            with suppress(OSError):  # a full volume is not filled further by what did not fit
                beside.unlink(missing_ok=True)
            raise

    def _file(self, workload: Workload) -> Path:
        name = hashlib.blake2b(workload.uid.encode(), digest_size=16).hexdigest()
        return self._folder / f"{name}{SUFFIX}"

    def _refuse(self, workload: Workload, why: str) -> None:
        """Say it once: until the file is written anew it is not asked for again."""
        self._refused.add(workload.uid)
        log.warning("posterior refused", extra={"object": workload.label, "why": why})
        self._metrics.state_reads.labels("PosteriorRefused").inc()
        workload.state_refused = f"{workload.state_refused}; {why}".removeprefix("; ")


def _mark(workload: Workload, intent: Intent) -> bytes:
    meaning = (workload.uid, intent.query.query, intent.query.server_address, intent.query.step_seconds)
    return hashlib.blake2b(repr(meaning).encode(), digest_size=_MARK_BYTES).digest()

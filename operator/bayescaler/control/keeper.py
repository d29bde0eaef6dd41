"""Keep what a restart would lose: read when this process starts and when it begins to lead, saved now and then by the
leader, and at once when it ends or loses the Lease.

An object's state lives in one of a few ConfigMaps, found or given a place when the object is seen; one ConfigMap is
written at a time, each every `save_seconds`, so that the cost does not depend on how often states change. Before it was
read nothing is written, and a write that was overtaken is made again only by whoever leads later.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from bayescaler.cluster.errors import ClusterError, Conflict, NotFound
from bayescaler.cluster.saved_states import SHARDS, SavedStates, Shard
from bayescaler.policy.saved import RefusedState, Saved, pack, unpack
from bayescaler.telemetry.metrics import Metrics

from .containment import contained
from .jobs import Jobs
from .recall import newer, saved_of, take_up, take_up_conclusions
from .settings import Settings
from .translate import Intent
from .workload import Workload

log = logging.getLogger(__name__)
MOST_OBJECTS = 256
"""Objects a ConfigMap: of three kilobytes each they stay below the mebibyte that one may hold."""
READS_IN_FLIGHT = 8
FIRST_SECONDS = 60.0
PAUSE_INTERVALS = 4.0
SHORTEST_PAUSE_SECONDS = 60.0


def pause_seconds(settings: Settings) -> float:
    """Time without decisions after which a saved state no longer tells what was recommended."""
    return max(SHORTEST_PAUSE_SECONDS, PAUSE_INTERVALS * settings.interval_seconds)


class Keeper:
    """Saved states of all `workloads`. `term` tells whose turn it is, `listed` whether all objects are known."""

    def __init__(
        self,
        states: SavedStates,
        settings: Settings,
        metrics: Metrics,
        *,
        workloads: Callable[[], Iterable[Workload]],
        may_write: Callable[[], bool],
        term: Callable[[], int],
        listed: Callable[[], bool],
    ) -> None:
        self._states, self._settings, self._metrics = states, settings, metrics
        self._workloads, self._may_write, self._term, self._listed = workloads, may_write, term, listed
        self._shards: dict[int, Shard] = {}
        self._places: dict[str, int] = {}
        self._waiting: dict[str, Saved | RefusedState] = {}
        self._due: dict[int, float] = {}
        self._read = False
        self._leads: int | None = None
        self._jobs = Jobs()
        self.idle = self._jobs.idle

    async def start(self) -> None:
        """Read what was saved, so that objects can be given theirs when they are first seen."""
        await self._try_read()
        if self._may_write():
            self._leads = self._term()

    def recall(self, workload: Workload, intent: Intent) -> None:
        """Give an object its saved state, once, before its first intent is in force."""
        saved = self._opened(workload)
        if saved is not None:
            self._give(workload, intent, saved)

    def in_charge(self) -> bool:
        """Whether what is decided now may be written: this replica leads, and has gone on from whoever led before."""
        return self._may_write() and self._leads == self._term()

    async def take_over(self) -> None:
        """Before the first tick that may write: read what whoever led until now has saved; a tick waits that long."""
        if not self._may_write() or self.in_charge():
            return
        self._leads, self._due = self._term(), {}
        await self._read_anew()

    def look(self, workloads: Sequence[Workload], *, now: float) -> None:
        """Begin to save what is due, without waiting."""
        if self._leads is None or not self.in_charge() or self._jobs:
            return
        if not self._read:
            if now >= self._due.setdefault(-1, now + FIRST_SECONDS):
                self._due[-1] = now + FIRST_SECONDS
                self._jobs.begin(self._read_anew(), "read states")
            return
        due = sorted((self._due_at(number, now), number) for number in self._in_use(workloads))
        for at, number in due[:1]:
            if at <= now:
                self._due[number] = now + self._settings.save_seconds
                self._jobs.begin(self._save(number, self._leads), "save states")

    def lost(self) -> None:
        """Save everything a last time: another replica is going to lead."""
        if self._leads is not None:
            self._jobs.begin(self.save_all(), "save states on losing the Lease")

    async def save_all(self) -> None:
        """Save everything as the leader one has been until now, as far as the deadline lets."""
        term, self._leads = self._leads, None
        if term is None or not self._read:
            return
        seats = asyncio.Semaphore(READS_IN_FLIGHT)

        async def save(number: int) -> None:
            async with seats:
                await self._save(number, term)

        try:
            async with asyncio.timeout(self._settings.save_deadline_seconds):
                await asyncio.gather(*(save(number) for number in self._in_use(tuple(self._workloads()))))
        except TimeoutError:
            log.warning("states were not all saved", extra={"why": "the API server was too slow"})
            self._metrics.state_writes.labels("Timeout").inc()

    async def stop(self) -> None:
        """Save a last time what is this replica's to save, and end."""
        await self._jobs.stop(patience_seconds=self._settings.save_deadline_seconds)
        if self._may_write():
            await self.save_all()
        self._leads = None

    async def _read_anew(self) -> None:
        if not await self._try_read():
            return
        for workload in self._workloads():
            with contained(workload, "restore", self._metrics):
                self._recall_newer(workload)

    def _recall_newer(self, workload: Workload) -> None:
        intent, saved = workload.intent, self._opened(workload)
        if intent is None or saved is None:
            return
        if newer(saved, workload, pause_seconds=pause_seconds(self._settings)):
            watched = workload.state
            self._give(workload, intent, saved)
            workload.state = workload.state.followed_by(watched)
        else:
            take_up_conclusions(workload, saved)

    async def _try_read(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.save_deadline_seconds):
                found = await self._read_all()
        except (ClusterError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            log.warning("saved states could not be read, what was learned is learned anew", extra={"why": why})
            self._metrics.state_reads.labels(error.reason if isinstance(error, ClusterError) else "Timeout").inc()
            self._read = False
            return False
        self._shards, self._read = {shard.number: shard for shard in found}, True
        self._waiting = await asyncio.to_thread(_unpacked, found)
        self._places |= {uid: shard.number for shard in found for uid in shard.entries}
        return True

    async def _read_all(self) -> list[Shard]:
        """Read until a batch has none: they are filled from the first on, and one that was deleted leaves a hole."""
        found: list[Shard] = []
        for first in range(0, SHARDS, READS_IN_FLIGHT):
            batch = await asyncio.gather(*(self._states.read(first + i) for i in range(READS_IN_FLIGHT)))
            found += [shard for shard in batch if shard.version is not None]
            if all(shard.version is None for shard in batch):
                break
        return found

    def _opened(self, workload: Workload) -> Saved | None:
        """Return an object's saved state, once; None where there is none, or none that can be taken up."""
        found = self._waiting.pop(workload.uid, None)
        if isinstance(found, RefusedState):
            self._refuse(workload, type(found).__name__, str(found))
            return None
        return found

    def _give(self, workload: Workload, intent: Intent, saved: Saved) -> None:
        refused = take_up(workload, intent, saved, self._settings)
        if refused:
            self._refuse(workload, "PartRefused", f"of the saved state was left out: {'; '.join(refused)}")
        self._metrics.state_reads.labels("restored").inc()
        log.info("state restored", extra={"object": workload.label, "decided_at": saved.state.decided_at})

    def _refuse(self, workload: Workload, result: str, why: str) -> None:
        log.warning("state refused", extra={"object": workload.label, "why": why})
        self._metrics.state_reads.labels(result).inc()
        workload.state_refused = why

    def _in_use(self, known: Sequence[Workload]) -> set[int]:
        """Return the shards that have something to save, or something to drop; whoever has no place gets one."""
        if self._listed():
            uids = {one.uid for one in known}
            self._places = {uid: place for uid, place in self._places.items() if uid in uids}
            self._waiting = {uid: found for uid, found in self._waiting.items() if uid in uids}
        full = Counter(self._places[one.uid] for one in known if one.uid in self._places)
        for workload in known:
            if workload.uid not in self._places:
                room = next((n for n in range(SHARDS) if full[n] < MOST_OBJECTS), None)
                if room is None:
                    log.warning("state has no place", extra={"object": workload.label})
                    continue
                self._places[workload.uid] = room
                full[room] += 1
        return set(full) | {number for number, shard in self._shards.items() if shard.entries}

    def _due_at(self, number: int, now: float) -> float:
        """When a shard is saved next; those just taken over one after the other."""
        return self._due.setdefault(number, now + FIRST_SECONDS + number * self._settings.interval_seconds)

    async def _save(self, number: int, term: int) -> None:
        shard = self._shards.get(number, Shard(number))
        try:
            entries = await asyncio.to_thread(_packed, *self._content(shard))
            if entries != shard.entries or shard.version is None:
                self._shards[number] = await self._write(shard, entries, term)
                self._metrics.state_writes.labels("ok").inc()
        except ClusterError as error:
            log.warning("states not saved", extra={"where": self._states.place(number), "why": str(error)})
            self._metrics.state_writes.labels(error.reason).inc()
        except Exception:
            log.exception("states not saved", extra={"where": self._states.place(number)})
            self._metrics.failures.labels("save").inc()

    async def _write(self, shard: Shard, entries: Mapping[str, bytes], term: int) -> Shard:
        try:
            return await self._states.write(shard, entries, term=term)
        except (Conflict, NotFound):
            fresh = await self._states.read(shard.number)
            self._shards[shard.number] = fresh
            if fresh.term > term or not self._may_write():
                raise
            return await self._states.write(fresh, entries, term=term)

    def _content(self, shard: Shard) -> tuple[dict[str, bytes], dict[str, Saved]]:
        """Return what stays as it is, and what is to be packed."""
        known = {one.uid: one for one in self._workloads() if self._places.get(one.uid) == shard.number}
        kept = {uid: blob for uid, blob in shard.entries.items() if uid in known or not self._listed()}
        states = {uid: saved_of(one, one.intent) for uid, one in known.items() if one.intent is not None}
        return kept, states


def _unpacked(shards: Iterable[Shard]) -> dict[str, Saved | RefusedState]:
    """Open all states, beside the event loop: ten thousand take two seconds."""
    found: dict[str, Saved | RefusedState] = {}
    for shard in shards:
        for uid, blob in shard.entries.items():
            try:
                found[uid] = unpack(blob, uid)
            except RefusedState as error:
                found[uid] = error
    return found


def _packed(kept: Mapping[str, bytes], states: Mapping[str, Saved]) -> dict[str, bytes]:
    entries = dict(kept)
    for uid, saved in states.items():
        packed = pack(saved, uid)
        entries[uid] = packed.blob
        if packed.trimmed:
            log.debug("state made coarser to be saved", extra={"uid": uid, "bytes": len(packed.blob)})
    return entries

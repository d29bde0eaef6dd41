"""The objects in force: filled by the watch, checked against a full list, so that a lost deletion does not live on."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bayescaler.api import SpecError

from .canaries import in_force
from .lead_times import with_held_lead
from .recall import load_mark
from .settings import Settings
from .translate import Intent, meaning_of_use, translate
from .workload import Problem, Workload

log = logging.getLogger(__name__)
Key = tuple[str, str]


class Registry:
    """All `Workload`s by namespace and name.

    `on_new_load` is called when an object's posterior has to be built (again), `on_gone` when an object is dropped,
    `recall` before the first intent of an object is in force, `failed` for each object that could not be taken in.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_new_load: Callable[[Workload], None],
        on_gone: Callable[[Workload], None],
        may_write: Callable[[], bool] = lambda: True,
        recall: Callable[[Workload, Intent], None] = lambda _workload, _intent: None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._may_write, self._recall, self._failed = settings, may_write, recall, failed
        self._on_new_load, self._on_gone = on_new_load, on_gone
        self._by_key: dict[Key, Workload] = {}
        self._heard: set[Key] = set()
        self.synced_at: float | None = None

    def __iter__(self) -> Iterator[Workload]:
        return iter(tuple(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: Key) -> Workload | None:
        """Return the record of an object, None where there is none."""
        return self._by_key.get(key)

    def observe(self, event: str | None, obj: Mapping[str, Any]) -> None:
        """Take in one event of the watch: ADDED, MODIFIED, DELETED, or None for the first listing."""
        with self._contained(obj):
            self._heard.add(_key(obj))
            self._take(event, obj)

    def begin_list(self) -> None:
        """A full list is about to be read: what the watch says from now on is newer than the list."""
        self._heard.clear()

    @contextmanager
    def _contained(self, obj: Mapping[str, Any]) -> Iterator[None]:
        """Log and count what goes wrong with one object, so that the others are taken in."""
        try:
            yield
        except Exception:
            log.exception("object not understood", extra={"object": str(obj.get("metadata", {}).get("name"))})
            self._failed()

    def _take(self, event: str | None, obj: Mapping[str, Any]) -> None:
        meta, key = obj["metadata"], _key(obj)
        known = self._by_key.get(key)
        if event == "DELETED" or meta.get("deletionTimestamp"):
            if known is not None and known.uid == meta["uid"]:
                self._drop(known)
            return
        if known is not None and known.uid != meta["uid"]:
            self._drop(known)
            known = None
        if known is None:
            known = Workload(*key, uid=meta["uid"], generation=-1, created=meta.get("creationTimestamp", ""))
            known.told.status = dict(obj.get("status") or {})
            self._by_key[key] = known
        elif not self._may_write():
            known.told.status = dict(obj.get("status") or {})  # by whoever leads: it is what we shall go on from
        if meta["generation"] > known.generation:
            self._intend(known, obj)
            known.generation = meta["generation"]

    def replace(self, objects: Iterable[Mapping[str, Any]], *, now: float) -> int:
        """Take in a full list: add what was missed, drop what is gone. Returns how many were dropped.

        Objects that the watch spoke of since `begin_list` are left as the watch told them.
        """
        seen = set(self._heard)
        for obj in objects:
            with self._contained(obj):
                if _key(obj) not in seen:
                    seen.add(_key(obj))
                    self._take(None, obj)
        ghosts = [w for key, w in self._by_key.items() if key not in seen]
        for ghost in ghosts:
            log.warning("object is gone and the watch did not say so", extra={"object": ghost.label})
            self._drop(ghost)
        self.synced_at = now
        return len(ghosts)

    def _intend(self, workload: Workload, obj: Mapping[str, Any]) -> None:
        before = workload.intent
        try:
            said = translate(workload.namespace, workload.name, obj, self._settings)
        except SpecError as error:
            workload.intent = None
            workload.spec_problem = Problem("SpecInvalid", str(error))
            return
        mark = load_mark(said)
        if workload.meaning not in {"", mark}:
            workload.forget_load()
        workload.meaning = mark
        if before is None:
            self._recall(workload, said)
        said = in_force(workload, said)
        workload.intent = intent = with_held_lead(workload.starts, said, self._settings)
        workload.spec_problem = None
        meaning = meaning_of_use(intent)
        if meaning is not None and workload.serving.meaning not in {None, meaning}:
            workload.forget_serving()
        workload.serving.meaning = meaning or workload.serving.meaning
        if workload.seat is None or not workload.seat.intent.same_load(intent):
            self._on_new_load(workload)

    def _drop(self, workload: Workload) -> None:
        del self._by_key[workload.key]
        workload.gone = True
        for task in (workload.reading, workload.telling, workload.starts.reading, workload.serving.reading):
            if task is not None:
                task.cancel()
        self._on_gone(workload)


def _key(obj: Mapping[str, Any]) -> Key:
    return (obj["metadata"]["namespace"], obj["metadata"]["name"])

"""The object store: one monotone resourceVersion, a bounded history for watches and paging, and change listeners.

Objects are plain JSON dicts and are never changed in place: a write stores a new dict, so that the history, open lists
and watches keep what they saw.
"""

import json
import random
import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bayescaler.sandbox.clock import Clock, rfc3339

from .errors import Json, expired

Resource = tuple[str, str]  # group, plural
Key = tuple[str, str]  # namespace ("" = cluster scope), name
Listener = Callable[["Change"], None]

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def encode(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(slots=True, eq=False)
class Record:
    """One version of one object; its JSON is encoded once, however many watch it."""

    object: Json
    version: int
    _encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = encode(self.object)
        return self._encoded


@dataclass(frozen=True, slots=True)
class Change:
    """One write: `record` is what is stored now (for DELETED: what was, at the version of its removal)."""

    type: str  # ADDED | MODIFIED | DELETED
    resource: Resource
    key: Key
    record: Record
    previous: Record | None

    @property
    def version(self) -> int:
        """The resourceVersion of the write."""
        return self.record.version


@dataclass(slots=True)
class _Shelf:
    """All objects of one resource and its recent changes; changes after `floor` are all held."""

    objects: dict[Key, Record] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    floor: int = 0
    listeners: list[Listener] = field(default_factory=list)


class Store:
    """All objects. A watch can resume over `window` changes of a resource; `seed` makes names and uids repeat."""

    def __init__(self, clock: Clock, *, window: int = 1000, seed: int = 0) -> None:
        self.clock = clock
        self.window = window
        self.version = 1
        self._random = random.Random(seed)  # noqa: S311 - names and uids have to repeat
        self._compacted = 0
        self._shelves: defaultdict[Resource, _Shelf] = defaultdict(lambda: _Shelf(floor=self._compacted))
        self._listeners: list[Listener] = []

    def timestamp(self) -> str:
        """The clock's time as metav1.Time."""
        return rfc3339(self.clock.now())

    def new_uid(self) -> str:
        """A uid, drawn from the store's seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_suffix(self) -> str:
        """The five characters that `generateName` appends."""
        return "".join(self._random.choices(_SUFFIX_ALPHABET, k=5))

    def get(self, resource: Resource, namespace: str, name: str) -> Record | None:
        """The stored record, or None."""
        return self._shelves[resource].objects.get((namespace, name))

    def items(self, resource: Resource, namespace: str = "") -> list[tuple[Key, Record]]:
        """All records of one namespace ("" = of all), in the order of namespace and name."""
        return sorted(
            (item for item in self._shelves[resource].objects.items() if not namespace or item[0][0] == namespace),
            key=lambda item: item[0],
        )

    def items_at(self, resource: Resource, version: int, namespace: str = "") -> list[tuple[Key, Record]]:
        """The list as it was at `version`; raises 410 Expired where the history does not reach back."""
        shelf = self._shelves[resource]
        if version < shelf.floor:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start "
                "a new list without the continue parameter."
            )
        objects = dict(shelf.objects)
        for change in reversed(shelf.history):
            if change.version <= version:
                break
            if change.previous is None:
                objects.pop(change.key, None)
            else:
                objects[change.key] = change.previous
        return sorted(
            (item for item in objects.items() if not namespace or item[0][0] == namespace), key=lambda i: i[0]
        )

    def put(self, resource: Resource, namespace: str, name: str, obj: Json) -> Record:
        """Store `obj` under a new resourceVersion and tell the listeners; the caller's dict is not kept or changed."""
        self.version += 1
        record = Record(_stamped(obj, self.version), self.version)
        shelf = self._shelves[resource]
        previous = shelf.objects.get((namespace, name))
        shelf.objects[namespace, name] = record
        self._commit(shelf, Change("MODIFIED" if previous else "ADDED", resource, (namespace, name), record, previous))
        return record

    def remove(self, resource: Resource, namespace: str, name: str) -> Record:
        """Remove an object that is there; returns it at the version of its removal."""
        shelf = self._shelves[resource]
        previous = shelf.objects.pop((namespace, name))
        self.version += 1
        record = Record(_stamped(previous.object, self.version), self.version)
        self._commit(shelf, Change("DELETED", resource, (namespace, name), record, previous))
        return record

    def _commit(self, shelf: _Shelf, change: Change) -> None:
        shelf.history.append(change)
        if len(shelf.history) >= 2 * self.window:  # trimmed in halves: O(1) a write
            del shelf.history[: -self.window]
            shelf.floor = shelf.history[0].version - 1
        for listener in (*shelf.listeners, *self._listeners):
            listener(change)

    def changes(self, resource: Resource, after: int) -> Iterator[Change]:
        """The changes later than version `after`; raises 410 Expired where the history does not reach back."""
        shelf = self._shelves[resource]
        if after < shelf.floor:
            raise expired(f"too old resource version: {after} ({shelf.floor + 1})")
        history = shelf.history
        return iter(history[bisect_right(history, after, key=lambda change: change.version) :])

    def compact(self) -> None:
        """Forget all history: watches and pages from older versions get 410 Expired."""
        self._compacted = self.version
        for shelf in self._shelves.values():
            shelf.history.clear()
            shelf.floor = self.version

    def subscribe(self, listener: Listener, resources: Iterable[Resource] = ()) -> Callable[[], None]:
        """Call `listener` with each change of `resources` (none = all) as it is stored; returns how to stop."""
        lists = [self._shelves[resource].listeners for resource in resources] or [self._listeners]
        for listeners in lists:
            listeners.append(listener)

        def stop() -> None:
            for listeners in lists:
                if listener in listeners:
                    listeners.remove(listener)

        return stop


def _stamped(obj: Json, version: int) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}

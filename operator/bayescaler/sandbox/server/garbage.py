"""What follows a deletion: dependents by ownerReferences, and the contents of namespaces and of CRDs."""

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from .errors import Json
from .kinds import Kind
from .options import Deletion
from .store import Change, Key, Resource

if TYPE_CHECKING:
    from .resources import Registry

FOREGROUND = "foregroundDeletion"
_Place = tuple[Resource, Key]


class Collector:
    """Follows the store to know who owns whom; `run` carries out what deletions have made due."""

    def __init__(self, registry: "Registry") -> None:
        self._registry = registry
        self._alive: dict[str, _Place] = {}
        self._dependents: defaultdict[str, set[_Place]] = defaultdict(set)
        self._ended: deque[str] = deque()
        self._terminating: dict[str, _Place] = {}
        self._running = False
        registry.store.subscribe(self._follow)

    def _follow(self, change: Change) -> None:
        metadata, place = change.record.object["metadata"], (change.resource, change.key)
        owners = metadata.get("ownerReferences") or ()
        before = change.previous.object["metadata"].get("ownerReferences") or () if change.previous else ()
        if change.type == "DELETED":
            self._alive.pop(metadata.get("uid", ""), None)
            self._terminating.pop(metadata.get("uid", ""), None)
            if metadata.get("uid") in self._dependents:
                self._ended.append(metadata["uid"])
            owners = ()
        elif change.previous is None:
            self._alive[metadata.get("uid", "")] = place
        if owners is before or owners == before:
            return
        for reference in before:
            self._dependents[reference["uid"]].discard(place)
            if not self._dependents[reference["uid"]]:
                del self._dependents[reference["uid"]]
        for reference in owners:
            self._dependents[reference["uid"]].add(place)

    def finalizers(self, obj: Json, propagation: str) -> list[str]:
        """The finalizers that keep `obj` when it is deleted this way; orphans are let go at once."""
        held = list(obj["metadata"].get("finalizers") or ())
        dependents = self._dependents.get(obj["metadata"]["uid"])
        if dependents and propagation == "Orphan":
            for place in list(dependents):
                self._disown(place, obj["metadata"]["uid"])
        elif dependents and propagation == "Foreground" and FOREGROUND not in held:
            held.append(FOREGROUND)
        return held

    def holds(self, kind: Kind, obj: Json) -> bool:
        """Whether `obj` is a namespace or a definition that still has contents."""
        return any(True for _ in self._contents(kind, obj))

    def _contents(self, kind: Kind, obj: Json) -> list[_Place]:
        store, kinds = self._registry.store, self._registry.kinds
        if kind.kind == "Namespace" and not kind.custom:
            resources = {k.resource for k in kinds if k.namespaced and "delete" in k.verbs}
            return [(r, key) for r in sorted(resources) for key, _ in store.items(r, obj["metadata"]["name"])]
        if kind.kind == "CustomResourceDefinition":
            resource = (obj["spec"]["group"], obj["spec"]["names"]["plural"])
            return [(resource, key) for key, _ in store.items(resource)]
        return []

    def terminating(self, obj: Json) -> None:
        """Note that `obj` is being deleted, so that `run` empties and ends it."""
        self._terminating[obj["metadata"]["uid"]] = self._alive[obj["metadata"]["uid"]]

    def run(self) -> None:
        """Carry out all that is due; calls from within are taken up by the one that runs."""
        if self._running:
            return
        self._running = True
        try:
            while self._ended or self._advance_terminating():
                while self._ended:
                    uid = self._ended.popleft()
                    for place in list(self._dependents.pop(uid, ())):
                        self._release(place)
        finally:
            self._running = False

    def _delete(self, place: _Place, propagation: str = "Background") -> None:
        kind = self._registry.kinds.of_resource(place[0])
        if kind is not None and self._registry.store.get(place[0], *place[1]) is not None:
            self._registry.delete(kind, *place[1], Deletion(propagation))

    def _release(self, place: _Place) -> None:
        record = self._registry.store.get(place[0], *place[1])
        if record is None:
            return
        owners = record.object["metadata"].get("ownerReferences") or []
        left = [reference for reference in owners if reference["uid"] in self._alive]
        if left:
            self._put_metadata(place, record.object, {"ownerReferences": left})
        else:
            self._delete(place)

    def _disown(self, place: _Place, uid: str) -> None:
        record = self._registry.store.get(place[0], *place[1])
        if record is not None:
            owners = record.object["metadata"].get("ownerReferences") or []
            self._put_metadata(place, record.object, {"ownerReferences": [r for r in owners if r["uid"] != uid]})

    def _put_metadata(self, place: _Place, obj: Json, fields: Json) -> None:
        metadata = {key: value for key, value in {**obj["metadata"], **fields}.items() if value != []}
        self._registry.store.put(place[0], *place[1], {**obj, "metadata": metadata})

    def _advance_terminating(self) -> bool:
        """One step for each object that is being deleted; True when anything moved."""
        moved = False
        for uid, place in list(self._terminating.items()):
            record = self._registry.store.get(place[0], *place[1])
            kind = self._registry.kinds.of_resource(place[0])
            if record is None or kind is None:
                self._terminating.pop(uid, None)
                continue
            before = self._registry.store.version
            for content in self._contents(kind, record.object):
                self._delete(content)
            finalizers = record.object["metadata"].get("finalizers") or []
            if FOREGROUND in finalizers:
                for dependent in list(self._dependents.get(uid, ())):
                    self._delete(dependent, "Foreground")
                if not self._dependents.get(uid):
                    self._put_metadata(place, record.object, {"finalizers": [f for f in finalizers if f != FOREGROUND]})
            self._end_if_free(place, kind)
            moved = moved or self._registry.store.version != before
        return moved

    def _end_if_free(self, place: _Place, kind: Kind) -> None:
        record = self._registry.store.get(place[0], *place[1])
        if (
            record is not None
            and not record.object["metadata"].get("finalizers")
            and not self.holds(kind, record.object)
        ):
            self._terminating.pop(record.object["metadata"]["uid"], None)
            self._registry.remove(kind, *place[1])

"""What the sandbox does not give: pods above a quota, nodes for pods above the room there is."""

import math

from bayescaler.sandbox import pods
from bayescaler.sandbox.pods import Json
from bayescaler.sandbox.server.store import Resource, Store

PODS: Resource = ("", "pods")


class Scarcity:
    """A quota on the pods of each namespace, and the room for pods on all nodes together; no limits at first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.quota = self.room = math.inf

    def refusal(self, namespace: str, name: str) -> str:
        """The words in which the quota refuses one pod more; empty if it does not."""
        if math.isinf(self.quota):
            return ""
        used = sum(key[0] == namespace for key, _ in self._store.items(PODS))
        over = f"exceeded quota: pods, requested: pods=1, used: pods={used}, limited: pods={self.quota:g}"
        return f'pods "{name}" is forbidden: {over}' if used >= self.quota else ""

    def has_room(self) -> bool:
        """Whether a node takes one pod more."""
        if math.isinf(self.room):
            return True
        return sum(not pods.waits(record.object) for _, record in self._store.items(PODS)) < self.room

    def waiting(self) -> list[Json]:
        """The pods without a node, the oldest first."""
        found = [record.object for _, record in self._store.items(PODS) if pods.waits(record.object)]
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

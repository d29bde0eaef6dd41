"""Saved states in ConfigMaps of the operator's own namespace: a few hundred objects' bytes in each, by uid.

A Role names every one of them, and so knows their number: `SHARDS`. The resourceVersion keeps a writer that was
overtaken from undoing a later one's write, `term`, which rises with every change of the leader, tells which of two is
the later.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .client import FIELD_MANAGER, KubeClient
from .errors import Conflict, NotFound, Unreachable
from .paths import Json, item

SHARDS = 64
TERM = "bayescaler.dev/term"
LABELS = {"app.kubernetes.io/part-of": "bayescaler", "app.kubernetes.io/component": "saved-state"}
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Shard:
    """One ConfigMap as it was read: `version` None where there is none; `entries` by uid."""

    number: int
    version: str | None = None
    term: int = 0
    entries: Mapping[str, bytes] = field(default_factory=dict)


class SavedStates:
    """The ConfigMaps `<name>-state-<number>`; every method raises ApiError."""

    def __init__(self, client: KubeClient, namespace: str, name: str) -> None:
        self._client, self._namespace, self._name = client, namespace, name

    def place(self, number: int) -> str:
        """Return the name of a ConfigMap."""
        return f"{self._name}-state-{number}"

    async def read(self, number: int) -> Shard:
        """Return a shard; an empty one where there is no such ConfigMap."""
        try:
            return _shard(number, await self._client.request("GET", self._path(number)))
        except NotFound:
            return Shard(number)

    async def write(self, shard: Shard, entries: Mapping[str, bytes], *, term: int) -> Shard:
        """Replace what is in a shard as it was last read or written; Conflict if it has changed since."""
        if shard.version is None:
            shard = await self._create(shard.number)
            if shard.term or shard.entries:
                raise Conflict(409, "AlreadyExists", f"{self.place(shard.number)} was made meanwhile: read it first")
        metadata: Json = {
            "name": self.place(shard.number),
            "namespace": self._namespace,
            "resourceVersion": shard.version,
            "labels": LABELS,
            "annotations": {TERM: str(term)},
        }
        data = {uid: b64encode(blob).decode() for uid, blob in entries.items()}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data}
        query = {"fieldManager": FIELD_MANAGER}
        written = await self._client.request("PUT", self._path(shard.number), body=body, query=query)
        return replace(_shard(shard.number, written), entries=dict(entries))

    async def _create(self, number: int) -> Shard:
        """Make an empty one, by an apply: a Role can allow it for one name, and it spares what is there already."""
        metadata = {"name": self.place(number), "namespace": self._namespace, "labels": LABELS}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        query = {"fieldManager": FIELD_MANAGER}
        made = await self._client.request("PATCH", self._path(number), body=body, query=query, content_type=APPLY_PATCH)
        return _shard(number, made)

    def _path(self, number: int) -> str:
        return item("v1", "configmaps", self._namespace, self.place(number))


def _shard(number: int, raw: Json) -> Shard:
    metadata = raw.get("metadata") or {}
    if not metadata.get("resourceVersion"):
        raise Unreachable(f"saved state {number}: the answer is no ConfigMap")
    term = str((metadata.get("annotations") or {}).get(TERM) or "")
    entries = {str(uid): _bytes(text) for uid, text in (raw.get("binaryData") or {}).items()}
    return Shard(number, str(metadata["resourceVersion"]), int(term) if term.isdecimal() else 0, entries)


def _bytes(text: object) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except binascii.Error:
        return b""  # which is no state: refused where it is taken up

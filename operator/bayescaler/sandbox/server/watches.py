"""Watch streams: from a version, from now, or from a list; with selectors, bookmarks and an end."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from .errors import FieldError, StatusError, expired, invalid
from .rendering import Rendering
from .request import Request
from .selectors import Predicate
from .store import Change, Record, Store, encode

BOOKMARK_SECONDS = 60.0
_DEFAULT_TIMEOUT_SECONDS = 1800.0
_TOO_OLD = "too old resource version: the watch was ended"


class WatchStream:
    """One open watch. `lines` yields what to send until it ends; the other methods are called by faults."""

    def __init__(self, store: Store, rendering: Rendering, request: Request, matches: Predicate) -> None:
        self._store = store
        self._rendering = rendering
        self._namespace = request.namespace
        self._matches = matches
        self._wants_bookmarks = request.flag("allowWatchBookmarks")
        self._sends_initial = request.flag("sendInitialEvents")
        self._version = request.query.get("resourceVersion", "")
        self._timeout = float(request.number("timeoutSeconds") or _DEFAULT_TIMEOUT_SECONDS)
        self._wake = asyncio.Event()
        self._bookmark_due = self._ended = self._expired = self._first_sent = False
        self.aborted = False
        if self._version and not self._version.isdigit():
            raise StatusError(
                500, "", f'resourceVersion: Invalid value: "{self._version}": it must be a number given by the server'
            )
        if self._sends_initial and request.query.get("resourceVersionMatch") != "NotOlderThan":
            raise invalid(
                "ListOptions",
                "meta.k8s.io",
                "",
                [
                    FieldError(
                        "resourceVersionMatch",
                        "FieldValueForbidden",
                        "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                    )
                ],
            )

    def cut(self, *, abort: bool) -> None:
        """End the stream, or have its connection reset."""
        self._ended, self.aborted = True, abort
        self._wake.set()

    def expire(self) -> None:
        """End the stream with an ERROR event of 410."""
        self._expired = True
        self._wake.set()

    def send_bookmark(self) -> None:
        """Send a bookmark now, where the client allows them."""
        self._bookmark_due = True
        self._wake.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """What to send, in as few pieces as there are turns of the loop."""
        stop = self._store.subscribe(self._on_change, [self._rendering.kind.resource])
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._timeout
        try:
            cursor = self._store.version
            if self._sends_initial or self._version in {"", "0"}:
                yield self._initial(cursor)
            else:
                cursor = int(self._version)
            while not self._ended:
                self._wake.clear()
                head = self._store.version
                batch = b"".join(self._events(self._store.changes(self._rendering.kind.resource, cursor)))
                cursor = max(cursor, head)
                yield batch + self._due_bookmark(cursor)
                if self._expired:
                    raise expired(_TOO_OLD)
                left = ends_at - loop.time()
                if left <= 0:
                    break
                await self._sleep(min(left, BOOKMARK_SECONDS))
            if not self.aborted and self._wants_bookmarks:
                yield self._rendering.bookmark(cursor)
        except StatusError as error:
            yield encode({"type": "ERROR", "object": error.status}) + b"\n"
        finally:
            stop()

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            self._bookmark_due = True

    def _on_change(self, _: Change) -> None:
        self._wake.set()

    def _due_bookmark(self, cursor: int) -> bytes:
        due, self._bookmark_due = self._bookmark_due and self._wants_bookmarks, False
        return self._rendering.bookmark(cursor) if due else b""

    def _initial(self, version: int) -> bytes:
        listed = self._store.items(self._rendering.kind.resource, self._namespace)
        lines = [self._line("ADDED", record) for _, record in listed if self._matches(record.object)]
        if self._sends_initial and self._wants_bookmarks:
            lines.append(self._rendering.bookmark(version, initial_events_end=True))
        return b"".join(lines)

    def _events(self, changes: Iterator[Change]) -> Iterator[bytes]:
        """Changes as this watch sees them: what starts or stops to match is ADDED or DELETED."""
        for change in changes:
            if self._namespace and change.key[0] != self._namespace:
                continue
            now = change.type != "DELETED" and self._matches(change.record.object)
            before = change.previous is not None and self._matches(change.previous.object)
            if now:
                yield self._line("MODIFIED" if before else "ADDED", change.record)
            elif before:
                yield self._line("DELETED", change.record)

    def _line(self, event_type: str, record: Record) -> bytes:
        first, self._first_sent = not self._first_sent, True
        return self._rendering.event(event_type, record, first=first)

"""ListWatch: a paged list and then a watch of one collection, told through two callbacks, for as long as it
runs.

After anything but a regular end of the watch it lists anew and drops what is gone: a cut may hide a deletion,
and after a restart of the API server a watch answers 429, 403 or 410 for half a minute while writes already
work.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from .client import KubeClient
from .errors import ApiError, Unreachable
from .paths import Json

PAGE_SIZE = 500
WATCH_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A watch that ends sooner, and said nothing, is no progress: the next one waits.
SHORT_WATCH_SECONDS = 5.0

Key = tuple[str, str]

logger = logging.getLogger(__name__)


async def list_pages(
    client: KubeClient, path: str, *, selector: str | None = None, fields: str | None = None, limit: int = PAGE_SIZE
) -> AsyncGenerator[Json]:
    """The pages of a collection, each with `items` and `metadata`; raises Gone if the list grew too old
    between two pages.
    """
    query = {"limit": str(limit)}
    if selector:
        query["labelSelector"] = selector
    if fields:
        query["fieldSelector"] = fields
    while True:
        page = await client.request("GET", path, query=query)
        yield page
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return
        query["continue"] = token


class ListWatch:
    """One collection, followed.

    `put(key, object)` is called for each object listed or changed, `drop(key)` for each one gone, from one
    task and in order; a key is (namespace, name). `synced_at` is when the collection was last known
    completely, None while it is not (before the first list, and from the loss of a watch until the next list
    succeeded). Times are of `clock`, which is monotonic. An object that `put` cannot take in is dropped: nothing is
    known of it, and the others go on; `failed` is called for each such fault.
    """

    def __init__(
        self,
        client: KubeClient,
        path: str,
        *,
        put: Callable[[Key, Json], None],
        drop: Callable[[Key], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = path
        self.synced_at: float | None = None
        self.error: ApiError | None = None
        self.lists = 0
        self._client = client
        self._put = put
        self._drop = drop
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._failed = failed
        self._known: set[Key] = set()
        self._strange: set[Key] = set()
        self._version = ""
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._synced, self._tried = asyncio.Event(), asyncio.Event()

    async def wait_synced(self) -> None:
        """Return once the collection is known completely."""
        await self._synced.wait()

    async def wait_tried(self) -> None:
        """Return once the collection was listed, or could not be."""
        await self._tried.wait()

    async def run(self) -> None:
        """Follow the collection until cancelled; faults are logged, kept in `error` and tried again."""
        while True:
            pause = 0.0
            try:
                if self.synced_at is None:
                    await self._list()
                await self._watch()
            except ApiError as error:
                self._lose(error)
                pause = error.retry_after_seconds or 0.0
            except Exception as error:
                logger.exception("collection not understood", extra={"path": self.path})
                self._failed()
                self._lose(Unreachable(f"{self.path}: the answer is not understood: {error!r}"))
            await self._rest(pause)

    async def _list(self) -> None:
        seen: set[Key] = set()
        async with aclosing(list_pages(self._client, self.path)) as pages:
            async for page in pages:
                for raw in page.get("items") or ():
                    key = _key(raw, self.path)
                    seen.add(key)
                    self._take(key, raw)
                self._version = str((page.get("metadata") or {}).get("resourceVersion") or "")
        for key in self._known - seen:
            self._forget(key)
        self.lists += 1
        self.error = None
        self.synced_at = self._clock()
        self._synced.set()
        self._tried.set()
        logger.info("collection listed", extra={"path": self.path, "objects": len(seen), "lists": self.lists})

    async def _watch(self) -> None:
        query = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(WATCH_SECONDS * (0.75 + 0.25 * self._jitter()))),
        }
        started_at = self._clock()
        async with aclosing(self._client.stream(self.path, query)) as events:
            async for event in events:
                self._pause_seconds = FIRST_PAUSE_SECONDS
                self._apply(event)
        if self._clock() - started_at >= SHORT_WATCH_SECONDS:
            self._pause_seconds = FIRST_PAUSE_SECONDS

    def _apply(self, event: Json) -> None:
        raw = event.get("object") or {}
        kind = event.get("type")
        if kind in {"ADDED", "MODIFIED"}:
            self._take(_key(raw, self.path), raw)
        elif kind == "DELETED":
            self._forget(_key(raw, self.path))
        self._version = str((raw.get("metadata") or {}).get("resourceVersion") or self._version)

    def _take(self, key: Key, raw: Json) -> None:
        self._known.add(key)
        if self._contained(lambda: self._put(key, raw), key):
            self._strange.discard(key)
        else:
            self._contained(lambda: self._drop(key), key)

    def _forget(self, key: Key) -> None:
        self._known.discard(key)
        self._contained(lambda: self._drop(key), key)
        self._strange.discard(key)

    def _contained(self, tell: Callable[[], None], key: Key) -> bool:
        """Tell of one object; whether that was understood."""
        try:
            tell()
        except Exception:
            self._failed()
            level = logging.DEBUG if key in self._strange else logging.ERROR
            self._strange.add(key)
            logger.log(
                level, "object not understood", extra={"path": self.path, "object": "/".join(key)}, exc_info=True
            )
            return False
        return True

    def _lose(self, error: ApiError) -> None:
        first = self.error is None
        self.error = error
        self.synced_at = None
        self._synced.clear()
        self._tried.set()
        level = logging.WARNING if first else logging.DEBUG
        logger.log(
            level,
            "watch lost, listing anew",
            extra={"path": self.path, "reason": error.reason, "error": error.message},
        )

    async def _rest(self, at_least_seconds: float) -> None:
        """Wait half to all of the present pause, which doubles until the server is heard again on a watch."""
        pause = max(at_least_seconds, self._pause_seconds * (0.5 + 0.5 * self._jitter()))
        self._pause_seconds = min(2.0 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        await self._sleep(pause)


def _key(raw: Json, path: str) -> Key:
    metadata = raw.get("metadata") or {}
    if not metadata.get("name"):
        raise Unreachable(f"{path}: an object without metadata.name")
    return str(metadata.get("namespace") or ""), str(metadata["name"])

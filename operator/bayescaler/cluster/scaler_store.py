"""ScalerStore: all HorizontalPodAutoscalers and ScaledObjects by list and watch, found by what they scale."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from .client import KubeClient
from .errors import ApiError, Forbidden, NotFound
from .listwatch import Key, ListWatch
from .paths import Json, group_path
from .scalers import KEDA_VERSION, Reference, Scaler, ScalerKind, project, scalers_path

# KEDA may be installed at any time; nobody waits for us to notice.
LOOK_FOR_KEDA_SECONDS = 60.0

_Place = tuple[str, Reference]


class ScalerStore:
    """What is known of other autoscalers; `run` follows them.

    KEDA need not be installed: its objects are followed from when their kind is served. `namespaces` None means the
    whole cluster.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespaces: Iterable[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._sleep = client, sleep
        self._scalers: dict[ScalerKind, dict[Key, Scaler]] = {kind: {} for kind in ScalerKind}
        self._by_target: defaultdict[_Place, dict[tuple[ScalerKind, Key], Scaler]] = defaultdict(dict)
        self._looked_for_keda = asyncio.Event()
        self._no_keda: ApiError | None = None
        places: list[str | None] = [None] if namespaces is None else list(dict.fromkeys(namespaces))
        self.watches = {
            kind: [
                ListWatch(
                    client,
                    scalers_path(kind, place),
                    put=partial(self._put, kind),
                    drop=partial(self._drop, kind),
                    clock=clock,
                    sleep=sleep,
                    jitter=jitter,
                )
                for place in places
            ]
            for kind in ScalerKind
        }

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watch in self.watches[ScalerKind.HPA]:
                group.create_task(watch.run())
            group.create_task(self._follow_keda())

    @property
    def known(self) -> bool:
        """Whether every kind has been listed, is not served, or cannot be read."""
        return all(self._judged(kind) for kind in ScalerKind)

    async def wait_known(self) -> None:
        """Return once `known`."""
        await self._looked_for_keda.wait()
        for kind, watches in self.watches.items():
            if kind is ScalerKind.HPA or self._no_keda is None:
                for watch in watches:
                    await watch.wait_tried()

    def unread(self) -> ApiError | None:
        """Why some kind that is served has never been read, if so."""
        errors = [watch.error for watches in self.watches.values() for watch in watches if watch.lists == 0]
        return next((e for e in (*errors, self._no_keda) if e is not None and not isinstance(e, NotFound)), None)

    def of(self, namespace: str, target: Reference) -> tuple[Scaler, ...]:
        """What scales a target, ordered by kind and name."""
        found = self._by_target.get((namespace, target))
        return () if not found else tuple(found[key] for key in sorted(found))

    def claimed(self) -> tuple[Scaler, ...]:
        """Those on which somebody has left a floor."""
        return tuple(s for scalers in self._scalers.values() for s in scalers.values() if s.claim is not None)

    def note(self, *, seen: Scaler, after: Scaler) -> None:
        """Remember a write of our own on what was `seen`, until the watch tells of it or of something newer."""
        key = (seen.namespace, seen.name)
        if self._scalers[seen.kind].get(key) == seen:
            self._take(seen.kind, key, after)

    def _judged(self, kind: ScalerKind) -> bool:
        """Whether a kind was listed, or will not be. A server that was never heard says nothing of what is there;
        after a lost watch what it listed last still stands, so that a raise does not wait for the next list.
        """
        if kind is ScalerKind.SCALED_OBJECT and self._no_keda is not None:
            return True
        refused = (Forbidden, NotFound)
        return all(watch.lists > 0 or isinstance(watch.error, refused) for watch in self.watches[kind])

    async def _follow_keda(self) -> None:
        while not await self._keda_served():
            await self._sleep(LOOK_FOR_KEDA_SECONDS)
        async with asyncio.TaskGroup() as group:
            for watch in self.watches[ScalerKind.SCALED_OBJECT]:
                group.create_task(watch.run())

    async def _keda_served(self) -> bool:
        try:
            await self._client.request("GET", group_path(KEDA_VERSION))
        except ApiError as error:
            self._no_keda = error
        else:
            self._no_keda = None
        self._looked_for_keda.set()
        return self._no_keda is None

    def _put(self, kind: ScalerKind, key: Key, raw: Json) -> None:
        scaler = project(kind, raw)
        if scaler is None:
            self._drop(kind, key)
        else:
            self._take(kind, key, scaler)

    def _take(self, kind: ScalerKind, key: Key, scaler: Scaler) -> None:
        self._drop(kind, key)
        self._scalers[kind][key] = scaler
        self._by_target[scaler.namespace, scaler.target][kind, key] = scaler

    def _drop(self, kind: ScalerKind, key: Key) -> None:
        old = self._scalers[kind].pop(key, None)
        if old is None:
            return
        place = (old.namespace, old.target)
        del self._by_target[place][kind, key]
        if not self._by_target[place]:
            del self._by_target[place]

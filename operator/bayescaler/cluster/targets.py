"""TargetStore: Deployments and StatefulSets known by list and watch, kept as a few fields; other kinds by
their /scale.

A GET of /scale costs the API server ten times a watched object's share of a list, and says nothing of
readiness.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .client import KubeClient
from .discovery import ScaleDiscovery
from .errors import ApiError, NotFound
from .listwatch import Key, ListWatch
from .ownership import manager_of
from .paths import Json, collection
from .progress import refusal, rolling_out
from .scale import Target, get_scale

# apps has had one version since Kubernetes 1.16.
WATCHED = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
GROUP_VERSION = "apps/v1"


class TargetStore:
    """What is known of every possible target. `run` follows the watched kinds; `namespaces` None means the
    whole cluster.
    """

    def __init__(
        self,
        client: KubeClient,
        discovery: ScaleDiscovery,
        *,
        namespaces: Iterable[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._discovery = discovery
        self._targets: dict[str, dict[Key, Target]] = {kind: {} for kind in WATCHED}
        places: list[str | None] = [None] if namespaces is None else list(dict.fromkeys(namespaces))
        self.watches = [
            ListWatch(
                client,
                collection(GROUP_VERSION, plural, place),
                put=partial(self._put, self._targets[kind]),
                drop=partial(self._drop, self._targets[kind]),
                clock=clock,
                sleep=sleep,
                jitter=jitter,
                failed=failed,
            )
            for kind, plural in WATCHED.items()
            for place in places
        ]

    async def run(self) -> None:
        """Follow the watched kinds until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watch in self.watches:
                group.create_task(watch.run())

    @property
    def synced_at(self) -> float | None:
        """The oldest list that the present knowledge rests on (monotonic clock); None while any watch is
        lost.
        """
        times = [watch.synced_at for watch in self.watches]
        return None if None in times else min((t for t in times if t is not None), default=None)

    @property
    def synced(self) -> bool:
        """Whether every watched kind is known completely: only then may replicas be lowered."""
        return all(watch.synced_at is not None for watch in self.watches)

    @property
    def error(self) -> ApiError | None:
        """What keeps a watched kind from being known; None for nothing."""
        return next((watch.error for watch in self.watches if watch.error is not None), None)

    async def wait_synced(self) -> None:
        """Return once every watched kind has been known completely."""
        for watch in self.watches:
            await watch.wait_synced()

    def holds(self, api_version: str, kind: str) -> bool:
        """Whether `kind` is known by watch, so that `get` answers for it."""
        return kind in WATCHED and api_version.startswith("apps/")

    def get(self, kind: str, namespace: str, name: str) -> Target | None:
        """A watched target as last heard of; None if there is none."""
        return self._targets[kind].get((namespace, name))

    def note(self, api_version: str, kind: str, namespace: str, name: str, *, seen: Target, replicas: int) -> None:
        """Remember a write of our own on what was `seen`, until the watch tells of it or of something newer."""
        if self.holds(api_version, kind) and self.get(kind, namespace, name) == seen:
            self._targets[kind][namespace, name] = replace(seen, replicas=replicas)

    async def read(self, api_version: str, kind: str, namespace: str, name: str) -> Target:
        """A target of any kind: from the watch, or else by GET /scale.

        Raises NotFound, NoSuchKind, NoScale, BadName, or another ApiError where the server had to be asked.
        """
        if not self.holds(api_version, kind):
            resource = await self._discovery.resolve(api_version, kind)
            return await get_scale(self._client, resource, namespace, name)
        target = self.get(kind, namespace, name)
        if target is None:
            raise NotFound(
                404,
                "NotFound",
                f"{kind} {namespace}/{name} is not there: create it, or correct scaleTargetRef.name",
            )
        return target

    @staticmethod
    def _put(targets: dict[Key, Target], key: Key, raw: Json) -> None:
        targets[key] = project(raw)

    @staticmethod
    def _drop(targets: dict[Key, Target], key: Key) -> None:
        targets.pop(key, None)


def project(raw: Json) -> Target:
    """The few fields kept of a Deployment or StatefulSet."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    return Target(
        uid=str(metadata["uid"]),
        replicas=int(spec.get("replicas", 1)),
        selector=selector_text(spec.get("selector") or {}),
        ready_replicas=int(status.get("readyReplicas") or 0),
        rolling_out=rolling_out(raw),
        refusal=refusal(raw),
        set_by=manager_of(metadata, "replicas"),
        pods=int(status.get("replicas") or 0),
    )


def selector_text(selector: Mapping[str, Any]) -> str:
    """A LabelSelector in the text form that lists take, e.g. `app=web,tier in (a,b),!canary`."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule["key"], ",".join(rule.get("values") or ())
        match rule["operator"]:
            case "In":
                terms.append(f"{key} in ({values})")
            case "NotIn":
                terms.append(f"{key} notin ({values})")
            case "Exists":
                terms.append(key)
            case "DoesNotExist":
                terms.append(f"!{key}")
    return ",".join(terms)

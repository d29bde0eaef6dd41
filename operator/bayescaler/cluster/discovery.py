"""ScaleDiscovery: from a scaleTargetRef's apiVersion and kind to the path of its /scale, for any kind that
has one.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from .client import KubeClient
from .errors import BadName, NoScale, NoSuchKind, NotFound
from .paths import Json, group_path, item

# What is there rarely changes; what is missing may be a CRD about to be installed.
FOUND_SECONDS = 600.0
MISSING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ScaleResource:
    """A kind whose objects have a /scale subresource."""

    group_version: str
    kind: str
    plural: str

    def path(self, namespace: str, name: str) -> str:
        """The path of one object's /scale; BadName for what cannot be part of a path."""
        return item(self.group_version, self.plural, namespace, name, "scale")


@dataclass(frozen=True, slots=True)
class _Group:
    """What one group and version holds: kind -> plural, and the plurals with a namespaced /scale."""

    read_at: float
    plurals: dict[str, str]
    scalable: frozenset[str]


class ScaleDiscovery:
    """Discovery of one API server, kept for ten minutes where a /scale was found and half a minute where
    not.
    """

    def __init__(self, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._groups: dict[str, _Group] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def resolve(self, api_version: str, kind: str) -> ScaleResource:
        """The resource behind `api_version` and `kind`; raises NoSuchKind, NoScale, or ApiError if discovery
        failed.
        """
        group = self._kept(api_version, kind)
        if group is None:
            # One lock a group: a hung aggregated API holds up its own kinds only.
            async with self._reading[api_version]:
                group = self._kept(api_version, kind)
                if group is None:
                    group = self._groups[api_version] = await self._read(api_version)
        plural = group.plurals.get(kind)
        if plural is None:
            raise NoSuchKind(
                f"the cluster has no kind {kind} in {api_version}: compare scaleTargetRef with "
                "`kubectl api-resources`, or install its CustomResourceDefinition"
            )
        if plural not in group.scalable:
            raise NoScale(
                f"{kind} in {api_version} has no /scale subresource: point scaleTargetRef at the object "
                "that owns the replicas, or declare subresources.scale in its CustomResourceDefinition"
            )
        return ScaleResource(api_version, kind, plural)

    def _kept(self, api_version: str, kind: str) -> _Group | None:
        """What is known and still young enough for `kind`."""
        group = self._groups.get(api_version)
        if group is None:
            return None
        seconds = FOUND_SECONDS if group.plurals.get(kind) in group.scalable else MISSING_SECONDS
        return group if self._clock() - group.read_at < seconds else None

    async def _read(self, api_version: str) -> _Group:
        try:
            listed = await self._client.request("GET", group_path(api_version))
        except (NotFound, BadName):
            listed = {}
        resources: list[Json] = listed.get("resources") or []
        return _Group(
            read_at=self._clock(),
            plurals={r["kind"]: r["name"] for r in resources if "/" not in r["name"]},
            scalable=frozenset(
                r["name"].removesuffix("/scale")
                for r in resources
                if r["name"].endswith("/scale") and r.get("namespaced")
            ),
        )

"""Secrets that authRefs name, read from the object's own namespace only and remembered for a minute."""

import time
from collections.abc import Callable

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import BadSecret, ClusterError, Forbidden, NotFound
from bayescaler.cluster.secrets import read_secret
from bayescaler.sources.auth import Auth
from bayescaler.sources.port import LoadQuery, LoadSource, Series, SourceError

REMEMBER_SECONDS = 60.0
FORGET_SECONDS = 3600.0


class Credentials:
    """The `Auth` behind a key "namespace/secret"; what the key names is never logged."""

    def __init__(self, client: KubeClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client, self._monotonic = client, monotonic
        self._known: dict[str, tuple[float, Auth]] = {}

    def __call__(self, key: str) -> Auth | None:
        """Return what was read last, None if there is nothing."""
        known = self._known.get(key)
        return known[1] if known is not None else None

    async def refresh(self, key: str) -> None:
        """Read the Secret if it was not read lately; raises SourceError naming it and the cure."""
        known = self._known.get(key)
        if known is not None and self._monotonic() - known[0] < REMEMBER_SECONDS:
            return
        namespace, name = key.split("/", 1)
        try:
            auth = Auth.from_secret(await read_secret(self._client, namespace, name))
        except (NotFound, Forbidden, BadSecret) as error:
            self._known.pop(key, None)
            raise SourceError(str(error), reason=f"Secret{error.reason}") from error
        except ClusterError as error:
            if known is None:
                raise SourceError(str(error), reason=f"Secret{error.reason}") from error
            return  # the API server is away: what was read before still opens Prometheus
        now = self._monotonic()
        self._known[key] = (now, auth)
        self._known = {k: v for k, v in self._known.items() if now - v[0] < FORGET_SECONDS}


class AuthenticatedSource:
    """A LoadSource that has the Secret of a query read before the query is sent."""

    def __init__(self, source: LoadSource, credentials: Credentials) -> None:
        self._source, self._credentials = source, credentials

    async def read(self, query: LoadQuery, *, start: float, end: float, now: float) -> Series:
        """Return the closed buckets that start in [start, end), or raise SourceError."""
        if query.auth_key is not None:
            await self._credentials.refresh(query.auth_key)
        return await self._source.read(query, start=start, end=end, now=now)

    async def close(self) -> None:
        """Let go of connections."""
        await self._source.close()

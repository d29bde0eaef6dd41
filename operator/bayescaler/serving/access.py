"""Who asks, and what they may see: reviewed by the API server, kept for half a minute."""

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Self

from bayescaler.api import GROUP, PLURAL
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import ClusterError
from bayescaler.cluster.reviews import Subject, may, may_get_path, owner_of

from .kept import Busy, Kept, Recent

log = logging.getLogger(__name__)
KEPT_SECONDS = 30.0
REFUSED_SECONDS = 10.0
"""For so long a token that is nobody's is refused unasked: short, as it may belong to somebody a moment later."""
MOST_KEPT = 4096
MOST_REFUSED = 1024
SAID_SECONDS = 60.0
"""Between two lines of the log that say the same: whoever asks for nothing but 503 does not fill it."""
MOST_NAMESPACES = 200
"""Namespaces reviewed for one answer to somebody who may not see all of them."""
BEARER = re.compile(r"^Bearer +([A-Za-z0-9._~+/-]+=*)$", re.IGNORECASE)
EVERYWHERE = ""
METRICS = "/metrics"
"""A path, which no namespace can be called."""


class Refused(Exception):  # noqa: N818 - named for what it tells
    """A request that is not answered: `status` is 401, 403, or 503 where nobody could be asked."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Access:
    """Whoever may `get` the objects of a namespace sees them; neither tokens nor who they are of are ever logged.

    With `audiences` a token has to be for one of them, else for the API server.
    """

    def __init__(
        self, client: KubeClient, *, audiences: Collection[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._audiences = client, frozenset(audiences)
        self._owners: Kept[bytes, Subject | None] = Kept(clock, seconds=KEPT_SECONDS, most=MOST_KEPT)
        # Beside the others, so that those of strangers, however many, push out nobody's.
        self._strangers: Recent[bytes] = Recent(clock, seconds=REFUSED_SECONDS, most=MOST_REFUSED)
        self._said: Recent[str] = Recent(clock, seconds=SAID_SECONDS, most=16)
        self._rights: Kept[tuple[Subject, str], bool] = Kept(clock, seconds=KEPT_SECONDS, most=MOST_KEPT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what is under way."""
        await self._owners.close()
        await self._rights.close()

    async def subject(self, authorization: str | None) -> Subject:
        """Return whose token an Authorization header holds; Refused where it is nobody's."""
        found = BEARER.match(authorization or "")
        if found is None:
            raise Refused(401)
        token = found[1]
        key = hashlib.sha256(token.encode()).digest()  # so that no token is kept
        if key in self._strangers:
            raise Refused(401)
        try:
            owner = await self._owners.get(key, lambda: owner_of(self._client, token, self._audiences))
        except (ClusterError, Busy) as error:
            raise self._unanswered("a token", error) from error
        if owner is None:
            self._owners.drop(key)
            self._strangers.add(key)
            raise Refused(401)
        return owner

    async def sees(self, subject: Subject, namespace: str) -> bool:
        """Whether they may see the objects of one namespace."""
        return await self._may(subject, EVERYWHERE) or await self._may(subject, namespace)

    async def seen(self, subject: Subject, namespaces: Collection[str]) -> tuple[Collection[str], int]:
        """Return which of these namespaces they may see, and how many were not asked about, as they are too many."""
        if await self._may(subject, EVERYWHERE):
            return namespaces, 0
        asked = sorted(namespaces)[:MOST_NAMESPACES]
        allowed = await asyncio.gather(*(self._may(subject, one) for one in asked))
        seen = {one for one, is_allowed in zip(asked, allowed, strict=True) if is_allowed}
        return seen, len(namespaces) - len(asked)

    async def scrapes(self, subject: Subject) -> bool:
        """Whether they may get the metrics."""
        return await self._right(subject, METRICS, lambda: may_get_path(self._client, subject, METRICS))

    async def _may(self, subject: Subject, namespace: str) -> bool:
        return await self._right(
            subject, namespace, lambda: may(self._client, subject, "get", GROUP, PLURAL, namespace)
        )

    async def _right(self, subject: Subject, what: str, ask: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await self._rights.get((subject, what), ask)
        except (ClusterError, Busy) as error:
            raise self._unanswered("access", error) from error

    def _unanswered(self, what: str, error: ClusterError | Busy) -> Refused:
        kind = f"{what}: {type(error).__name__}"
        if kind not in self._said:
            self._said.add(kind)
            log.warning("a request could not be reviewed", extra={"asked": what, "why": str(error)})
        return Refused(503)

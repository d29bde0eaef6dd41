"""One broken server must not hold up the objects of others, nor all its own for a timeout each.

After `limit` different askers in a row failed to get an answer, the rest are told so at once; after a pause one asks
again, and its answer reopens the server for all. One asker's slow query alone never shuts a server.
"""

from collections.abc import Callable

from .port import SourceError


class Breaker:
    """Open or shut, for one server. `clock` is monotonic seconds."""

    def __init__(self, *, limit: int, pause_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._failing: set[str] = set()
        self._shut_until = 0.0
        self._last: SourceError | None = None

    def check(self) -> None:
        """Raise the server's last failure without asking it, while it is shut."""
        if self._last is None or len(self._failing) < self._limit:
            return
        now = self._clock()
        if now < self._shut_until:
            raise SourceError(f"not asked, because {self._last}", reason=self._last.reason)
        self._shut_until = now + self._pause_seconds  # this asker is the probe

    def answered(self) -> None:
        """Record that the server answered, be it with an error."""
        self._failing.clear()
        self._last = None

    def failed(self, asker: str, error: SourceError) -> None:
        """Record that the server did not answer an asker."""
        self._failing.add(asker)
        self._last = error
        if len(self._failing) >= self._limit:
            self._shut_until = self._clock() + self._pause_seconds

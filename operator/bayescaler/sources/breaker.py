"""One silent server must not hold up the objects of others, nor all its own for a timeout each.

Silence is evidence against the server only where it answered nobody meanwhile: slow queries among answered ones are
the askers' own trouble. After `limit` different askers found it silent, the rest are told so at once; after a pause
one asks again, and its answer opens the server for all.
"""

from collections.abc import Callable

from .port import SourceError


class Breaker:
    """Open or shut, for one server. `clock` is monotonic seconds."""

    def __init__(self, *, limit: int, pause_seconds: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._answers = 0
        self._failing: set[str] = set()
        self._tried: set[str] = set()  # in this round of probes
        self._yielded: set[str] = set()  # since the last probe
        self._shut_until = 0.0
        self._last: SourceError | None = None

    def check(self, asker: str) -> int:
        """Let the asker ask, or raise the server's last failure without asking it; returns what `failed` wants back.

        Who has tried in vain lets the others go first once, so that a slow asker cannot be the probe for ever.
        """
        if self._last is None or len(self._failing) < self._limit:
            return self._answers
        now = self._clock()
        if now < self._shut_until:
            raise self._not_asked(self._last)
        if asker in self._tried:
            if asker not in self._yielded:
                self._yielded.add(asker)
                raise self._not_asked(self._last)
            self._tried.clear()  # nobody else came: a new round
        self._tried.add(asker)
        self._yielded.clear()
        self._shut_until = now + self._pause_seconds  # this asker is the probe
        return self._answers

    def answered(self) -> None:
        """Record that the server answered, be it with an error."""
        self._answers += 1
        self._last = None
        for askers in (self._failing, self._tried, self._yielded):
            askers.clear()

    def failed(self, asker: str, error: SourceError, *, since: int) -> None:
        """Record that the server did not answer an asker; `since` is what `check` returned to it."""
        if since != self._answers:
            return
        self._failing.add(asker)
        self._tried.add(asker)
        self._last = error
        if len(self._failing) >= self._limit:
            self._shut_until = self._clock() + self._pause_seconds

    @staticmethod
    def _not_asked(last: SourceError) -> SourceError:
        return SourceError(f"not asked, because {last}", reason=last.reason)

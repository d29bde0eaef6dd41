"""The sandbox's two clocks: real time, and simulated time that a scenario advances."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Timer(Protocol):
    """A call to come, which can be called off."""

    def cancel(self) -> None:
        """Call it off; harmless once it has run."""


class Clock(Protocol):
    """What the sandbox knows of time: the epoch seconds now, and a way to be called later."""

    def now(self) -> float:
        """Epoch seconds."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `seconds` from now."""


class RealClock:
    """Wall-clock time; timers run in the running event loop."""

    def now(self) -> float:
        """Epoch seconds of the machine."""
        return time.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` in the running event loop, `seconds` from now."""
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)


class _SimulatedTimer:
    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class SimulatedClock:
    """Time that moves only by `advance`, which runs the timers that fall due, in order, each at its own instant."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _SimulatedTimer]] = []

    def now(self) -> float:
        """Simulated epoch seconds."""
        return self._now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` during the `advance` that passes this instant; 0 means the next `advance`."""
        timer = _SimulatedTimer(callback)
        heapq.heappush(self._timers, (self._now + max(0.0, seconds), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move time on by `seconds` (>= 0) and run what falls due; `advance(0)` runs what is due now."""
        if seconds < 0:
            raise ValueError(f"time cannot be advanced by {seconds} seconds; give zero or more")
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            if timer.callback is not None:
                timer.callback()
        self._now = end


def rfc3339(seconds: float) -> str:
    """`metav1.Time`: whole seconds in UTC, such as 2026-01-02T03:04:05Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """Epoch seconds of an RFC 3339 time."""
    return datetime.fromisoformat(text).timestamp()

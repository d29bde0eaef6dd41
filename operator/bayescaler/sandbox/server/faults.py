"""Faults on demand: refused, slow, held and lost requests, cut watches, and a partition of the whole server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from .request import Request


@dataclass(slots=True, eq=False)
class Fault:
    """What befalls the requests that `match` accepts; `times` None is without end.

    `status` refuses with that code (429 with `plain_text` as priority and fairness does); `drop` closes the connection
    without an answer, before the work or, with `after`, once it is done; `hold` delays until the event is set.
    """

    match: Callable[[Request], bool]
    status: int | None = None
    retry_after: int | None = None
    reason: str = ""
    message: str = ""
    plain_text: bool = False
    times: int | None = 1
    latency_seconds: float = 0.0
    hold: asyncio.Event | None = None
    drop: bool = False
    after: bool = False
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as asked."""
        return self.times is not None and self.hits >= self.times


class Stream(Protocol):
    """An open watch, as the faults see it."""

    def cut(self, *, abort: bool) -> None:
        """End it, or reset its connection."""

    def expire(self) -> None:
        """End it with an ERROR event of 410."""

    def send_bookmark(self) -> None:
        """Send a bookmark now."""


class Faults:
    """The faults in force, and the streams they can cut."""

    def __init__(self, partition: Callable[[], Awaitable[None]], heal: Callable[[], Awaitable[None]]) -> None:
        self._faults: list[Fault] = []
        self._partition = partition
        self._heal = heal
        self.streams: set[Stream] = set()

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force; returns it, so that its `hits` can be read."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults (not a partition)."""
        self._faults.clear()

    def strike(self, request: Request) -> Fault | None:
        """The first fault in force for this request, counted as a hit."""
        fault = next((fault for fault in self._faults if not fault.spent and fault.match(request)), None)
        if fault is not None:
            fault.hits += 1
        return fault

    async def partition(self) -> None:
        """Cut every connection and refuse new ones until `heal`."""
        await self._partition()

    async def heal(self) -> None:
        """Accept connections again, on the same port."""
        await self._heal()

    def cut_watches(self, *, abort: bool = False) -> None:
        """End all open watches, as a server does on a timeout, or reset their connections."""
        for stream in list(self.streams):
            stream.cut(abort=abort)

    def expire_watches(self) -> None:
        """End all open watches with `410 Expired`."""
        for stream in list(self.streams):
            stream.expire()

    def send_bookmarks(self) -> None:
        """Send a bookmark on every watch that allows them."""
        for stream in list(self.streams):
            stream.send_bookmark()

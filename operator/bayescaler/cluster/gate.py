"""Gate: a bounded number of writes in flight, and none while the API server asks for patience."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import TooManyRequests

# Above 32 nothing is gained at the server and every answer takes longer.
SEATS = 16
ATTEMPTS = 3

T = TypeVar("T")


class Gate:
    """At most `seats` calls at once; a 429 closes the gate for everybody for as long as the server asked."""

    def __init__(
        self,
        seats: int = SEATS,
        *,
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if seats < 1 or attempts < 1:
            raise ValueError(f"{seats} seats and {attempts} attempts let nothing through: give at least 1 of each")
        self._seats = asyncio.Semaphore(seats)
        self._attempts = attempts
        self._clock = clock
        self._sleep = sleep
        self._closed_until = -float("inf")

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call()` when there is a seat, again after a 429; the last 429 and any other error are the
        caller's.

        `call` is made anew at each attempt, so it can look whether its write is still wanted.
        """
        async with self._seats:
            attempt = 1
            while True:
                await self._patience()
                try:
                    return await call()
                except TooManyRequests as error:
                    self._closed_until = max(self._closed_until, self._clock() + error.retry_after_seconds)
                    if attempt == self._attempts:
                        raise
                attempt += 1

    async def _patience(self) -> None:
        while (remaining := self._closed_until - self._clock()) > 0:
            await self._sleep(remaining)

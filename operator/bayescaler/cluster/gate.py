"""Gate: a bounded number of writes in flight, and none while the API server asks for patience, within reason."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from .errors import TooManyRequests

# Above 32 nothing is gained at the server and every answer takes longer.
SEATS = 16
ATTEMPTS = 3
# A tick's interval: whoever would have to wait longer is decided on anew.
PATIENCE_SECONDS = 15.0

T = TypeVar("T")


class Gate:
    """At most `seats` calls at once; a 429 closes the gate for everybody for as long as the server asked.

    Nobody waits at a closed gate beyond `patience_seconds` after `run` was called. A 429 that asks for more than that
    closes nothing: it is the caller's at once.
    """

    def __init__(
        self,
        seats: int = SEATS,
        *,
        attempts: int = ATTEMPTS,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if seats < 1 or attempts < 1:
            raise ValueError(f"{seats} seats and {attempts} attempts let nothing through: give at least 1 of each")
        self._seats = asyncio.Semaphore(seats)
        self._attempts = attempts
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._sleep = sleep
        self._closed_until = -float("inf")
        self._refusal: TooManyRequests | None = None

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call()` when there is a seat, again after a 429; the last 429 and any other error are the
        caller's.

        `call` is made anew at each attempt, so it can look whether its write is still wanted.
        """
        deadline = self._clock() + self._patience_seconds
        async with self._seats:
            attempt = 1
            while True:
                await self._opened(deadline)
                try:
                    return await call()
                except TooManyRequests as error:
                    self._close(error)
                    if attempt == self._attempts or error.retry_after_seconds > self._patience_seconds:
                        raise
                attempt += 1

    def _close(self, refusal: TooManyRequests) -> None:
        until = self._clock() + refusal.retry_after_seconds
        if refusal.retry_after_seconds <= self._patience_seconds and until > self._closed_until:
            self._closed_until, self._refusal = until, refusal

    async def _opened(self, deadline: float) -> None:
        """Return once the gate is open; raise the 429 that closed it where that is beyond the deadline."""
        while (remaining := self._closed_until - self._clock()) > 0:
            if self._refusal is not None and self._closed_until > deadline:
                raise self._refusal
            await self._sleep(remaining)

"""Answers kept for a short time, a bounded number of them; who asks meanwhile waits for the same one."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Busy(Exception):  # noqa: N818 - named for what it tells
    """Too many questions wait already."""


class Kept(Generic[K, V]):
    """At most `most` answers, each for `seconds`; an answer that failed is not kept.

    At most `in_flight` questions are asked at once and `waiting` wait for that: one more is Busy.
    """

    def __init__(
        self, clock: Callable[[], float], *, seconds: float, most: int, in_flight: int = 8, waiting: int = 256
    ) -> None:
        self._clock, self._seconds, self._most = clock, seconds, most
        self._answers: OrderedDict[K, tuple[float, asyncio.Future[V]]] = OrderedDict()
        self._seats, self._open, self._most_open = asyncio.Semaphore(in_flight), 0, in_flight + waiting

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for `key`, asking where there is none that is young enough."""
        until, answer = self._answers.get(key, (0.0, None))
        if answer is None or until <= self._clock() or _has_failed(answer):
            if self._open >= self._most_open:
                raise Busy(f"{self._open} questions wait already")
            answer = asyncio.ensure_future(self._asked(ask))
            self._answers[key] = (self._clock() + self._seconds, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return await asyncio.shield(answer)

    async def _asked(self, ask: Callable[[], Awaitable[V]]) -> V:
        self._open += 1
        try:
            async with self._seats:
                return await ask()
        finally:
            self._open -= 1

    async def close(self) -> None:
        """End what is under way."""
        answers = [answer for _, answer in self._answers.values()]
        self._answers.clear()
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


def _has_failed(answer: "asyncio.Future[V]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)

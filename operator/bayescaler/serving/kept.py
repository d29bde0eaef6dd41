"""Answers kept for a short time, a bounded number of them; who asks meanwhile waits for the same one."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
IN_FLIGHT, WAITING = 8, 256


class Busy(Exception):  # noqa: N818 - named for what it tells
    """Too many questions wait already."""


class Kept(Generic[K, V]):
    """At most `most` answers, each for `seconds`; an answer that failed is not kept.

    At most `in_flight` questions are asked at once and `waiting` wait for that: one more is Busy. A key that has had an
    answer is asked about anew on seats of its own, so that strangers, however many, keep nobody waiting who is known.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        seconds: float,
        most: int,
        in_flight: int = IN_FLIGHT,
        waiting: int = WAITING,
    ) -> None:
        self._clock, self._seconds, self._most = clock, seconds, most
        self._answers: OrderedDict[K, tuple[float, asyncio.Future[V]]] = OrderedDict()
        self._seats, self._open, self._most_open = asyncio.Semaphore(in_flight), 0, in_flight + waiting
        self._seats_of_known = asyncio.Semaphore(in_flight)

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for `key`, asking where there is none that is young enough."""
        until, answer = self._answers.get(key, (0.0, None))
        if answer is None or until <= self._clock() or _has_failed(answer):
            known = answer is not None and answer.done() and not _has_failed(answer)
            answer = self._ask_of_known(ask) if known else self._ask_of_stranger(ask)
            self._answers[key] = (self._clock() + self._seconds, answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return await asyncio.shield(answer)

    def _ask_of_known(self, ask: Callable[[], Awaitable[V]]) -> "asyncio.Future[V]":
        return asyncio.ensure_future(_asked(ask, self._seats_of_known))

    def _ask_of_stranger(self, ask: Callable[[], Awaitable[V]]) -> "asyncio.Future[V]":
        if self._open >= self._most_open:
            raise Busy(f"{self._open} questions wait already")
        self._open += 1  # here, as a task begins later
        answer = asyncio.ensure_future(_asked(ask, self._seats))
        answer.add_done_callback(self._close)
        return answer

    def _close(self, _answer: "asyncio.Future[V]") -> None:
        self._open -= 1

    def drop(self, key: K) -> None:
        """Forget the answer for `key`."""
        self._answers.pop(key, None)

    async def close(self) -> None:
        """End what is under way."""
        answers = [answer for _, answer in self._answers.values()]
        self._answers.clear()
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


class Recent(Generic[K]):
    """At most `most` keys, each for `seconds` since it was added; the oldest makes room."""

    def __init__(self, clock: Callable[[], float], *, seconds: float, most: int) -> None:
        self._clock, self._seconds, self._most = clock, seconds, most
        self._until: OrderedDict[K, float] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return self._until.get(key, 0.0) > self._clock()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, key: K) -> None:
        """Remember it from now on."""
        self._until[key] = self._clock() + self._seconds
        self._until.move_to_end(key)
        while len(self._until) > self._most:
            self._until.popitem(last=False)


async def _asked(ask: Callable[[], Awaitable[V]], seats: asyncio.Semaphore) -> V:
    async with seats:
        return await ask()


def _has_failed(answer: "asyncio.Future[V]") -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)

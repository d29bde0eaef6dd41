"""Jobs beside the tick: begun without waiting, a few of them at once, ended together."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Jobs:
    """Tasks under way; those that share `seats` take turns in the order they were begun in."""

    def __init__(self, seats: int = 1) -> None:
        self.seats = asyncio.Semaphore(seats)
        self._tasks: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        """Whether any is under way."""
        return bool(self._tasks)

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin one; what needs a turn takes one of the `seats` itself."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def idle(self) -> None:
        """Wait until none is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self, *, patience_seconds: float = 0.0) -> None:
        """End what is under way, at once or when it has had so long to end by itself."""
        if self._tasks and patience_seconds:
            await asyncio.wait(self._tasks, timeout=patience_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

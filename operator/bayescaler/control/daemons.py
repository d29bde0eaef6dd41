"""A few threads for what may hang for ever: the process ends without them, where those of an executor are joined."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any


class Daemons:
    """At most `most` daemon threads, begun as they are needed; jobs wait for one in the order they came in."""

    def __init__(self, most: int, *, name: str) -> None:
        self._most, self._name = most, name
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin a job as soon as a thread is free; one that is cancelled before never begins."""
        job: Future[Any] = Future()
        self._jobs.put((job, work))
        if len(self._threads) < self._most:
            self._threads.append(Thread(target=self._run, name=self._name, daemon=True))
            self._threads[-1].start()
        return job

    def _run(self) -> None:
        while True:
            job, work = self._jobs.get()
            if not job.set_running_or_notify_cancel():
                continue
            try:
                job.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is whose asked
                job.set_exception(error)
            del job, work  # a thread that waits holds nothing

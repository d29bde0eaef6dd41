"""Who does the work of a fleet: processes on this machine's cores, or a dask cluster. Answers come as they are done.

So much work is out at a time that nobody waits, and no more: memory stays flat however large the fleet is.
"""

import importlib
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

import click

from bayescaler.replay.fleet import Row

from . import trial
from .trial import Job, LeftOut

Answer = tuple[Job, Row | LeftOut]

OUT_PER_WORKER = 2
PATIENCE_SECONDS = 15.0  # for a dask scheduler, and for its first worker


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_cores(jobs: Iterable[Job], workers: int) -> Iterator[Answer]:
    """Do the work in so many processes.

    A process that dies takes nothing along: what was out is done again, one at a time, so that the one it died of is
    known by name.
    """
    left = iter(jobs)
    while True:
        lost: list[Job] = []
        yield from _through(left, workers, lost)
        if not lost:
            return
        for job in lost:
            again: list[Job] = []
            yield from _through(iter((job,)), 1, again)
            for deadly in again:
                why = "the process that replayed it was killed, twice: by its system for want of memory?"
                yield deadly, LeftOut(deadly.workload.name, why)


def _through(jobs: Iterator[Job], workers: int, lost: list[Job]) -> Iterator[Answer]:
    """Yield answers until the jobs end or a process dies; then what was out goes to `lost`."""
    out: dict[Future[Row | LeftOut], Job] = {}
    with _pool(workers) as pool:
        while True:
            room = 0 if lost else OUT_PER_WORKER * workers - len(out)
            for job in islice(jobs, room):
                try:
                    out[pool.submit(trial.run, job)] = job
                except BrokenExecutor:
                    lost.append(job)
                    break
            if not out:
                return
            done, _ = wait(out, return_when=FIRST_COMPLETED)
            for future in done:
                job, error = out.pop(future), future.exception()
                if isinstance(error, BrokenExecutor):
                    lost.append(job)
                elif error is not None:
                    yield job, LeftOut(job.workload.name, f"failed: {type(error).__name__}: {error}")
                else:
                    yield job, future.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([trial.__name__])
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    """Let Ctrl-C, which a terminal sends to every process, end a worker without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_dask(jobs: Iterable[Job], address: str) -> Iterator[Answer]:
    """Do the work on a dask.distributed cluster; a worker that is lost has its work done by another.

    Traces are read here and sent along; a Prometheus is asked by the workers.
    """
    with _client(address) as client:
        as_completed: Any = importlib.import_module("distributed").as_completed

        out: dict[Any, Job] = {}
        left, answers, sent = iter(jobs), as_completed([], loop=client.loop), count()
        while True:
            threads = sum(client.nthreads().values())
            for job in islice(left, max(0, OUT_PER_WORKER * max(1, threads) - len(out))):
                try:
                    whole = job.loaded()
                except (OSError, KeyError, ValueError) as error:
                    yield job, LeftOut(job.workload.name, str(error))
                    continue
                future = client.submit(trial.run, whole, key=f"bayescaler-{next(sent)}-{job.digest}")
                out[future.key] = job
                answers.add(future)
            if not out:
                return
            future = next(answers)
            job = out.pop(future.key)
            failure = future.exception()
            if failure is not None:
                yield job, LeftOut(job.workload.name, f"failed: {type(failure).__name__}: {failure}")
            else:
                yield job, future.result()


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        distributed: Any = importlib.import_module("distributed")  # it has no types
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"--dask: {missing.name} is not installed: pip install 'bayescaler[dask]'"
        ) from missing
    try:
        client = distributed.Client(address, timeout=PATIENCE_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        cure = "start one with `dask scheduler`, and give its address, such as tcp://host:8786"
        raise click.ClickException(f"--dask: no scheduler answers at {address}: {cure}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_SECONDS)
        except TimeoutError as error:
            cure = f"start some with `dask worker {address}`"
            raise click.ClickException(f"--dask: the scheduler at {address} has no workers: {cure}") from error
        yield client

"""Processes of the harness: commands run to their end, servers started, paused and stopped; polling; free ports."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Self, TypeVar

from requests import RequestException

T = TypeVar("T")

STOP_SECONDS = 10.0
PORTS = range(20_000, 32_000)
LOG_TAIL_LINES = 25
# However the test run ends, its processes end with it.
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


class HarnessError(Exception):
    """A part of the harness died, failed or did not get ready; the message says which and what it said."""


def wait_until(probe: Callable[[], T], what: str, *, deadline_seconds: float = 30.0, every_seconds: float = 0.05) -> T:
    """Poll `probe` until it returns something true, and return that.

    A probe may raise `AssertionError`, `LookupError` (a field of a status, say, that is not there yet), `OSError`,
    `RequestException` or `HarnessError` to say "not yet".
    Raises `TimeoutError` naming `what`, with the last answer or error, after `deadline_seconds`.
    """
    deadline = time.monotonic() + deadline_seconds
    last: object = None
    while True:
        try:
            answer = probe()
            if answer:
                return answer
            last = answer
        except (AssertionError, LookupError, OSError, RequestException, HarnessError) as error:
            last = error
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {deadline_seconds:g} s; last answer: {last!r}")
        time.sleep(every_seconds)


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    deadline_seconds: float,
    folder: Path | None = None,
    stdin: str = "",
) -> Said:
    """Run a command to its end, which is told whatever it is.

    Raises `HarnessError` where it does not end within `deadline_seconds`.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=deadline_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HarnessError(f"`{' '.join(command)}`: no end within {deadline_seconds:g} s") from None
    return Said(done.returncode, done.stdout, done.stderr)


def own_ports() -> Iterator[int]:
    """Give the ports of this worker of pytest-xdist, round and round, none twice in a round.

    They lie below those that the kernel gives to whoever connects: a server may take one long after it was given.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(PORTS.start + worker, PORTS.stop, workers)
    first = random.randrange(len(own))  # runs beside one another, and servers of the last one
    return cycle([*own[first:], *own[:first]])


_ports = own_ports()


def free_ports(count: int) -> list[int]:
    """Give `count` TCP ports that nothing listens on at 127.0.0.1 and that nobody else of this run is given."""
    return list(islice(filter(_is_free, _ports), count))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Give the last `lines` lines of a log."""
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


class Running(ABC):
    """What `with` begins and undoes, wholly: where its beginning fails, what had begun is undone too."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.begin(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @abstractmethod
    def begin(self, undo: ExitStack) -> None:
        """Begin, step by step; `undo` gets what undoes each step, and does the last one first."""


@dataclass
class Component:
    """One process: its command, its log file and the probe that tells when it serves.

    `start` after `stop` or `kill` runs the same command again: what it kept on disk it finds again.  It has to
    be called from a thread that outlives the process: the kernel ends the process with its starter.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    ready: Callable[[], object]
    environment: Mapping[str, str] = field(default_factory=dict)
    deadline_seconds: float = 60.0
    process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process without waiting for it."""
        if self.running:
            raise HarnessError(f"{self.name} runs already (pid {self.pid})")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_ENDS_WITH_US, *(str(part) for part in self.command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,  # Ctrl-C reaches pytest alone, which then stops the parts in order
            )

    def wait_ready(self) -> None:
        """Wait until the probe answers; `HarnessError` with the end of the log if it does not, or dies."""

        def probe() -> object:
            return not self.running or self.ready()

        said = f"the end of {self.log}:"
        try:
            wait_until(probe, f"{self.name} ready", deadline_seconds=self.deadline_seconds)
        except TimeoutError as slow:
            raise HarnessError(f"{slow}; {said}\n{tail(self.log)}") from None
        if self.process is not None and not self.running:
            code = self.process.returncode
            raise HarnessError(f"{self.name} ended with exit code {code}; {said}\n{tail(self.log)}")

    def start(self) -> None:
        """Start the process and wait until it serves."""
        self.launch()
        self.wait_ready()

    @property
    def running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; `HarnessError` when it does not run."""
        if self.process is None or not self.running:
            raise HarnessError(f"{self.name} does not run")
        return self.process.pid

    @property
    def resident_mib(self) -> float:
        """Resident memory, MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections open, nothing answers, as behind a hung disk or a dead switch."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would: connections are refused until `start`."""
        if self.process is not None and self.running:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """End it as an orderly shutdown would; kill it if it does not end in `STOP_SECONDS`."""
        if self.process is None or not self.running:
            return
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

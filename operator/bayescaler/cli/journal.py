"""What a fleet run has done so far, in a file of JSON lines that survives its end at any moment.

The first line is of the run, each further one an answer and the digest of what it answers. A line is on the disk before
the next piece of work is begun with; one that was cut is dropped, and its work done again.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import IO, Any

import click

from bayescaler.replay.fleet import Row, Side
from bayescaler.replay.judgement import Interval
from bayescast.scorecard import plain

TITLE, FORMAT = "bayescaler fleet", 1


class Journal:
    """An open journal: `done` answers by digest, `now` of the first run (epoch seconds)."""

    def __init__(self, file: IO[bytes] | None, now: float, done: dict[str, Row]) -> None:
        self.now, self.done, self._file = now, done, file

    def add(self, digest: str, row: Row) -> None:
        """Keep an answer."""
        self.done[digest] = row
        if self._file is not None:
            _append(self._file, {"digest": digest, "row": plain(asdict(row))})


@contextmanager
def journal(path: Path | None, *, now: float) -> Iterator[Journal]:
    """Open a journal to go on with, or begin one; without a path nothing is kept. click.ClickException: it is none."""
    if path is None:
        yield Journal(None, now, {})
        return
    try:
        file = path.open("a+b")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error
    with file:
        yield _resumed(file, path, now)


def _resumed(file: IO[bytes], path: Path, now: float) -> Journal:
    file.seek(0)
    whole, newline, cut = file.read().rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    head, *rest = (_line(path, number, line) for number, line in enumerate(lines, 1)) if lines else ({},)
    begun = json.dumps({"title": TITLE}).encode()[:-1]
    ours = (head.get("title"), head.get("format")) == (TITLE, FORMAT) if lines else begun.startswith(cut[: len(begun)])
    if not ours:
        raise click.ClickException(f"{path} is no journal of a fleet run, and stays as it is: give another --resume")
    file.truncate(len(whole) + len(newline))
    if not lines:
        head = {"title": TITLE, "format": FORMAT, "now": now}
        _append(file, head)
    try:
        return Journal(file, float(head["now"]), {entry["digest"]: _row(entry["row"]) for entry in rest})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"{path} holds a row that is not whole ({error}): give another --resume") from error


def _line(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if number == 1:
        return found if isinstance(found, dict) else {}
    if not isinstance(found, dict) or not {"digest", "row"} <= set(found):
        raise click.ClickException(
            f"{path}, line {number}: is no line of a journal: delete it, or give another --resume"
        )
    return found


def _append(file: IO[bytes], entry: dict[str, Any]) -> None:
    file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _row(kept: dict[str, Any]) -> Row:
    made = {"ours": Side, "present": Side, "saved": Interval, "ratio_interval": Interval}
    fields = {name: made[name](**_numbers(value)) if name in made else value for name, value in kept.items()}
    return Row(**_numbers(fields))


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    """Return fields as they were: JSON has no NaN."""
    return {name: nan if value is None else value for name, value in values.items()}

"""The past of a query as a Prometheus tells it: read piece by piece, kept as it comes, gone on with after a failure."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from bayescaler.sources.files import whole_file
from bayescaler.sources.port import LoadQuery, LoadSource, SourceError
from bayescaler.sources.trace import Trace, TraceError, read_trace, write_trace

PIECE_BUCKETS = 1440  # a request: small enough for a bar that moves, and far below what Prometheus refuses
REQUEST_SECONDS = 30.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Past:
    """The buckets of `step` seconds that start in [first, end), epoch seconds; `auth`: a folder of a Secret's keys."""

    address: str
    query: str
    step: float
    first: float
    end: float
    auth: Path | None = None


async def read(asked: Past, keep: Path | None, progress: Progress) -> tuple[Floats, Floats]:
    """Return bucket starts and loads from the first bucket that has data, NaN where none is.

    What is read is kept in the trace `keep`, piece by piece, and what that holds already is not asked for. SourceError
    says how far it came; TraceError what is wrong with the trace.
    """
    if asked.end - asked.first < 2 * asked.step:
        raise SourceError(
            f"from {clock(asked.first)} to {clock(asked.end)} there are no two buckets: give an earlier --from"
        )
    times, values = _kept(asked, keep)
    start = float(times[-1]) + asked.step if len(times) else asked.first
    starts = np.arange(start, asked.end, PIECE_BUCKETS * asked.step)
    source, query = _source(asked)
    task = progress.add_task(f"reading {asked.address}", total=len(starts))
    warnings: dict[str, None] = {}
    try:
        for piece in starts.tolist():
            until = min(piece + PIECE_BUCKETS * asked.step, asked.end)
            try:
                series = await source.read(query, start=piece, end=until, now=asked.end)
            except SourceError as error:
                raise _with_cure(error, keep, len(times), piece) from error
            warnings |= dict.fromkeys(series.warnings)
            times, values = np.concatenate([times, series.times]), np.concatenate([values, series.values])
            _keep(asked, keep, times, values)
            progress.advance(task)
    finally:
        await source.close()
        progress.remove_task(task)
    for warning in warnings:
        click.echo(f"bayescaler: warning: {warning}", err=True)
    wanted = (times >= asked.first) & (times < asked.end)
    times, values = times[wanted], values[wanted]
    seen = np.flatnonzero(~np.isnan(values))
    if len(seen) < 2:
        raise SourceError(
            f"{asked.address} has no data of {asked.query!r} from {clock(asked.first)} to {clock(asked.end)}: "
            "try the query in its UI"
        )
    return times[seen[0] :], values[seen[0] :]


def clock(at: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(asked: Past) -> tuple[LoadSource, LoadQuery]:
    from bayescaler.sources.allow import AllowList
    from bayescaler.sources.auth import NO_AUTH, Auth
    from bayescaler.sources.prometheus import PrometheusSource

    try:
        allowed = AllowList((asked.address,), setting="--prometheus")
    except ValueError as error:
        raise SourceError(str(error)) from None
    auth = NO_AUTH if asked.auth is None else Auth.from_secret(keys_of(asked.auth))
    source = PrometheusSource(allow_list=allowed, auth_for=lambda _: auth, timeout_seconds=REQUEST_SECONDS)
    key = None if asked.auth is None else str(asked.auth)
    return source, LoadQuery("history", asked.query, asked.step, asked.address, auth_key=key)


def keys_of(folder: Path) -> dict[str, bytes]:
    """Return what a mounted Secret holds; its own housekeeping starts with two dots."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("..")]
    try:
        return {path.name: path.read_bytes() for path in files}
    except OSError as error:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror or error}") from error


def _kept(asked: Past, keep: Path | None) -> tuple[Floats, Floats]:
    """Return all that the trace holds up to its last load but one bucket, which may have been read half full.

    Nothing of it is ever let go of: TraceError where the past asked for neither lies in it nor follows on it.
    """
    nothing = np.empty(0), np.empty(0)
    if keep is None or not keep.exists():
        return nothing
    if _origin(keep) != _identity(asked):
        raise TraceError(keep, f"is not of {asked.query!r} on {asked.address}: give another file to --keep")
    trace = read_trace(keep)
    known = np.flatnonzero(~np.isnan(trace.values))
    if len(known) < 2:
        return nothing
    times, values = trace.times[: known[-1]], trace.values[: known[-1]]
    if not times[0] <= asked.first <= times[-1] + asked.step:
        held = f"{clock(float(times[0]))} to {clock(float(times[-1]))}"
        raise TraceError(keep, f"holds {held}, and what is asked for begins apart from it: give another file to --keep")
    return times, values


def _origin(keep: Path) -> object:
    """Return what a kept trace was read of; None if nothing says so."""
    path = _origin_of(keep)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise TraceError(path, f"is no JSON ({error}): delete it and {keep.name}, or give another --keep") from error


def _keep(asked: Past, keep: Path | None, times: Floats, values: Floats) -> None:
    if keep is None or len(times) < 2:
        return
    try:
        with whole_file(_origin_of(keep)) as beside:
            beside.write_text(json.dumps(_identity(asked)), encoding="utf-8")
        write_trace(keep, Trace(times, values, asked.step))
    except OSError as error:
        raise click.ClickException(f"{keep} cannot be written: {error.strerror or error}") from error


def _identity(asked: Past) -> dict[str, object]:
    return {"prometheus": asked.address, "query": asked.query, "step_seconds": asked.step}


def _origin_of(keep: Path) -> Path:
    """Return the file beside a trace that says what it was read of."""
    return keep.with_name(f"{keep.name}.origin.json")


def _with_cure(error: SourceError, keep: Path | None, buckets: int, at: float) -> SourceError:
    """Say how far it came, and how to go on from there."""
    if keep is None:
        cure = "give --keep FILE to go on from there next time"
    else:
        cure = f"{keep} holds the {buckets} buckets before; the same command goes on from there"
    return SourceError(f"{error}; failed at {clock(at)}: {cure}", reason=error.reason, silent=error.silent)

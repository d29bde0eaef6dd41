"""Load from a file: CSV or Parquet with the columns `timestamp,value`, one row a bucket.

`timestamp` is the start of the bucket, ISO 8601 (without an offset: UTC) or epoch seconds; an empty value is a missing
bucket. Rows are in order, one step apart. What is wrong is told in a line with file, row and cure; the header is row 1.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from .files import whole_file
from .grid import Floats

Unit = Literal["count", "rate", "gauge"]
HEADER = ["timestamp", "value"]
FIRST_ROW = 2
SAME_STEP_SECONDS = 1e-3
# Shape of the fast path: 2026-03-02T08:00:00 with T or a blank, and nothing or Z behind.
DIGITS = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
MARKS = {4: "-", 7: "-", 13: ":", 16: ":"}
MIN_EPOCH, MAX_EPOCH = 0.0, 253_402_300_800.0  # 1970 to 9999, as ISO 8601 has four digits


class TraceError(ValueError):
    """A trace that cannot be used: file, row, what and cure in one line."""

    def __init__(self, path: Path, what: str, *, row: int | None = None) -> None:
        super().__init__(f"{path}{'' if row is None else f', row {row}'}: {what}")


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Load on a regular grid: `times` are bucket starts (epoch seconds), NaN is a missing bucket; shapes (n,)."""

    times: Floats
    values: Floats
    step_seconds: float
    unit: Unit = "rate"


def read_trace(path: Path, *, unit: Unit = "rate") -> Trace:
    """Read a trace; the suffix `.parquet` says what it is, anything else is CSV.

    Raises:
        TraceError: the file is not there or not a trace.
    """
    try:
        stamps, numbers = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except OSError as error:
        raise TraceError(path, f"cannot be read: {error.strerror or error}") from error
    times = stamps if isinstance(stamps, np.ndarray) else _times(path, stamps)
    values = numbers if isinstance(numbers, np.ndarray) else _values(path, numbers)
    _check_values(path, values, numbers)
    return Trace(times, values, _step(path, times), unit)


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace, whole or not at all, as `read_trace` reads it."""
    with whole_file(path) as beside:
        if path.suffix == ".parquet":
            pa, parquet = _pyarrow(path)
            missing = np.isnan(trace.values)
            stamps = pa.array(np.rint(trace.times * 1e6).astype("datetime64[us]"), pa.timestamp("us", "UTC"))
            table = pa.table({"timestamp": stamps, "value": pa.array(trace.values, mask=missing)})
            parquet.write_table(table, beside)
            return
        whole = np.all(trace.times == np.rint(trace.times))
        texts = (
            np.rint(trace.times * 1e3).astype("datetime64[ms]").astype("datetime64[s]" if whole else "datetime64[ms]")
        )
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(",".join(HEADER) + "\n")
            for stamp, value in zip(texts.astype(str), trace.values.tolist(), strict=True):
                file.write(f"{stamp}Z,{'' if value != value else repr(value)}\n")  # noqa: PLR0124 - NaN is missing


def _csv(path: Path) -> tuple[list[str], list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise TraceError(path, "is not UTF-8 text: write CSV, or Parquet with the suffix .parquet") from None
    lines = text.splitlines()
    if not lines or [name.strip() for name in lines[0].split(",")] != HEADER:
        found = lines[0][:60] if lines else ""
        raise TraceError(path, f"the header is {found!r}, it must be 'timestamp,value'", row=1)
    del lines[0]
    if "_" in text:  # Python would read 1_000 as a number
        _first(path, np.array(["_" in line for line in lines]), "has an underscore: write numbers with digits only")
    if '"' in text:
        rows = list(csv.reader(io.StringIO("\n".join(lines))))
        for index, row in enumerate(rows):
            if len(row) != len(HEADER):
                _wrong_columns(path, index, len(row))
        return [row[0] for row in rows], [row[1] for row in rows]
    commas = [line.count(",") for line in lines]
    if commas.count(1) != len(commas):
        index = next(i for i, count in enumerate(commas) if count != 1)
        _wrong_columns(path, index, commas[index] + 1)
    cells = ",".join(lines).split(",") if lines else []
    return cells[0::2], cells[1::2]


def _wrong_columns(path: Path, index: int, count: int) -> NoReturn:
    raise TraceError(path, f"has {count} columns, it must have 2: timestamp,value", row=index + FIRST_ROW)


def _parquet(path: Path) -> tuple[Sequence[str] | Floats, Floats]:
    pa, parquet = _pyarrow(path)
    path.open("rb").close()  # a missing file is told like that of a CSV
    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise TraceError(path, f"is not Parquet: {str(error).splitlines()[0][:120]}") from None
    if table.column_names != HEADER:
        raise TraceError(path, f"the columns are {table.column_names}, they must be {HEADER}")
    stamps, numbers = table.column(0), table.column(1)
    if stamps.null_count:
        index = stamps.is_null().to_numpy().tolist().index(True)
        raise TraceError(path, "has no timestamp", row=index + FIRST_ROW)
    if not (pa.types.is_integer(numbers.type) or pa.types.is_floating(numbers.type)):
        raise TraceError(path, f"value is of type {numbers.type}, it must be a number")
    values = numbers.cast(pa.float64()).to_numpy()
    if pa.types.is_timestamp(stamps.type):
        return stamps.cast(pa.timestamp("us", stamps.type.tz)).cast(pa.int64()).to_numpy() / 1e6, values
    if pa.types.is_integer(stamps.type) or pa.types.is_floating(stamps.type):
        return _checked_epoch(path, stamps.cast(pa.float64()).to_numpy()), values
    if pa.types.is_string(stamps.type) or pa.types.is_large_string(stamps.type):
        return stamps.to_pylist(), values
    raise TraceError(
        path, f"timestamp is of type {stamps.type}, it must be a timestamp, ISO 8601 text or epoch seconds"
    )


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415 - the extra is asked for only where a Parquet file is
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise TraceError(path, "Parquet needs pyarrow: pip install 'bayescaler[lab]'") from None
    return pyarrow, parquet


def _times(path: Path, texts: Sequence[str]) -> Floats:
    if not texts:
        raise TraceError(path, "has no rows")
    if _is_number(texts[0]):
        return _checked_epoch(path, _numbers(path, texts, "timestamp"))
    times = _same_shape_times(texts)
    if times is not None:
        return times
    times = np.empty(len(texts))
    for index, text in enumerate(texts):
        try:
            stamp = datetime.fromisoformat(text.strip())
        except ValueError:
            raise TraceError(
                path,
                f"timestamp {text[:40]!r} is neither ISO 8601, such as 2026-03-02T08:00:00Z, nor epoch seconds",
                row=index + FIRST_ROW,
            ) from None
        times[index] = (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()
    return times


def _same_shape_times(texts: Sequence[str]) -> Floats | None:
    """Parse timestamps that are all written alike in UTC, at once; None if they are not."""
    width = len(texts[0])
    tail = texts[0][19:]
    if width < 19 or tail not in {"", "Z"} or texts[0][10] not in {"T", " "}:
        return None
    try:
        written = np.array(texts, dtype=f"S{width + 1}")
        cells = written.view(np.uint8).reshape(len(texts), width + 1)
        marks = MARKS | {10: texts[0][10]} | ({19: "Z"} if tail else {})
        alike = all(np.all(cells[:, place] == ord(mark)) for place, mark in marks.items())
        digits = cells[:, DIGITS]
        if not alike or np.any(cells[:, width]) or np.any(digits < ord("0")) or np.any(digits > ord("9")):
            return None
        return written.astype("S19").astype("datetime64[s]").astype(np.float64)
    except ValueError:
        return None  # a 13th month, or letters outside ASCII: the slow way names the row


def _values(path: Path, texts: Sequence[str]) -> Floats:
    return _numbers(path, [text or "nan" for text in texts], "value")


def _numbers(path: Path, texts: Sequence[str], what: str) -> Floats:
    try:
        return np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
    except ValueError:
        index = next(i for i, text in enumerate(texts) if not _is_number(text))
        cure = "leave it empty if the bucket is missing" if what == "value" else "write all as epoch seconds or none"
        raise TraceError(path, f"{what} {texts[index][:40]!r} is not a number: {cure}", row=index + FIRST_ROW) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _checked_epoch(path: Path, times: Floats) -> Floats:
    wrong = np.flatnonzero(~((times >= MIN_EPOCH) & (times < MAX_EPOCH)))
    if len(wrong):
        raise TraceError(
            path, f"timestamp {times[wrong[0]]:g} is no epoch time in seconds", row=int(wrong[0]) + FIRST_ROW
        )
    return times


def _check_values(path: Path, values: Floats, texts: Sequence[str] | Floats) -> None:
    if not isinstance(texts, np.ndarray):
        written = np.fromiter((text != "" for text in texts), dtype=np.bool_, count=len(texts))
        _first(path, written & np.isnan(values), "value NaN is not a number: leave it empty if the bucket is missing")
    _first(path, np.isinf(values), "value is infinite: leave it empty if the bucket is missing")
    _first(path, values < 0, "value is negative, which load cannot be: leave it empty if the bucket is missing")


def _first(path: Path, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        raise TraceError(path, what, row=int(np.argmax(wrong)) + FIRST_ROW)


def _step(path: Path, times: Floats) -> float:
    if not len(times):
        raise TraceError(path, "has no rows")
    if len(times) == 1:
        raise TraceError(path, "has one row only: at least two are needed to know the step")
    steps = np.diff(times)
    _first(path, np.append(False, steps == 0), "the timestamp is there twice: keep one row a bucket")
    _first(path, np.append(False, steps < 0), "the timestamp is before that of the row above: sort the rows")
    step = float(steps[0])
    changed = np.append(False, np.abs(steps - step) > SAME_STEP_SECONDS)
    if changed.any():
        other = float(steps[int(np.argmax(changed)) - 1])
        _first(
            path,
            changed,
            f"the step changes from {step:g} s to {other:g} s: write missing buckets as rows without a value",
        )
    return step

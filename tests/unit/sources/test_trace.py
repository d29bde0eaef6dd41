"""Traces: what is read, and one clear line for each thing that is wrong."""

import builtins

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from bayescaler.sources.files import whole_file
from bayescaler.sources.trace import Trace, TraceError, read_trace, write_trace

START = 1_772_438_400.0  # 2026-03-02T08:00:00Z


@pytest.fixture
def trace_file(tmp_path):
    def write(text, name="load.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


GOOD = {
    "blank between date and time": "2026-03-02 08:00:00,1\n2026-03-02 08:01:00,2\n",
    "no offset is UTC": "2026-03-02T08:00:00,1\n2026-03-02T08:01:00,2\n",
    "Z": "2026-03-02T08:00:00Z,1\n2026-03-02T08:01:00Z,2\n",
    "an offset": "2026-03-02T09:00:00+01:00,1\n2026-03-02T09:01:00+01:00,2\n",
    "mixed": "2026-03-02T08:00:00Z,1\n2026-03-02T09:01:00+01:00,2\n",
    "minutes only": "2026-03-02T08:00,1\n2026-03-02T08:01,2\n",
    "fractions of a second": "2026-03-02T08:00:00.000Z,1\n2026-03-02T08:01:00.000Z,2\n",
    "epoch": "1772438400,1\n1772438460,2\n",
    "epoch with fraction": "1772438400.0,1\n1772438460.0,2\n",
    "quoted": '"2026-03-02T08:00:00Z","1"\n"2026-03-02T08:01:00Z",2\n',
    "Windows line ends": "2026-03-02T08:00:00Z,1\r\n2026-03-02T08:01:00Z,2\r\n",
    "no last line end": "2026-03-02T08:00:00Z,1\n2026-03-02T08:01:00Z,2",
}


@pytest.mark.parametrize("rows", GOOD.values(), ids=GOOD)
def test_a_trace_is_read_in_each_way_it_may_be_written(trace_file, rows):
    found = read_trace(trace_file("timestamp,value\n" + rows), unit="count")
    assert found.times.tolist() == [START, START + 60]
    assert found.values.tolist() == [1, 2]
    assert (found.step_seconds, found.unit) == (60, "count")


def test_a_byte_order_mark_of_a_spreadsheet_is_passed_over(trace_file):
    assert len(read_trace(trace_file("\ufefftimestamp,value\n0,1\n60,2\n")).values) == 2


def test_an_empty_value_is_a_missing_bucket_and_zero_is_zero(trace_file):
    found = read_trace(trace_file("timestamp,value\n0,\n60,0\n120,1.5e3\n"))
    assert np.isnan(found.values[0])
    assert found.values[1:].tolist() == [0, 1500]


BAD = {
    "wrong header": ("time,load\n0,1\n60,2\n", "row 1: the header is 'time,load', it must be 'timestamp,value'"),
    "one column more": ("timestamp,value,pod\n0,1,a\n", "row 1: the header is 'timestamp,value,pod', it must be"),
    "empty file": ("", "row 1: the header is '', it must be 'timestamp,value'"),
    "no rows": ("timestamp,value\n", "has no rows"),
    "one row": ("timestamp,value\n0,1\n", "has one row only: at least two are needed to know the step"),
    "a row with a column more": ("timestamp,value\n0,1\n60,2,3\n", "row 3: has 3 columns, it must have 2"),
    "columns that cancel out": ("timestamp,value\n0\n60,2,3\n", "row 2: has 1 columns, it must have 2"),
    "quoted row with a column less": ('timestamp,value\n0,1\n"60"\n', "row 3: has 1 columns, it must have 2"),
    "blank line inside": ("timestamp,value\n0,1\n\n60,2\n", "row 3: has 1 columns"),
    "no timestamp": (
        "timestamp,value\n2026-03-02T08:00:00Z,1\nyesterday,2\n",
        "row 3: timestamp 'yesterday' is neither",
    ),
    "13th month": (
        "timestamp,value\n2026-13-02T08:00:00Z,1\n2026-13-02T08:01:00Z,1\n",
        "row 2: timestamp '2026-13-02T08:00:00Z'",
    ),
    "letters for digits": ("timestamp,value\n2026-03-02T08:00:00Z,1\n2026-03-02T08:0l:00Z,1\n", "row 3: timestamp"),
    "other script": ("timestamp,value\n2026-03-02T08:00:00Z,1\n\uff12026-03-02T08:01:00Z,1\n", "row 3: timestamp"),
    "epoch and text": (
        "timestamp,value\n0,1\n2026-03-02T08:00:00Z,1\n",
        "row 3: timestamp '2026-03-02T08:00:00Z' is not a number",
    ),
    "milliseconds": (
        "timestamp,value\n1772438400000,1\n1772438460000,1\n",
        "row 2: timestamp 1.77244e+12 is no epoch time in seconds",
    ),
    "no number": ("timestamp,value\n0,1\n60,many\n", "row 3: value 'many' is not a number: leave it empty"),
    "underscores": ("timestamp,value\n0,1\n60,1_000\n", "row 3: has an underscore"),
    "NaN": ("timestamp,value\n0,1\n60,NaN\n", "row 3: value NaN is not a number: leave it empty"),
    "infinite": ("timestamp,value\n0,1\n60,inf\n", "row 3: value is infinite"),
    "negative": ("timestamp,value\n0,1\n60,-1\n", "row 3: value is negative"),
    "twice": ("timestamp,value\n0,1\n60,1\n60,1\n", "row 4: the timestamp is there twice: keep one row a bucket"),
    "disorder": ("timestamp,value\n0,1\n60,1\n30,1\n", "row 4: the timestamp is before that of the row above: sort"),
    "changing step": (
        "timestamp,value\n0,1\n60,1\n180,1\n",
        "row 4: the step changes from 60 s to 120 s: write missing",
    ),
    "not text": (b"timestamp,value\n\xff\xfe\n", "is not UTF-8 text"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_one_line_with_file_row_and_cure(trace_file, text, words):
    path = trace_file(text)
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(TraceError, match=f"{name}: cannot be read: No such file or directory"):
            read_trace(tmp_path / name)


@given(
    values=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1e300)), min_size=2, max_size=50),
    start=st.integers(0, 4 * 10**9),
    step=st.sampled_from([0.5, 1.0, 15.0, 3600.0]),
)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_what_is_written_is_read_back(tmp_path_factory, values, start, step, name):
    path = tmp_path_factory.mktemp("trace") / name
    written = Trace(start + step * np.arange(len(values)), np.array(values), step)
    write_trace(path, written)
    found = read_trace(path)
    assert np.array_equal(found.times, written.times)
    assert np.array_equal(found.values, written.values, equal_nan=True)
    assert found.step_seconds == step


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array([0, 60_000_000], pa.timestamp("us", "UTC")),
        pa.array([0, 60_000], pa.timestamp("ms")),
        pa.array([0, 60_000_000_000], pa.timestamp("ns", "Europe/Berlin")),
        pa.array([0, 60]),
        pa.array([0.0, 60.0]),
        pa.array(["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"]),
    ],
    ids=lambda stamps: str(stamps.type),
)
def test_parquet_may_hold_time_in_any_usual_type(tmp_path, stamps):
    parquet.write_table(pa.table({"timestamp": stamps, "value": pa.array([3, None])}), tmp_path / "t.parquet")
    found = read_trace(tmp_path / "t.parquet")
    assert found.times.tolist() == [0, 60]
    assert found.values[0] == 3
    assert np.isnan(found.values[1])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"time": [0, 60], "value": [1, 2]}, "the columns are ['time', 'value'], they must be"),
        ({"timestamp": [0, None], "value": [1, 2]}, "row 3: has no timestamp"),
        ({"timestamp": [0, 60], "value": ["1", "2"]}, "value is of type string, it must be a number"),
        ({"timestamp": [True, False], "value": [1, 2]}, "timestamp is of type bool"),
        ({"timestamp": [0, 60], "value": [1, -2]}, "row 3: value is negative"),
        ({"timestamp": pa.array([], pa.int64()), "value": pa.array([], pa.float64())}, "has no rows"),
    ],
)
def test_a_bad_parquet_file_is_told_too(tmp_path, columns, words):
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(TraceError) as caught:
        read_trace(tmp_path / "t.parquet")
    assert words in str(caught.value)


def test_a_file_that_only_says_it_is_parquet_is_told(trace_file):
    with pytest.raises(TraceError, match="is not Parquet"):
        read_trace(trace_file("timestamp,value\n", name="t.parquet"))


def test_without_pyarrow_the_extra_is_named(trace_file, monkeypatch):
    real_import = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TraceError, match=r"Parquet needs pyarrow: pip install 'bayescaler\[lab\]'"):
        read_trace(trace_file("", name="t.parquet"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail_halfway():
        with whole_file(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_written_whole_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("x")
    with whole_file(tmp_path / "whole") as beside:
        beside.write_text("x")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode

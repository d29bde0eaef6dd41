"""`bayescaler forecast --exclude`: a load test is neither learned from nor scored, and the record says so."""

import csv
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from bayescaler.sources.trace import Trace, write_trace

START, STEP = 1_709_251_200.0, 300.0  # 2024-03-01T00:00:00Z
TESTED = slice(9 * 288 + 120, 9 * 288 + 144)  # 10 March, 10:00 to 12:00
EXCLUDED = "2024-03-10T10:00Z/2024-03-10T12:00Z"


@pytest.fixture
def tested(load, tmp_path):
    """The load with a load test in it."""
    path = tmp_path / "tested.csv"
    values = load.values.copy()
    values[TESTED] *= 8.0
    write_trace(path, Trace(load.times, values, STEP))
    return path


@pytest.fixture
def holed(load, tmp_path):
    """The same with a hole there."""
    path = tmp_path / "holed.csv"
    values = load.values.copy()
    values[TESTED] = np.nan
    write_trace(path, Trace(load.times, values, STEP))
    return path


def test_what_is_excluded_is_forecast_and_scored_as_if_it_were_missing(forecast, tested, holed, tmp_path):
    said = {}
    for path, options in ((tested, ("--exclude", EXCLUDED)), (holed, ())):
        out = tmp_path / f"{path.stem}-f.csv"
        answer = forecast("--trace", path, "--horizon", "15m", "--out", out, "--output", "json", *options)
        assert (answer.code, answer.err) == (0, "")
        said[path] = json.loads(answer.out), out.read_bytes()
    (excluded, rows), (missing, same_rows) = said[tested], said[holed]
    assert rows == same_rows
    assert excluded["report"] == missing["report"]
    assert excluded["forecast"].pop("excluded") == ["2024-03-10T10:00:00Z/2024-03-10T12:00:00Z"]
    assert missing["forecast"].pop("excluded") == []
    assert excluded["forecast"] == missing["forecast"]


def test_a_load_test_left_in_spoils_the_scores(forecast, tested):
    losses = []
    for options in ((), ("--exclude", EXCLUDED)):
        said = forecast("--trace", tested, "--horizon", "15m", "--output", "json", *options)
        losses.append(json.loads(said.out)["report"]["pinball"]["0.99"])
    assert losses[1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-10T10:00Z/PT2H",
        "2024-03-10T10:00/2h",
        "2024-03-10T11:00+01:00/2024-03-10T13:00:00+01:00",
        "1710064800/1710072000",
    ],
)
def test_a_range_may_be_written_in_these_ways(forecast, tested, written):
    said = forecast("--trace", tested, "--horizon", "15m", "--output", "json", "--exclude", written)
    assert json.loads(said.out)["forecast"]["excluded"] == ["2024-03-10T10:00:00Z/2024-03-10T12:00:00Z"]


def test_it_may_be_given_again_and_a_range_beside_the_load_is_told(forecast, tested):
    said = forecast(
        "--trace", tested, "--horizon", "15m", "--output", "json",
        "--exclude", EXCLUDED, "--exclude", "2024-03-11/PT1H", "--exclude", "2014-03-11/P1D",
    )  # fmt: skip
    told = json.loads(said.out)["forecast"]
    assert len(told["excluded"]) == 3
    assert told["missing"] == 3 + 24 + 12
    (warning,) = said.err.splitlines()
    assert "2014-03-11T00:00:00Z/2014-03-12T00:00:00Z is outside of the load" in warning
    assert "2024-03-01T00:00:00Z/2024-03-13T00:00:00Z" in warning


def test_the_picture_shades_it_where_it_is_shown(forecast, tested, tmp_path):
    for shown, wanted in (("4d", True), ("1d", False)):
        plot = tmp_path / f"{shown}.svg"
        said = forecast("--trace", tested, "--horizon", "15m", "--plot", plot, "--exclude", EXCLUDED, "--shown", shown)
        assert said.code == 0
        assert ("<!-- excluded -->" in plot.read_text()) == wanted


def test_of_a_load_that_is_excluded_whole_nothing_is_known(forecast, tested, tmp_path):
    out = tmp_path / "f.csv"
    said = forecast("--trace", tested, "--horizon", "15m", "--report", "--out", out, "--exclude", "2024-01-01/P1Y2D")
    assert said.code == 2
    said = forecast("--trace", tested, "--horizon", "15m", "--report", "--out", out, "--exclude", "2024-01-01/P366D")
    assert said.code == 0
    assert "nothing was scored" in said.out
    with out.open() as file:
        assert {cell for row in list(csv.reader(file))[1:] for cell in row[1:]} == {""}


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-10",
        "2024-03-10T12:00Z/2024-03-10T10:00Z",
        "2024-03-10T10:00Z/2024-03-10T10:00Z",
        "2024-03-10T10:00Z/",
        "/2024-03-10T10:00Z",
        "yesterday/PT2H",
        "2024-03-10T10:00Z/P1M",
        "2024-03-10T10:00Z/-PT2H",
        "2024-03-10T10:00Z/2h/3h",
        "nan/inf",
        "0/1e300",
    ],
)
def test_a_range_that_is_none_is_refused_with_an_example(refused, tested, written):
    line = refused("--trace", tested, "--horizon", "15m", "--report", "--exclude", written)
    assert f"{written!r} is no interval of time" in line
    assert "2026-03-01T10:00Z/PT2H" in line


def test_the_times_of_this_story_are_what_they_say():
    tested = datetime.fromtimestamp(START + STEP * TESTED.start, UTC)
    assert tested.isoformat() == "2024-03-10T10:00:00+00:00"

"""`bayescaler forecast --event`: a sale seen before is foreseen from the command line too."""

import csv
import json

import pytest

from bayescaler.sources.trace import Trace, write_trace

SALES = [slice(day * 288 + 144, day * 288 + 168) for day in (4, 8, 11)]  # noon to two
SAID = [f"sale=2024-03-{day:02d}T12:00Z/PT2H" for day in (5, 9, 12)]


@pytest.fixture
def sales(load, tmp_path):
    """The load with three sales in it."""
    path = tmp_path / "sales.csv"
    values = load.values.copy()
    for sale in SALES:
        values[sale] *= 3.0
    write_trace(path, Trace(load.times, values, load.step_seconds))
    return path, values


@pytest.mark.jit
def test_a_sale_that_is_announced_is_foreseen_in_the_file_that_is_written(forecast, sales, tmp_path):
    path, values = sales
    out, last = tmp_path / "f.csv", SALES[-1].start
    medians = []
    for options in ((), tuple(part for said in SAID for part in ("--event", said))):
        answer = forecast("--trace", path, "--horizon", "30m", "--out", out, "--output", "json", *options)
        assert (answer.code, answer.err) == (0, "")
        with out.open() as file:
            medians.append(float(list(csv.DictReader(file))[last - 2]["q0.5"]))
    assert json.loads(answer.out)["forecast"]["events"] == ["sale"]
    assert medians[1] > max(0.8 * values[last], 1.1 * medians[0])


@pytest.mark.parametrize(
    ("said", "cure"),
    [("2024-03-05T12:00Z/PT2H", "give for example sale="), ("sale=2024-03-05", "no interval of time")],
)
def test_an_event_that_cannot_be_read_is_refused_with_the_cure(forecast, sales, said, cure):
    answer = forecast("--trace", sales[0], "--horizon", "30m", "--report", "--event", said)
    assert answer.code == 2
    assert cure in answer.err

"""`bayescaler forecast` on files at the edge of what a load can be: a forecast, or one line with the cure."""

import json

import pytest

HEAD = "timestamp,value\n"


def rows(values, start=1_709_251_200, step=60):
    return HEAD + "".join(f"{start + step * i},{value}\n" for i, value in enumerate(values))


def loads(*values):
    return rows([*range(1, 30), *values])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (loads("1e18"), "values[29] = 1e+18"),
        (loads(2**53 + 1), "a load lies between 0 and 1e+15"),
        (loads("1e400"), "row 31: value is infinite"),
        (loads("0x10"), "row 31: value '0x10' is not a number"),
        (rows([1]), "one row only"),
        (HEAD + "1709251200,1\n1709251260,2\n2024784000,3\n", "write missing buckets as rows without a value"),
        (HEAD + "nan,1\n1709251260,2\n", "no epoch time"),
        (rows(range(5), step=0.5), "step_seconds = 0.5"),
        (rows(range(5), step=90000), "step_seconds = 90000"),
    ],
)
def test_it_is_refused_in_one_line(refused, tmp_path, text, told):
    path = tmp_path / "load.csv"
    path.write_text(text)
    assert told in refused("--trace", path, "--horizon", "10m", "--report")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([""] * 200, None),
        (["0"] * 200, 0.0),
        (["7.5"] * 200, 7.5),
        (["1e-300"] * 200, 0.0),
        ([""] * 199 + ["5"], 5.0),
    ],
    ids=["all missing", "all zero", "constant", "next to nothing", "one bucket"],
)
def test_what_is_odd_but_a_load_is_forecast(forecast, tmp_path, values, expected):
    path = tmp_path / "load.csv"
    path.write_text(rows(values))
    said = forecast("--trace", path, "--horizon", "10m", "--output", "json", "--quantiles", "0.5")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)["forecast"]["quantiles"]["0.5"]
    assert found == (expected if expected is None else pytest.approx(expected, rel=0.01, abs=1e-6))
    assert forecast("--trace", path, "--horizon", "10m", "--report").code == 0

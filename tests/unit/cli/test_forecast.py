"""`bayescaler forecast` as a user meets it: the CSV others build on, scores, a picture, one line for each mistake."""

import csv
import json

import numpy as np
import pytest

from bayescaler.cli.forecast import at_levels, write_csv
from bayescaler.sources.trace import Trace, read_trace, write_trace
from bayescast import LEVELS, Forecaster, ForecastSpec

START, DAYS, STEP, LEAD = 1_709_251_200.0, 12.0, 300.0, 3
SIGNATURE = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def rows_of(path):
    with path.open() as file:
        return list(csv.reader(file))


class TestTheFile:
    def test_it_is_written_to_the_byte_as_promised(self, tmp_path):
        out = tmp_path / "f.csv"
        values = np.array([[np.nan, np.nan], [0.0, 1234567.891234], [1 / 3, 2e15]])
        write_csv(out, np.array([0.0, 60.0, 1_709_251_200.0]), values, ("0.5", "0.990"))
        assert out.read_bytes() == (
            b"timestamp,q0.5,q0.990\n"
            b"1970-01-01T00:00:00Z,,\n"
            b"1970-01-01T00:01:00Z,0,1234567.891\n"
            b"2024-03-01T00:00:00Z,0.3333333333,2e+15\n"
        )

    def test_it_has_one_row_a_bucket_with_what_the_forecaster_issued_after_it(self, forecast, trace, load, tmp_path):
        out = tmp_path / "f.csv"
        said = forecast("--trace", trace, "--horizon", "15m", "--quantiles", "0.5,0.95,0.99", "--out", out)
        assert (said.code, said.out, said.err) == (0, "", "")
        head, *rows = rows_of(out)
        assert head == ["timestamp", "q0.5", "q0.95", "q0.99"]
        assert len(rows) == len(load.times)
        issued = Forecaster(ForecastSpec(STEP, (LEAD,))).replay(load.times, load.values)[LEAD]
        wanted = issued[:, [LEVELS.index(level) for level in (0.5, 0.95, 0.99)]]
        assert np.array([row[1:] for row in rows], dtype=float) == pytest.approx(wanted, rel=1e-9)

    def test_a_prefix_of_the_load_gives_a_prefix_of_the_file(self, forecast, trace, tmp_path):
        short, out, part = tmp_path / "short.csv", tmp_path / "f.csv", tmp_path / "part.csv"
        short.write_text("".join(trace.read_text().splitlines(keepends=True)[:1500]))
        for source, place in ((trace, out), (short, part)):
            assert forecast("--trace", source, "--horizon", "1h", "--out", place).code == 0
        assert out.read_bytes().startswith(part.read_bytes())

    def test_scores_and_picture_change_nothing_in_it(self, forecast, trace, tmp_path):
        alone, beside = tmp_path / "alone.csv", tmp_path / "beside.csv"
        forecast("--trace", trace, "--horizon", "15m", "--out", alone)
        said = forecast("--trace", trace, "--horizon", "15m", "--out", beside, "--report", "--plot", tmp_path / "p.png")
        assert said.code == 0
        assert alone.read_bytes() == beside.read_bytes()

    def test_levels_between_the_issued_ones_are_read_off_in_order(self):
        issued = np.array([[10.0, 12.0, 13.0, 15.0, 17.0, 19.0, 22.0, 24.0, 30.0]])
        assert at_levels(issued, LEVELS) == pytest.approx(issued)
        asked = np.linspace(0.05, 0.9995, 200)
        assert np.all(np.diff(at_levels(issued, asked)[0]) >= 0.0)
        assert 17.0 < at_levels(issued, [0.96])[0, 0] < 19.0


class TestTheReport:
    @pytest.fixture
    def told(self, forecast, trace):
        said = forecast("--trace", trace, "--horizon", "15m", "--output", "json", "--capacity", "500")
        assert (said.code, said.err) == (0, "")
        return json.loads(said.out)

    def test_json_holds_scores_record_and_the_newest_quantiles(self, told, load):
        assert told["forecast"]["lead"] == LEAD
        assert told["forecast"]["family"] == "PoissonGamma"
        assert told["forecast"]["buckets"] == len(load.times)
        assert told["forecast"]["missing"] == 3
        assert told["forecast"]["issued_at"] == load.times[-1] + STEP
        assert list(told["forecast"]["quantiles"]) == ["0.5", "0.9", "0.95", "0.99"]
        assert set(told["report"]["pinball"]) == {str(level) for level in LEVELS}
        assert 0.0 < told["report"]["brier"] < 0.25
        assert sum(told["diagnostics"]["expert_weights"].values()) == pytest.approx(1.0)

    def test_the_second_half_is_judged_unless_told(self, told, forecast, trace, load):
        assert told["report"]["start"] == START + DAYS / 2 * 86400
        said = forecast("--trace", trace, "--horizon", "15m", "--output", "json", "--judged", "2d")
        assert json.loads(said.out)["report"]["start"] == load.times[-1] + STEP - 2 * 86400

    def test_the_table_names_every_level_its_coverage_and_the_disjoint_windows(self, told, forecast, trace):
        said = forecast("--trace", trace, "--horizon", "15m", "--report", "--capacity", "500")
        assert said.code == 0
        for level in LEVELS:
            share = told["report"]["coverage"][str(level)]
            (row,) = (line for line in said.out.splitlines() if f"│ {level:g} │" in " ".join(line.split()))
            assert f"{share['share']:.2%}" in row
            assert f"{share['low']:.2%} .. {share['high']:.2%}" in row
        assert f"{told['report']['disjoint_windows']} of them disjoint" in said.out
        heaviest = max(told["diagnostics"]["expert_weights"].items(), key=lambda held: held[1])[0]
        assert f"weight: {heaviest}" in said.out
        assert "Brier of load above 500" in said.out

    def test_of_a_load_too_short_to_judge_it_says_so(self, forecast, load, tmp_path):
        path = tmp_path / "short.csv"
        write_trace(path, Trace(load.times[:8], load.values[:8], STEP))
        said = forecast("--trace", path, "--horizon", "1h", "--report")
        assert said.code == 0
        assert "nothing was scored" in said.out
        said = forecast("--trace", path, "--horizon", "1h", "--output", "json")
        assert json.loads(said.out)["report"]["windows"] == 0

    def test_family_and_seasons_reach_the_forecaster(self, forecast, trace, told):
        said = forecast(
            "--trace", trace, "--horizon", "15m", "--output", "json", "--family", "gaussian", "--seasons", "none"
        )
        other = json.loads(said.out)
        assert (other["forecast"]["family"], other["forecast"]["seasons"]) == ("Gaussian", [])
        assert other["report"]["pinball"]["0.95"] > told["report"]["pinball"]["0.95"]  # the load has a season

    def test_hours_are_those_of_the_time_zone(self, forecast, trace, told):
        said = forecast("--trace", trace, "--horizon", "15m", "--output", "json", "--time-zone", "Asia/Tokyo")
        ours, theirs = told["report"]["coverage_by_hour"], json.loads(said.out)["report"]["coverage_by_hour"]
        for hour in range(15):
            here, there = ours[str(hour)]["0.95"], theirs[str(hour + 9)]["0.95"]
            assert here["windows"] == there["windows"]
            assert here["share"] == pytest.approx(there["share"], abs=0.02)


class TestThePicture:
    @pytest.mark.parametrize("suffix", SIGNATURE)
    def test_it_is_what_its_suffix_says(self, forecast, trace, tmp_path, suffix):
        plot = tmp_path / f"p{suffix}"
        said = forecast("--trace", trace, "--horizon", "15m", "--plot", plot)
        assert (said.code, said.out, said.err) == (0, "", "")
        assert plot.read_bytes().startswith(SIGNATURE[suffix])
        assert [p.name for p in tmp_path.iterdir()] != []

    def test_it_shows_the_part_asked_for_with_bands_and_both_coverages(self, forecast, trace, tmp_path):
        plot = tmp_path / "p.svg"
        forecast("--trace", trace, "--horizon", "15m", "--plot", plot, "--shown", "3d")
        texts = plot.read_text()
        for told in (
            "load.csv: highest load of the next 15 minutes",
            "quantiles 0.95 to 0.99",
            "coverage by level",
            "coverage of the 0.95 quantile by hour",
        ):
            assert f"<!-- {told}" in texts

    @pytest.mark.parametrize("value", [0.0, 7.0])
    def test_a_load_that_never_moves_or_ends_in_a_gap_can_be_drawn(self, forecast, tmp_path, value):
        path, plot = tmp_path / "flat.csv", tmp_path / "p.png"
        values = np.full(400, value)
        values[300:] = np.nan
        write_trace(path, Trace(START + STEP * np.arange(400), values, STEP))
        said = forecast("--trace", path, "--horizon", "15m", "--plot", plot, "--shown", "1h")
        assert (said.code, said.err) == (0, "")
        assert plot.stat().st_size > 10_000


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ("--horizon 15m --report", "either --trace or --prometheus"),
            (
                "--trace {trace} --prometheus http://p --query q --horizon 15m --report",
                "either --trace or --prometheus",
            ),
            ("--trace {trace} --from -2d --horizon 15m --report", "--from goes with --prometheus"),
            ("--trace {trace} --query q --horizon 15m --report", "--query goes with --prometheus"),
            ("--prometheus http://p --horizon 15m --report", "--prometheus needs --query"),
            ("--trace {trace} --horizon 15m", "--out, --plot, --report"),
            ("--trace {trace} --report", "--horizon"),
            ("--trace {trace} --horizon soon --report", "--horizon"),
            ("--trace {trace} --horizon 15m --quantiles 0.5,95 --report", "'95'"),
            ("--trace {trace} --horizon 15m --seasons daily --report", "--seasons"),
            ("--trace {trace} --horizon 15m --seasons 1s,2s,3s,4s,5s --report", "at most 4 periods"),
            ("--trace {trace} --horizon 15m --family poisson --report", "--family"),
            ("--trace {trace} --horizon 15m --time-zone Mars/Olympus --report", "Mars/Olympus"),
            ("--trace {trace} --horizon 40d --report", "leads"),
            ("--trace {trace} --horizon 15m --capacity -1 --report", "--capacity"),
            ("--trace {trace} --horizon 15m --out {tmp}/no/f.csv", "there is no folder"),
            ("--trace {trace} --horizon 15m --plot {tmp}/no/p.png", "there is no folder"),
            ("--trace {trace} --horizon 15m --plot {tmp}/p.nonsense", "p.nonsense"),
            ("--trace {trace} --horizon 15m --out {tmp}/same.png --plot {tmp}/same.png", "--plot"),
            ("--trace {tmp}/none.csv --horizon 15m --report", "No such file"),
            ("--prometheus http://p --query q --from yesterday --horizon 15m --report", "'yesterday' is no instant"),
        ],
    )
    def test_each_is_one_line_and_leaves_nothing_behind(self, refused, trace, tmp_path, options, told):
        assert told in refused(*options.format(trace=trace, tmp=tmp_path).split())
        assert list(tmp_path.iterdir()) == [trace]

    def test_a_picture_that_fails_takes_the_file_beside_it_back(self, refused, trace, tmp_path):
        too_long = tmp_path / f"{'p' * 251}.png"  # fits, but not with the mark of a file under way
        line = refused("--trace", trace, "--horizon", "15m", "--out", tmp_path / "f.csv", "--plot", too_long)
        assert "cannot be written" in line
        assert list(tmp_path.iterdir()) == [trace]

    def test_what_was_there_before_stays_when_it_goes_wrong(self, refused, forecast, trace, tmp_path):
        out = tmp_path / "f.csv"
        out.write_text("of yesterday\n")
        trace.write_text(trace.read_text() + "2024-03-13T00:00:00Z,many\n")
        assert "many" in refused("--trace", trace, "--horizon", "15m", "--out", out)
        assert out.read_text() == "of yesterday\n"
        assert len(list(tmp_path.iterdir())) == 2


def test_a_parquet_trace_is_as_good(forecast, load, trace, tmp_path):
    path, out, same = tmp_path / "load.parquet", tmp_path / "f.csv", tmp_path / "same.csv"
    write_trace(path, load)
    assert read_trace(path).step_seconds == STEP
    forecast("--trace", path, "--horizon", "15m", "--out", out)
    forecast("--trace", trace, "--horizon", "15m", "--out", same)
    assert out.read_bytes() == same.read_bytes()

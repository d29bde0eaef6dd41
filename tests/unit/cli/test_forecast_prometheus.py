"""`bayescaler forecast` of the past as a Prometheus tells it."""

import asyncio
import csv
import json
import threading

import numpy as np
import pytest

from bayescaler.sandbox.prometheus.server import SandboxPrometheus
from bayescaler.sandbox.prometheus.store import SeriesStore
from bayescaler.sources.trace import Trace, write_trace

START, DAYS, STEP = 1_709_251_200.0, 12.0, 300.0


def rows_of(path):
    with path.open() as file:
        return list(csv.reader(file))


class Standing:
    """A clock that stands at the end of the load."""

    def now(self):
        return START + DAYS * 86400


@pytest.fixture(scope="module")
def serve(load):
    """Start a Prometheus, in a thread, that saw the load from its second day on."""
    store = SeriesStore(scrape_seconds=STEP)
    known = load.times >= START + 86400
    store.add_gauge("load", {}, load.times[known], load.values[known])
    for pod in ("a", "b"):
        store.add_gauge("pods", {"pod": pod}, load.times[known], np.ones(known.sum()))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    started = []

    def start(**options):
        started.append(SandboxPrometheus(Standing(), store, **options))
        asyncio.run_coroutine_threadsafe(started[-1].start(), loop).result()
        return started[-1]

    yield start
    for server in started:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def prometheus(serve):
    return serve()


@pytest.fixture(scope="module")
def guarded(serve):
    return serve(required_headers={"Authorization": "Bearer s3cret"})


class TestPrometheus:
    SPAN = ("--from", "2024-03-01T00:00:00Z", "--to", "2024-03-13T00:00:00Z", "--step", "5m")

    def test_the_past_of_a_query_is_forecast_as_a_trace_of_it_would_be(self, forecast, prometheus, load, tmp_path):
        out, same = tmp_path / "f.csv", tmp_path / "same.csv"
        query = ("--prometheus", prometheus.url, "--query", "load offset 5m")  # the sample at a bucket's end
        said = forecast(*query, *self.SPAN, "--horizon", "15m", "--out", out)
        assert (said.code, said.out, said.err) == (0, "", "")
        seen = load.times >= START + 86400
        path = tmp_path / "seen.csv"
        write_trace(path, Trace(load.times[seen], load.values[seen], STEP))
        forecast("--trace", path, "--horizon", "15m", "--out", same)
        ours, theirs = rows_of(out), rows_of(same)
        assert [row[0] for row in ours] == [row[0] for row in theirs]  # from the first bucket that has data
        # A gauge stands for a while where a trace has a gap: alike until there.
        gap = 1 + int(np.argmax(np.isnan(load.values[seen])))
        assert gap > 1000
        assert ours[:gap] == theirs[:gap]

    def test_from_and_to_take_what_people_write(self, forecast, prometheus):
        spans = [
            ("--from", "2024-03-05", "--to", "2024-03-08T00:00:00+00:00"),
            ("--from", "1709596800", "--to", "1709856000"),
        ]
        query = ("--prometheus", prometheus.url, "--query", "load", "--step", "5m", "--horizon", "15m")
        first, second = (json.loads(forecast(*query, *span, "--output", "json").out) for span in spans)
        assert first == second
        assert first["forecast"]["buckets"] == 3 * 288

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("nothing_like_it", "has no data of 'nothing_like_it' from 2024-03-01T00:00:00Z"),
            ("pods", "wrap it in sum()"),
            ("sum(", "query is refused"),
        ],
    )
    def test_a_query_that_gives_no_one_series_is_one_line(self, refused, prometheus, tmp_path, query, told):
        options = ("--prometheus", prometheus.url, "--query", query, *self.SPAN)
        line = refused(*options, "--horizon", "15m", "--out", tmp_path / "f.csv")
        assert told in line
        assert list(tmp_path.iterdir()) == []

    def test_credentials_come_from_the_files_of_a_secret_and_are_never_shown(
        self, refused, forecast, guarded, tmp_path
    ):
        options = ("--prometheus", guarded.url, "--query", "load", *self.SPAN, "--horizon", "15m", "--output", "json")
        assert "401" in refused(*options)
        (tmp_path / "token").write_text("s3cret\n")
        (tmp_path / "..data").mkdir()
        said = forecast(*options, "--auth", tmp_path)
        assert said.code == 0
        assert "s3cret" not in said.out + said.err
        (tmp_path / "tokn").write_text("s3cret")
        line = refused(*options, "--auth", tmp_path)
        assert "unknown keys tokn" in line
        assert "s3cret" not in line

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("http://127.0.0.1:9", "127.0.0.1:9"),
            ("ftp://prometheus", "must be http"),
            ("http://user:secret@prometheus", "must not carry a user"),
            ("http://*.example", "*"),
        ],
    )
    def test_an_address_that_cannot_be_asked_is_one_line_and_shows_no_password(self, refused, url, told):
        options = ("--prometheus", url, "--query", "load", *self.SPAN)
        line = refused(*options, "--horizon", "15m", "--report")
        assert told in line
        assert "secret" not in line

    def test_a_span_without_buckets_is_told(self, refused, prometheus):
        options = ("--prometheus", prometheus.url, "--query", "load", "--from", "2024-03-02", "--to", "2024-03-01")
        assert "no two buckets" in refused(*options, "--horizon", "15m", "--report")

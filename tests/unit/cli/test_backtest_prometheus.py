"""`bayescaler backtest` of a manifest's own query on a Prometheus, also on one that fails halfway."""

import asyncio
import json
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
import yaml

from bayescaler.cli import main, past
from bayescaler.sandbox.prometheus import faults
from bayescaler.sandbox.prometheus.server import SandboxPrometheus
from bayescaler.sandbox.prometheus.store import SeriesStore
from bayescaler.sources.trace import read_trace

from .conftest import START, Said
from .test_backtest import STEP, manifest, wave

END = START + 4 * 86400
SPAN = ("--from", "2024-03-01T00:00:00Z", "--to", "2024-03-05T00:00:00Z")


class Standing:
    def now(self):
        return END


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterA(faults.Fault):
    """The first answers are healthy, then there is an error."""

    healthy: int
    asked: list[None] = field(default_factory=list)

    async def respond(self, request, proceed):
        self.asked.append(None)
        if len(self.asked) <= self.healthy:
            return await proceed()
        return faults.error_response(500, "internal", "the disk is gone")


@pytest.fixture
def prometheus():
    """A Prometheus, in a thread, that has four days of the wave as a gauge; its sample at a bucket's end."""
    store = SeriesStore(scrape_seconds=STEP)
    store.add_gauge("load", {}, wave().times, wave().values)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = SandboxPrometheus(Standing(), store)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def backtest(capsys, tmp_path):
    load = {"prometheus": {"query": "load offset 5m"}, "step": "5m", "kind": "Gauge"}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(manifest(load=load)))

    def run(*argv):
        code = 0
        try:
            main(["backtest", "--manifest", str(tmp_path / "a.yaml"), *map(str, argv)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def test_the_manifest_s_own_query_is_replayed(backtest, prometheus, tmp_path):
    said = backtest("--prometheus", prometheus.url, *SPAN, "--json", tmp_path / "r.json")
    assert (said.code, said.err) == (0, "")
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["assumed"]["buckets"], found["assumed"]["missing"]) == (1152, 0)
    assert {request.parameters["query"] for request in prometheus.received} == {"load offset 5m"}


def test_what_was_read_before_a_failure_is_kept_and_gone_on_from(backtest, prometheus, tmp_path, monkeypatch):
    monkeypatch.setattr(past, "PIECE_BUCKETS", 288)
    keep = tmp_path / "load.csv"
    asked = ("--prometheus", prometheus.url, *SPAN, "--keep", keep)
    prometheus.fault = AfterA(healthy=2)
    failed = backtest(*asked)

    assert (failed.code, failed.out) == (2, "")
    (line,) = failed.err.splitlines()
    assert "the disk is gone" in line
    assert f"failed at 2024-03-03T00:00:00Z: {keep} holds the 576 buckets before" in line
    np.testing.assert_allclose(read_trace(keep).values, wave().values[:576])

    prometheus.fault = faults.HEALTHY
    prometheus.received.clear()
    again = backtest(*asked)
    assert (again.code, again.err) == (0, "")
    assert next(float(request.parameters["start"]) for request in prometheus.received) >= START + 2 * 86400
    np.testing.assert_allclose(read_trace(keep).values, wave().values)
    assert again.out == backtest("--prometheus", prometheus.url, *SPAN).out

    prometheus.received.clear()
    assert backtest(*asked).code == 0
    assert [float(one.parameters["end"]) - float(one.parameters["start"]) for one in prometheus.received] == [0.0]


def test_nothing_that_is_kept_is_let_go_of(backtest, prometheus, tmp_path):
    keep = tmp_path / "load.csv"
    asked = ("--prometheus", prometheus.url, "--keep", keep)
    assert backtest(*asked, *SPAN).code == 0
    whole = keep.read_bytes()

    later = backtest(*asked, "--from", "2024-03-03T00:00:00Z", "--to", "2024-03-05T00:00:00Z")
    assert (later.code, later.err) == (0, "")
    assert "1 days judged after 1 learned from" in later.out
    assert keep.read_bytes() == whole

    earlier = backtest(*asked, "--from", "2024-02-01T00:00:00Z", "--to", "2024-03-05T00:00:00Z")
    assert earlier.code == 2
    assert "begins apart from it: give another file to --keep" in earlier.err
    assert keep.read_bytes() == whole


def test_a_past_that_began_without_data_is_gone_on_with(backtest, prometheus, tmp_path, monkeypatch):
    monkeypatch.setattr(past, "PIECE_BUCKETS", 288)
    asked = ("--prometheus", prometheus.url, "--from", "2024-02-28T00:00:00Z", *SPAN[2:], "--keep", tmp_path / "k.csv")
    prometheus.fault = AfterA(healthy=1)
    assert backtest(*asked).code == 2
    prometheus.fault = faults.HEALTHY
    assert backtest(*asked).code == 0


def test_a_note_of_origin_that_is_no_json_is_named(backtest, prometheus, tmp_path):
    asked = ("--prometheus", prometheus.url, *SPAN, "--keep", tmp_path / "k.csv")
    assert backtest(*asked).code == 0
    (tmp_path / "k.csv.origin.json").write_text("{")
    said = backtest(*asked)
    assert (said.code, said.out) == (2, "")
    assert "k.csv.origin.json: is no JSON" in said.err


def test_without_keep_a_failure_names_it(backtest, prometheus):
    prometheus.fault = AfterA(healthy=0)
    said = backtest("--prometheus", prometheus.url, *SPAN)
    assert said.code == 2
    assert "give --keep FILE to go on from there next time" in said.err


def test_a_kept_trace_of_another_query_is_refused(backtest, prometheus, tmp_path):
    keep = tmp_path / "load.csv"
    assert backtest("--prometheus", prometheus.url, *SPAN, "--keep", keep).code == 0
    load = {"prometheus": {"query": "load"}, "step": "5m", "kind": "Gauge"}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(manifest(load=load)))
    said = backtest("--prometheus", prometheus.url, *SPAN, "--keep", keep)
    assert (said.code, said.out) == (2, "")
    assert f"{keep}: is not of 'load' on {prometheus.url}: give another file to --keep" in said.err


def test_keep_without_prometheus_is_refused(backtest, tmp_path):
    said = backtest("--trace", tmp_path / "load.csv", "--keep", tmp_path / "k.csv")
    assert (said.code, said.out) == (2, "")
    assert "--keep goes with --prometheus, not with --trace" in said.err

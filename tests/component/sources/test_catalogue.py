"""The catalogue of a Prometheus over HTTP: its clock, names, kinds and newest samples, and servers that are none."""

import asyncio

import numpy as np
import pytest
from aiohttp import web

from bayescaler.sandbox.clock import SimulatedClock
from bayescaler.sandbox.prometheus import SandboxPrometheus
from bayescaler.sources.catalogue import Catalogue, falls, scrape_seconds
from bayescaler.sources.port import SourceError

NOON = 1_772_452_800.0


@pytest.fixture
async def prometheus():
    async with SandboxPrometheus(SimulatedClock(NOON)) as server:
        times = np.arange(NOON - 7200.0, NOON, 60.0)
        for pod in ("a", "b"):
            server.store.add_counter("requests_total", {"pod": pod}, times, np.full(len(times), 5.0))
        server.store.add_gauge("queue", {}, times, 50.0 + 20.0 * np.sin(times / 300.0))
        server.types |= {"requests": "counter", "latency": "histogram"}
        yield server


async def asked(prometheus, ask):
    catalogue = Catalogue(prometheus.url)
    try:
        return await asyncio.to_thread(ask, catalogue)
    finally:
        catalogue.close()


async def test_the_clock_is_the_servers(prometheus):
    at, took = await asked(prometheus, Catalogue.clock)
    assert at == NOON
    assert took > 0.0


async def test_samples_are_raw_and_tell_how_often_they_are_taken_and_whether_they_fall(prometheus):
    requests = await asked(prometheus, lambda c: c.newest("requests_total", 600.0))
    queue = await asked(prometheus, lambda c: c.newest("queue", 3600.0))
    assert (len(requests), scrape_seconds(requests), falls(requests)) == (2, 15.0, False)
    assert (len(queue), falls(queue)) == (1, True)
    assert all(times[-1] <= NOON and times[0] >= NOON - 600.0 for times, _ in requests)
    assert await asked(prometheus, lambda c: c.newest("nothing", 600.0)) == []


def test_a_counter_that_starts_anew_does_not_fall_and_of_one_sample_nothing_is_known():
    anew = [(np.arange(4.0), np.array([90.0, 100.0, 1.0, 20.0]))]
    once = [(np.array([1.0]), np.array([7.0]))]
    assert falls(anew) is False
    assert (falls(once), scrape_seconds(once)) == (None, None)


async def test_names_and_labels_are_those_of_the_series_since_an_instant(prometheus):
    assert await asked(prometheus, lambda c: c.values("__name__")) == ["queue", "requests_total"]
    assert await asked(prometheus, lambda c: c.values("pod", "requests_total", since=NOON - 60.0)) == ["a", "b"]
    assert await asked(prometheus, lambda c: c.labels("requests_total")) == ["__name__", "pod"]
    assert await asked(prometheus, lambda c: c.labels("requests_total", since=NOON + 3600.0)) == []


@pytest.mark.parametrize(
    ("metric", "kind"), [("requests_total", "counter"), ("latency_bucket", "histogram"), ("queue", "")]
)
async def test_kinds_are_found_by_the_name_of_the_family_too(prometheus, metric, kind):
    assert await asked(prometheus, lambda c: c.kind(metric)) == kind


@pytest.fixture
async def answering():
    """Serve one answer to every request."""
    runners = []

    async def serve(**answer):
        app = web.Application()

        async def handler(_):
            return web.Response(**answer)

        app.router.add_route("*", "/{path:.*}", handler)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"data": null}', '{"data": {"result": 3}}', '{"data": {"result": ["x"]}}']
)
@pytest.mark.parametrize(
    "ask",
    [Catalogue.clock, lambda c: c.newest("a", 60.0), lambda c: c.values("pod"), lambda c: c.labels("a")],
    ids=["clock", "newest", "values", "labels"],
)
async def test_a_server_that_is_none_is_an_error_that_says_so(answering, body, ask):
    catalogue = Catalogue(await answering(text=body))
    with pytest.raises(SourceError, match="answer"):
        await asyncio.to_thread(ask, catalogue)
    catalogue.close()


async def test_a_server_without_metadata_has_no_kinds(answering):
    catalogue = Catalogue(await answering(status=404, text="not found"))
    assert await asyncio.to_thread(catalogue.kind, "requests_total") == ""
    catalogue.close()


@pytest.mark.parametrize("address", ["ftp://p", "http://user:secret@p", "p:9090"])
def test_an_address_that_cannot_be_is_refused_before_anything_is_sent(address):
    with pytest.raises(SourceError) as refused:
        Catalogue(address)
    assert "secret" not in str(refused.value)

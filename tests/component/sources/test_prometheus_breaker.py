"""When a Prometheus says nothing: it is left alone for a while, and nobody pays for the slow queries of others."""

import asyncio

import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.port import LoadQuery, SourceError
from bayescaler.sources.prometheus import PrometheusSource

NOW = 1_772_438_400.0  # a whole minute


@pytest.fixture
async def source(prometheus):
    """A source that soon loses patience, for servers that hang."""
    made = PrometheusSource(prometheus.url, timeout_seconds=0.5)
    yield made
    await made.close()


async def read(source, server, *, key="shop/checkout", text="sum(rate(requests_total[1m]))"):
    return await source.read(LoadQuery(key, text, 60.0, server.url), start=NOW - 600, end=NOW, now=NOW)


async def refused(source, server, **changes):
    with pytest.raises(SourceError) as caught:
        await read(source, server, **changes)
    return caught.value


async def test_a_server_that_hangs_costs_its_many_objects_a_time_out_or_two_not_one_each(prometheus):
    moment = [0.0]
    source = PrometheusSource(prometheus.url, timeout_seconds=0.2, max_in_flight=4, clock=lambda: moment[0])
    prometheus.fault = lambda *_: prometheus.released.wait()

    reads = [read(source, prometheus, key=f"shop/{index}") for index in range(200)]
    errors = await asyncio.gather(*reads, return_exceptions=True)

    assert {error.reason for error in errors} == {"Timeout"}
    assert len(prometheus.asked) <= 4 + 2  # those in flight, and those let in until three had failed
    assert sum(str(error).startswith("not asked, because http://127.0.0.1") for error in errors) >= 194

    prometheus.fault = None
    moment[0] += 1.0  # the pause is over: one asks, all are served again
    assert (await read(source, prometheus)).health is Health.LIVE
    assert (await read(source, prometheus, key="shop/7")).health is Health.LIVE
    await source.close()


async def test_one_slow_query_shuts_no_server(prometheus, source):
    def slow(handler, form):
        if form["query"] == "slow":
            prometheus.released.wait()
        else:
            handler.send_error(500)

    prometheus.fault = slow
    for _ in range(4):
        await refused(source, prometheus, text="slow")
    prometheus.fault = None
    assert (await read(source, prometheus, key="shop/other")).health is Health.LIVE


@pytest.mark.parametrize("code", [500, 503])
async def test_errors_that_the_server_answers_shut_nothing(prometheus, source, respond, code):
    prometheus.fault = respond(code, {"status": "error", "errorType": "timeout", "error": "query timed out"})
    for name in ("a", "b", "c", "d"):
        error = await refused(source, prometheus, key=f"shop/{name}")
        assert "not asked" not in str(error)
    assert len(prometheus.asked) == 4
    prometheus.fault = None
    assert (await read(source, prometheus)).health is Health.LIVE


async def test_slow_queries_take_no_answers_from_the_others(prometheus, source, respond):
    def slow(handler, form):
        if form["query"] == "slow":
            prometheus.released.wait()
        else:
            respond(200, prometheus.answer(form))(handler, form)

    prometheus.fault = slow
    for _ in range(2):
        slow_ones = [read(source, prometheus, key=f"shop/{name}", text="slow") for name in ("a", "b", "c")]
        others = [read(source, prometheus, key=f"shop/{number}") for number in range(5)]
        found = await asyncio.gather(*slow_ones, *others, return_exceptions=True)
        assert [error.reason for error in found[:3]] == ["Timeout"] * 3
        assert [series.health for series in found[3:]] == [Health.LIVE] * 5

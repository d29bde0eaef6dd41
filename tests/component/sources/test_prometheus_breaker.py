"""When a Prometheus says nothing: it is left alone for a while, and nobody pays for the slow queries of others."""

import asyncio

import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.prometheus import PrometheusSource

from .reading import outlasting, read, refused, time_is_up


async def test_a_server_that_hangs_costs_its_many_objects_a_time_out_or_two_not_one_each(prometheus):
    moment = [0.0]
    source = PrometheusSource(prometheus.url, timeout_seconds=60.0, max_in_flight=4, clock=lambda: moment[0])
    prometheus.fault = outlasting(prometheus, source)

    reads = [read(source, prometheus, key=f"shop/{index}") for index in range(200)]
    errors = await asyncio.gather(*reads, return_exceptions=True)

    assert {error.reason for error in errors} == {"Timeout"}
    assert len(prometheus.asked) <= 4 + 2  # those in flight, and those let in until three had failed
    assert sum(str(error).startswith("not asked, because http://127.0.0.1") for error in errors) >= 194

    prometheus.fault = None
    moment[0] += 61.0  # the pause is over: one asks, all are served again
    assert (await read(source, prometheus)).health is Health.LIVE
    assert (await read(source, prometheus, key="shop/7")).health is Health.LIVE
    await source.close()


async def test_one_slow_query_shuts_no_server(prometheus, source):
    prometheus.fault = outlasting(prometheus, source)
    for _ in range(4):
        assert (await refused(source, prometheus, text="slow")).reason == "Timeout"
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
        slow_ones = [refused(source, prometheus, key=f"shop/{name}", text="slow") for name in ("a", "b", "c")]
        slow_ones = [asyncio.create_task(one) for one in slow_ones]
        others = await asyncio.gather(*(read(source, prometheus, key=f"shop/{number}") for number in range(5)))
        assert [series.health for series in others] == [Health.LIVE] * 5
        assert not any(one.done() for one in slow_ones)
        time_is_up(source)
        assert [error.reason for error in await asyncio.gather(*slow_ones)] == ["Timeout"] * 3

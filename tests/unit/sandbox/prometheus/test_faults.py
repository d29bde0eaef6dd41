"""Each fault looks to a client like the real thing, and is over when it is healed."""

import asyncio
from collections.abc import Awaitable

import aiohttp
import pytest

from bayescaler.sandbox.prometheus import SandboxPrometheus, faults

START = 1_767_571_200.0


@pytest.fixture(autouse=True)
def one_series(prometheus: SandboxPrometheus) -> None:
    prometheus.store.series("x", {"pod": "a"}).append(START, 3.0)


async def held(asking: Awaitable[object], prometheus: SandboxPrometheus) -> "asyncio.Future[object]":
    """Send a request and wait until the server has it in hand."""
    arrival = prometheus.next_request()
    asked = asyncio.ensure_future(asking)
    await arrival
    return asked


async def test_a_stopped_server_refuses_and_comes_back_at_the_same_address(prometheus, client) -> None:
    url = prometheus.url
    await prometheus.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.query("x")
    await prometheus.start()
    assert prometheus.url == url
    assert (await client.query("x")).values == {"a": 3.0}


async def test_stopping_cuts_off_who_waits(prometheus, client) -> None:
    prometheus.fault = faults.Hang()
    waiting = await held(client.query("x"), prometheus)
    await prometheus.stop()
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_a_hung_server_answers_when_released(prometheus, client) -> None:
    prometheus.fault = hang = faults.Hang()
    waiting = await held(client.query("x"), prometheus)
    assert not waiting.done()
    prometheus.fault = faults.HEALTHY
    assert (await client.query("x")).values == {"a": 3.0}
    assert not waiting.done()
    hang.release()
    assert (await waiting).values == {"a": 3.0}


async def test_a_slow_server_gives_up_when_the_asker_said_how_long_to_wait(prometheus, client) -> None:
    prometheus.fault = faults.Slow(3600)
    answer = await client.query("x", timeout="1ms")
    assert (answer.status, answer.body["errorType"]) == (503, "timeout")
    prometheus.fault = faults.Slow(0)
    assert (await client.query("x", timeout="1ms")).values == {"a": 3.0}


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_status_comes_without_json(prometheus, client, status: int) -> None:
    prometheus.fault = faults.Status(status, "upstream says no")
    async with client.session.get(f"{prometheus.url}/api/v1/query?query=x") as response:
        assert (response.status, await response.text()) == (status, "upstream says no")


async def test_an_error_of_the_api_has_its_form(prometheus, client) -> None:
    prometheus.fault = faults.ApiError(503, "unavailable", "TSDB not ready")
    answer = await client.query("x")
    assert (answer.status, answer.body["errorType"], answer.body["error"]) == (503, "unavailable", "TSDB not ready")


async def test_nonsense_is_status_200(prometheus, client) -> None:
    prometheus.fault = faults.Nonsense()
    with pytest.raises(ValueError, match="Expecting value"):
        await client.query("x")


async def test_a_redirect_points_elsewhere(prometheus, client) -> None:
    prometheus.fault = faults.Redirect("http://169.254.169.254/")
    async with client.session.get(f"{prometheus.url}/api/v1/query?query=x", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "http://169.254.169.254/")


async def test_an_oversized_answer_is_well_formed(prometheus, client) -> None:
    prometheus.fault = faults.Oversized(1_000_000)
    async with client.session.get(f"{prometheus.url}/api/v1/query?query=x") as response:
        assert len(await response.read()) > 1_000_000
        assert (await response.json())["data"]["result"] == []


async def test_a_cut_answer_breaks_in_the_middle(prometheus, client) -> None:
    prometheus.fault = faults.Cut()
    with pytest.raises(aiohttp.ClientError):
        await client.query("x")


async def test_data_can_be_nan_absent_or_doubled(prometheus, client) -> None:
    prometheus.fault = faults.NotANumber()
    assert (await client.query("x")).body["data"]["result"][0]["value"][1] == "NaN"
    prometheus.fault = faults.Absent()
    assert (await client.query("sum(x)")).body["data"]["result"] == []
    prometheus.fault = faults.Several(3)
    labels = [one["metric"]["replica"] for one in (await client.query("x")).body["data"]["result"]]
    assert labels == ["prometheus-0", "prometheus-1", "prometheus-2"]
    prometheus.fault = faults.HEALTHY
    assert (await client.query("x")).values == {"a": 3.0}


async def test_data_can_be_of_another_size_or_end(prometheus, client, clock) -> None:
    prometheus.fault = faults.Scaled(1000.0)
    assert (await client.query("x")).values == {"a": 3000.0}
    prometheus.fault = faults.Scaled(0.0)
    assert (await client.query("x")).values == {"a": 0.0}
    prometheus.fault = faults.Frozen(START + 60)
    clock.advance(120)
    assert (await client.query("x")).body["data"]["result"] == []
    seen = (await client.ask("query_range", query="x", start=str(START), end=str(START + 120), step="30")).points
    assert [at - START for at, _ in seen] == [0, 30, 60]


async def test_a_fault_can_strike_one_query_alone(prometheus, client) -> None:
    prometheus.fault = faults.Hang(only='pod="a"')
    waiting = await held(client.query('x{pod="a"}'), prometheus)
    assert (await client.query("x")).values == {"a": 3.0}
    waiting.cancel()

"""The HTTP API: what a client of a real Prometheus relies on."""

import ssl

import aiohttp
import numpy as np
import pytest

from bayescaler.sandbox.clock import SimulatedClock
from bayescaler.sandbox.prometheus import PROMETHEUS_2, SandboxPrometheus

START = 1_767_571_200.0
DAY = 86_400.0


def feed(prometheus: SandboxPrometheus, *, days: int = 14, rate: float = 5.0) -> None:
    """A counter of constant rate that ends `days` after START; the clock decides what is seen."""
    times = START + 60.0 * np.arange(days * 1440)
    prometheus.store.add_counter("requests_total", {"pod": "a"}, times, np.full(times.size, rate))


async def test_history_appears_as_the_clock_moves(prometheus, client, clock: SimulatedClock) -> None:
    feed(prometheus, days=1)
    assert (await client.query("sum(rate(requests_total[1m]))")).values == {}
    clock.advance(120)
    assert (await client.query("sum(rate(requests_total[1m]))")).values == {"": pytest.approx(5.0)}
    future = await client.query("requests_total", time=str(START + 600))
    assert future.body["data"]["result"] == []
    clock.advance(180)  # the look-back of the same instant now reaches what has come in
    answer = await client.query("requests_total", time=str(START + 599))
    assert answer.values == {"a": 1500.0}


async def test_fourteen_days_by_minute_come_in_two_chunks_and_not_in_one(prometheus, client, clock) -> None:
    feed(prometheus)
    clock.advance(14 * DAY)
    query, step = "sum(rate(requests_total[1m]))", "60"
    whole = await client.ask("query_range", query=query, start=str(START), end=str(START + 14 * DAY), step=step)
    assert whole.status == 400
    assert whole.body == {
        "status": "error",
        "errorType": "bad_data",
        "error": "exceeded maximum resolution of 11,000 points per timeseries. "
        "Try decreasing the query resolution (?step=XX)",
    }
    middle = START + 11_000 * 60
    halves = [
        await client.ask("query_range", query=query, start=str(a), end=str(b), step=step)
        for a, b in ((START + 60, middle), (middle + 60, START + 14 * DAY))
    ]
    points = [point for half in halves for point in half.points]
    assert len(points) == 14 * 1440
    assert {round(value, 9) for _, value in points} == {5.0}


async def test_parameters_are_taken_from_the_form_the_address_or_both(prometheus, client, clock) -> None:
    feed(prometheus, days=1)
    clock.advance(300)
    got = await client.query("requests_total")
    posted = await client.ask("query", method="POST", query="requests_total")
    assert got.body == posted.body
    url = f"{prometheus.url}/api/v1/query"
    async with client.session.post(url, params={"query": "absent"}, data={"query": "requests_total"}) as response:
        assert await response.json() == got.body


async def test_labels_series_and_values_tell_only_what_can_be_seen(prometheus, client, clock) -> None:
    feed(prometheus, days=1)
    prometheus.store.add_gauge("later", {"zone": "x"}, [START + DAY], [1.0], step_seconds=60)
    clock.advance(60)
    assert (await client.ask("labels")).body["data"] == ["__name__", "pod"]
    assert (await client.ask("label/pod/values")).body["data"] == ["a"]
    series = await client.ask("series", **{"match[]": 'requests_total{pod=~".+"}'})
    assert series.body["data"] == [{"__name__": "requests_total", "pod": "a"}]
    assert (await client.ask("series")).body["error"] == "no match[] parameter provided"
    clock.advance(DAY)
    assert (await client.ask("labels")).body["data"] == ["__name__", "pod", "zone"]


async def test_it_says_that_it_is_ready_and_which_version_it_speaks(client) -> None:
    for path in ("/-/ready", "/-/healthy", "/"):
        async with client.session.get(client.prometheus.url + path) as response:
            assert response.status == 200
    assert (await client.ask("status/buildinfo")).body["data"]["version"].startswith("3.")
    async with (
        SandboxPrometheus(SimulatedClock(START), dialect=PROMETHEUS_2) as older,
        client.session.get(f"{older.url}/api/v1/status/buildinfo") as response,
    ):
        assert (await response.json())["data"]["version"].startswith("2.")


async def test_values_that_are_no_numbers_are_told(prometheus, client) -> None:
    for pod, value in (
        ("nan", np.nan),
        ("up", np.inf),
        ("down", -np.inf),
        ("small", 1e-7),
        ("big", 1e21),
        ("huge", 2e16),
    ):
        prometheus.store.series("x", {"pod": pod}).append(START, value)
    result = (await client.query("x")).body["data"]["result"]
    told = {one["metric"]["pod"]: one["value"][1] for one in result}
    expected = {
        "nan": "NaN",
        "up": "+Inf",
        "down": "-Inf",
        "small": "1e-07",
        "big": "1e+21",
        "huge": "20000000000000000",
    }
    assert told == expected


async def test_a_scalar_is_a_scalar_and_over_a_range_a_nameless_series(client) -> None:
    assert (await client.query("1 + 2")).body["data"] == {"resultType": "scalar", "result": [START, "3"]}
    answer = await client.ask("query_range", query="7", start="0", end="120", step="1m")
    assert answer.points == [(0, 7), (60, 7), (120, 7)]


async def test_warnings_of_the_server_are_passed_on(prometheus, client) -> None:
    prometheus.warnings.append("PromQL info: metric might not be a counter")
    assert (await client.query("1")).body["warnings"] == ["PromQL info: metric might not be a counter"]


async def test_each_request_is_noted(prometheus, client, clock) -> None:
    clock.advance(30)
    await client.ask("query_range", method="POST", query="x", start="0", end="60", step="60")
    (noted,) = prometheus.received
    assert (noted.method, noted.path, noted.at) == ("POST", "/api/v1/query_range", START + 30)
    assert noted.parameters == {"query": "x", "start": "0", "end": "60", "step": "60"}


async def test_long_answers_are_compressed_for_who_asks(prometheus, clock) -> None:
    feed(prometheus, days=1)
    clock.advance(DAY)
    parameters = {"query": "requests_total", "start": str(START), "end": str(START + DAY), "step": "60"}
    sizes = {}
    for encoding in ("gzip", "identity"):
        async with (
            aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": encoding}) as session,
            session.get(f"{prometheus.url}/api/v1/query_range", params=parameters) as response,
        ):
            sizes[response.headers.get("Content-Encoding", "identity")] = len(await response.read())
    assert sizes["gzip"] < sizes["identity"] / 3


async def test_credentials_are_asked_for_when_set(clock) -> None:
    header = {"Authorization": "Bearer abc"}
    async with SandboxPrometheus(clock, required_headers=header) as guarded, aiohttp.ClientSession() as session:
        url = f"{guarded.url}/api/v1/query?query=1"
        async with session.get(url) as response:
            assert response.status == 401
        async with session.get(url, headers=header) as response:
            assert response.status == 200


async def test_https_is_served_with_a_context(clock) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    async with SandboxPrometheus(clock, ssl_context=context) as secure:
        assert secure.url.startswith("https://127.0.0.1:")

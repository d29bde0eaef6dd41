"""What goes wrong on the way to Prometheus: each kind of trouble has its name, and none lasts longer than it must."""

import asyncio
import socket

import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.allow import AllowList
from bayescaler.sources.port import LoadQuery, SourceError
from bayescaler.sources.prometheus import PrometheusSource

from .reading import NOW, QUERY, outlasting, read, refused


@pytest.fixture
async def hasty(prometheus):
    """A source that soon loses patience, for servers that hang."""
    made = PrometheusSource(prometheus.url, timeout_seconds=0.2)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("code", "body", "reason", "words"),
    [
        (
            400,
            {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected )"},
            "QueryFailed",
            "parse error",
        ),
        (
            422,
            {"status": "error", "errorType": "execution", "error": "too many samples"},
            "QueryFailed",
            "too many samples",
        ),
        (503, {"status": "error", "errorType": "timeout", "error": "query timed out"}, "Timeout", "gave up"),
        (401, b"", "AuthFailed", "look at the Secret of authRef"),
        (403, b"<html>no</html>", "AuthFailed", "look at the Secret of authRef"),
        (404, b"not found", "BadAnswer", "answers 404 where the Prometheus HTTP API should be"),
        (429, b"", "ServerUnreachable", "answers 429"),
        (500, b"boom", "ServerUnreachable", "answers 500"),
        (503, b"x" * 1_000_000, "ServerUnreachable", "answers 503"),
        (200, b"<html>login</html>", "BadAnswer", "is serverAddress right"),
        (200, b"[1, 2]", "BadAnswer", "is serverAddress right"),
        (200, b"[" * 100_000, "BadAnswer", "is serverAddress right"),
        (200, b"", "BadAnswer", "is serverAddress right"),
        (
            200,
            {"status": "success", "data": {"resultType": "vector", "result": []}},
            "BadAnswer",
            "a vector, not a matrix",
        ),
        (200, {"data": {"resultType": "matrix", "result": [7]}}, "BadAnswer", "cannot be read"),
        (200, {"data": {"resultType": "matrix", "result": [{"metric": {}}]}}, "BadAnswer", "cannot be read"),
        (
            200,
            {"data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[NOW, "x"]]}]}},
            "BadAnswer",
            "read",
        ),
        (
            200,
            {"data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "1"]]}]}},
            "BadAnswer",
            "not asked",
        ),
        (
            200,
            {"data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": []}]}},
            "QueryFailed",
            "histogram",
        ),
    ],
)
async def test_each_kind_of_answer_has_its_reason(prometheus, source, respond, code, body, reason, words):
    prometheus.fault = respond(code, body)
    error = await refused(source, prometheus)
    assert (error.reason, words in str(error)) == (reason, True), str(error)
    assert len(str(error)) < 600


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(prometheus, start_prometheus, source, respond, code):
    elsewhere = start_prometheus()
    prometheus.fault = respond(code, b"", Location=f"{elsewhere.url}/api/v1/query_range")
    error = await refused(source, prometheus)
    assert error.reason == "NotAllowed"
    assert "redirect" in str(error)
    assert elsewhere.asked == []


async def test_an_answer_above_the_cap_is_refused_before_it_is_all_there(prometheus, source):
    def endless(handler, _):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    prometheus.fault = endless
    error = await refused(source, prometheus)
    assert error.reason == "TooLarge"
    assert "more than 1 MiB" in str(error)


async def test_a_compressed_answer_is_refused_for_nobody_asked_for_it(prometheus, source, respond):
    prometheus.fault = respond(200, b"\x1f\x8b", Content_Encoding="gzip")
    assert (await refused(source, prometheus)).reason == "BadAnswer"
    assert prometheus.headers[0]["Accept-Encoding"] == "identity"


async def test_an_answer_that_breaks_off_is_told(prometheus, source):
    def half(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"status"')
        handler.close_connection = True

    prometheus.fault = half
    error = await refused(source, prometheus)
    assert (error.reason, "broke off" in str(error)) == ("BadAnswer", True)


async def test_a_server_that_closes_without_a_word_cannot_be_reached(prometheus, source):
    def slam(handler, _):
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    prometheus.fault = slam
    assert (await refused(source, prometheus)).reason == "ServerUnreachable"


async def test_a_server_that_is_not_there_cannot_be_reached(source):
    with socket.socket() as taken:  # by nobody who listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        gone = PrometheusSource(url)
        with pytest.raises(SourceError, match=r"cannot be reached: .*refused") as caught:
            await gone.read(LoadQuery("a/b", QUERY, 60, url), start=NOW - 60, end=NOW, now=NOW)
        await gone.close()
    assert caught.value.reason == "ServerUnreachable"


async def test_a_name_that_does_not_exist_cannot_be_reached():
    url = "http://prometheus.invalid:9090"
    source = PrometheusSource(url)
    with pytest.raises(SourceError, match=r"prometheus\.invalid:9090: cannot be reached") as caught:
        await source.read(LoadQuery("a/b", QUERY, 60, url), start=NOW - 60, end=NOW, now=NOW)
    await source.close()
    assert caught.value.reason == "ServerUnreachable"


async def test_a_server_that_hangs_times_out(prometheus, hasty):
    prometheus.fault = lambda *_: prometheus.released.wait()
    error = await refused(hasty, prometheus)
    assert (error.reason, "within 0.2 s" in str(error)) == ("Timeout", True)


@pytest.mark.parametrize("part", ["headers", "body"])
async def test_a_server_that_drips_bytes_times_out_too(prometheus, hasty, part):
    def drip(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 9999\r\n\r\n" if part == "body" else b"X: "))
        while not prometheus.released.wait(0.01):
            handler.wfile.write(b"x")

    prometheus.fault = drip
    error = await refused(hasty, prometheus)
    assert error.reason == "Timeout"


async def test_after_a_time_out_the_next_read_is_served(prometheus, source):
    prometheus.fault = outlasting(prometheus, source)
    assert (await refused(source, prometheus)).reason == "Timeout"
    prometheus.fault = None
    assert (await read(source, prometheus)).health is Health.LIVE


async def test_a_cancelled_read_lets_go_of_its_connection(prometheus, source):
    cut = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(handler, _):
        handler.connection.recv(1)  # returns when the client cuts the connection
        loop.call_soon_threadsafe(cut.set)
        handler.close_connection = True

    prometheus.fault = hang
    reading = asyncio.create_task(read(source, prometheus))
    await asyncio.to_thread(prometheus.arrived.acquire)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await cut.wait()


async def test_closing_ends_what_is_under_way(prometheus):
    source = PrometheusSource(prometheus.url, timeout_seconds=60.0)
    prometheus.fault = lambda *_: prometheus.released.wait()
    reading = asyncio.create_task(read(source, prometheus))
    await asyncio.to_thread(prometheus.arrived.acquire)
    await source.close()
    with pytest.raises(SourceError):
        await reading


async def test_a_dead_server_does_not_hold_up_the_objects_of_another(prometheus, start_prometheus):
    healthy = start_prometheus()
    source = PrometheusSource(healthy.url, AllowList([prometheus.url]), timeout_seconds=30.0, max_in_flight=2)
    prometheus.fault = lambda *_: prometheus.released.wait()
    stuck = [asyncio.create_task(read(source, prometheus, key=f"a/{index}")) for index in range(10)]
    await asyncio.to_thread(prometheus.arrived.acquire)
    assert (await read(source, healthy)).health is Health.LIVE
    assert not any(task.done() for task in stuck)
    await source.close()
    await asyncio.gather(*stuck, return_exceptions=True)

"""PrometheusSource against a real HTTP server: what is read, and what each kind of trouble is called."""

import asyncio
import socket
from itertools import pairwise

import numpy as np
import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.allow import AllowList
from bayescaler.sources.auth import Auth
from bayescaler.sources.port import LoadQuery, SourceError
from bayescaler.sources.prometheus import PrometheusSource

NOW = 1_772_438_400.0  # a whole minute
QUERY = "sum(rate(requests_total[1m]))"


def query(server, text=QUERY, key="shop/checkout", step_seconds=60.0, auth_key=None):
    return LoadQuery(key, text, step_seconds, server.url, auth_key)


@pytest.fixture
async def source(prometheus):
    made = PrometheusSource(prometheus.url, timeout_seconds=5.0, max_bytes=1 << 20)
    yield made
    await made.close()


@pytest.fixture
async def hasty(prometheus):
    """A source that soon loses patience, for servers that hang."""
    made = PrometheusSource(prometheus.url, timeout_seconds=0.2)
    yield made
    await made.close()


async def read(source, prometheus, buckets=10, **changes):
    return await source.read(query(prometheus, **changes), start=NOW - buckets * 60, end=NOW, now=NOW)


async def refused(source, prometheus, **changes):
    with pytest.raises(SourceError) as caught:
        await read(source, prometheus, **changes)
    return caught.value


async def test_a_bucket_is_the_query_at_its_end(prometheus, source):
    prometheus.value_at = lambda at: at - NOW + 1000
    found = await read(source, prometheus, buckets=3)
    assert found.times.tolist() == [NOW - 180, NOW - 120, NOW - 60]
    assert found.values.tolist() == [880, 940, 1000]


async def test_only_closed_buckets_are_read_on_a_grid_aligned_to_the_step(prometheus, source):
    found = await source.read(query(prometheus), start=NOW - 150, end=NOW + 600, now=NOW + 59.9)
    assert found.times.tolist() == [NOW - 120, NOW - 60]
    assert (prometheus.asked[0]["start"], prometheus.asked[0]["end"]) == (f"{NOW - 60:.0f}", f"{NOW:.0f}")


async def test_two_weeks_come_in_chunks_without_a_sample_lost_or_doubled(prometheus, source):
    prometheus.value_at = lambda at: (at - NOW) / 60 + 30_000
    found = await read(source, prometheus, buckets=20_160)
    assert found.values.tolist() == [30_000 - 20_160 + index for index in range(1, 20_161)]
    spans = [(float(form["start"]), float(form["end"])) for form in prometheus.asked]
    assert len(spans) == 3
    assert all(later[0] == earlier[1] + 60 for earlier, later in pairwise(spans))


async def test_a_range_without_a_closed_bucket_asks_nothing(prometheus, source):
    found = await source.read(query(prometheus), start=NOW, end=NOW + 60, now=NOW + 59)
    assert (len(found.times), found.health, prometheus.asked) == (0, Health.ABSENT, [])


async def test_zero_is_live(prometheus, source):
    prometheus.value_at = lambda _: 0.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert found.values.tolist() == [0.0] * 10


async def test_no_series_is_absent(prometheus, source):
    prometheus.value_at = lambda _: None
    found = await read(source, prometheus)
    assert found.health is Health.ABSENT
    assert np.isnan(found.values).all()


async def test_a_series_that_stopped_is_stale(prometheus, source):
    prometheus.value_at = lambda at: 5.0 if at <= NOW - 120 else None
    found = await read(source, prometheus)
    assert found.health is Health.STALE
    assert found.message.startswith("the newest 2 buckets have no data; the last that has any is 2026-03-02T07:57:00Z")
    assert found.values[:8].tolist() == [5.0] * 8
    assert np.isnan(found.values[8:]).all()


@pytest.mark.parametrize("sample", ["NaN", "+Inf", "-Inf", "-3"])
async def test_a_newest_value_that_cannot_be_load_is_implausible(prometheus, source, sample):
    prometheus.value_at = lambda at: sample if at == NOW else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.IMPLAUSIBLE
    assert np.isnan(found.values[-1])


async def test_older_nonsense_is_missing_and_told_while_the_newest_is_live(prometheus, source):
    prometheus.value_at = lambda at: "NaN" if at <= NOW - 420 else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert found.warnings == ("3 older buckets held NaN, infinite or negative values and were taken as missing",)


async def test_a_gap_is_missing_buckets_on_the_full_grid(prometheus, source):
    prometheus.value_at = lambda at: None if NOW - 300 < at <= NOW - 180 else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [5, 6]


async def test_remarks_of_the_server_are_passed_on_once(prometheus, source):
    prometheus.extra = {"warnings": ["PromQL warning: not a counter"], "infos": ["PromQL info: name"]}
    found = await read(source, prometheus, buckets=15_000)
    assert found.warnings == ("PromQL warning: not a counter", "PromQL info: name")


async def test_several_series_are_an_error_that_names_them_and_the_cure(prometheus, source, respond, series):
    pods = [({"pod": f"p{index}"}, [[NOW, "1"]]) for index in range(6)]
    prometheus.fault = respond(200, series(*pods))
    error = await refused(source, prometheus)
    assert error.reason == "SeveralSeries"
    assert str(error) == (
        'the query gives more than 5 series where one is needed ({pod="p0"}, {pod="p1"}, {pod="p2"}, {pod="p3"}, '
        '{pod="p4"}): wrap it in sum() or select one by its labels'
    )
    assert prometheus.asked[0]["limit"] == "6"


async def test_series_that_follow_each_other_in_chunks_are_several_too(prometheus, source, series):
    def renamed(at):
        prometheus.labels = {"pod": "old"} if at <= NOW - 5000 * 60 else {"pod": "new"}
        return 1.0

    prometheus.value_at = renamed
    error = await refused(source, prometheus, buckets=15_000)
    assert error.reason == "SeveralSeries"


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
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


async def test_after_a_time_out_the_next_read_is_served(prometheus, hasty):
    prometheus.fault = lambda *_: prometheus.released.wait()
    await refused(hasty, prometheus)
    prometheus.fault = None
    assert (await read(hasty, prometheus)).health is Health.LIVE


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


async def test_no_more_requests_are_in_flight_than_allowed(prometheus):
    source = PrometheusSource(prometheus.url, max_in_flight=3)
    gate, most, now_in = asyncio.Event(), [0], [0]
    loop = asyncio.get_running_loop()

    def count(handler, form):
        now_in[0] += 1
        most[0] = max(most[0], now_in[0])
        if now_in[0] == 3:
            loop.call_soon_threadsafe(gate.set)
        prometheus.released.wait()
        now_in[0] -= 1
        prometheus.fault = None
        handler.send_error(500)

    prometheus.fault = count
    reads = [asyncio.create_task(read(source, prometheus, key=f"{'ab'[index % 2]}/{index}")) for index in range(12)]
    await gate.wait()
    prometheus.released.set()
    await asyncio.gather(*reads, return_exceptions=True)
    await source.close()
    assert most[0] == 3


async def test_connections_are_kept_and_used_again(prometheus, source):
    for _ in range(20):
        await read(source, prometheus)
    assert prometheus.connections == 1


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


async def test_a_long_query_travels_as_a_form(prometheus, source):
    text = "sum(" + " + ".join(f"requests_{index}" for index in range(300)) + ")"
    await read(source, prometheus, text=text)
    await read(source, prometheus)
    assert [form["method"] for form in prometheus.asked] == ["POST", "GET"]
    assert prometheus.asked[0]["query"] == text


async def test_the_server_is_told_to_give_up_before_we_do(prometheus, source):
    await read(source, prometheus)
    assert prometheus.asked[0]["timeout"] == "4500ms"


async def test_a_path_in_the_address_is_kept(prometheus):
    url = f"{prometheus.url}/select/0/prometheus/"
    source = PrometheusSource(url)
    await source.read(LoadQuery("a/b", QUERY, 60, url), start=NOW - 60, end=NOW, now=NOW)
    await source.close()
    assert prometheus.asked[0]["path"] == "/select/0/prometheus/api/v1/query_range"


async def test_a_step_below_whole_seconds_is_refused(prometheus, source):
    assert (await refused(source, prometheus, step_seconds=0.5)).reason == "QueryFailed"


async def test_the_environment_gives_no_proxy(prometheus, source, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    assert (await read(source, prometheus)).health is Health.LIVE


async def test_cookies_are_not_kept_between_tenants(prometheus, source, respond, series):
    prometheus.fault = respond(200, series(({}, [[NOW, "1"]])), Set_Cookie="session=1")
    await read(source, prometheus)
    await read(source, prometheus)
    assert "Cookie" not in prometheus.headers[1]


async def test_credentials_are_sent_and_rotate(prometheus):
    known = {"shop/auth": Auth.from_secret({"token": b"first-token\n"})}
    source = PrometheusSource(prometheus.url, auth_for=known.get)
    await read(source, prometheus, auth_key="shop/auth")
    await read(source, prometheus)
    known["shop/auth"] = Auth.from_secret({"username": b"u", "password": b"p", "header.X-Scope-OrgID": b"shop"})
    await read(source, prometheus, auth_key="shop/auth")
    await source.close()
    assert [headers.get("Authorization") for headers in prometheus.headers] == [
        "Bearer first-token",
        None,
        "Basic dTpw",
    ]
    assert prometheus.headers[2]["X-Scope-OrgID"] == "shop"


async def test_a_secret_that_is_not_there_is_told_and_nothing_is_asked(prometheus, source):
    error = await refused(source, prometheus, auth_key="shop/auth")
    assert (error.reason, str(error)) == ("AuthMissing", "Secret shop/auth of authRef is not there")
    assert prometheus.asked == []


async def test_a_credential_that_the_server_echoes_is_blotted_out(prometheus, respond, caplog):
    caplog.set_level(0)
    auth = Auth.from_secret({"token": b"s3cr3t-canary"})
    source = PrometheusSource(prometheus.url, auth_for=lambda _: auth)
    for fault in (
        respond(401, {"status": "error", "error": "token s3cr3t-canary has expired"}),
        respond(500, {"status": "error", "error": "Authorization: Bearer s3cr3t-canary"}),
    ):
        prometheus.fault = fault
        error = await refused(source, prometheus, auth_key="shop/auth")
        assert "canary" not in f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
        assert "***" in str(error)
    assert "canary" not in caplog.text
    await source.close()


async def test_an_address_off_the_list_is_refused_and_the_setting_named(prometheus, start_prometheus):
    source = PrometheusSource(prometheus.url, AllowList([], setting="prometheus.allow"))
    other = start_prometheus()
    error = await refused(source, other)
    assert error.reason == "NotAllowed"
    assert str(error).endswith(
        "is not on the operator's allow-list: ask its administrator to add it to prometheus.allow"
    )
    assert other.asked == []
    await source.close()


async def test_a_wildcard_does_not_lead_back_to_the_operator_itself(prometheus):
    port = prometheus.url.rpartition(":")[2]
    source = PrometheusSource("", AllowList([f"http://*:{port}"]))
    with pytest.raises(SourceError, match=r"leads to 127\.0\.0\.1, an address that is refused") as caught:
        await source.read(LoadQuery("a/b", QUERY, 60, f"http://localhost:{port}"), start=NOW - 60, end=NOW, now=NOW)
    await source.close()
    assert caught.value.reason == "NotAllowed"
    assert prometheus.asked == []


async def test_without_an_address_and_a_default_the_cure_is_told():
    source = PrometheusSource()
    with pytest.raises(SourceError, match="no serverAddress is given, and the operator has no default"):
        await source.read(LoadQuery("a/b", QUERY, 60, ""), start=NOW - 60, end=NOW, now=NOW)

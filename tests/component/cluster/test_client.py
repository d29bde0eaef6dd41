"""What the client makes of everything an API server, or the way to it, can answer."""

import asyncio
import socket
from contextlib import aclosing, asynccontextmanager

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unprocessable,
    Unreachable,
)

PODS = "/api/v1/namespaces/shop/pods"


async def test_a_request_carries_token_body_query_and_content_type(api, client):
    api.on("PATCH", "/x", api.json({"ok": True}))

    answer = await client.request(
        "PATCH", "/x", body=[{"op": "test"}], query={"fieldManager": "b"}, content_type="application/json-patch+json"
    )

    assert answer == {"ok": True}
    (asked,) = api.asked
    assert asked.body == [{"op": "test"}]
    assert asked.query == {"fieldManager": "b"}
    assert asked.headers["Authorization"] == "Bearer letmein"
    assert asked.headers["Content-Type"] == "application/json-patch+json"
    assert asked.headers["Accept-Encoding"] == "identity"


async def test_an_empty_answer_is_an_empty_object(api, client):
    api.on("GET", "/x", api.text("", 200))
    assert await client.request("GET", "/x") == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Unprocessable),
        (500, ServerError),
        (503, ServerError),
        (405, ApiError),
    ],
)
async def test_a_refusal_keeps_status_reason_and_message_and_says_what_was_asked(api, client, code, kind):
    api.on("GET", PODS, api.status(code, "SomeReason", "pods are shy"))

    with pytest.raises(kind) as caught:
        await client.request("GET", PODS)

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.server_reason) == (code, "SomeReason")
    assert caught.value.reason == kind.__name__, "a word of ours, whatever the server says"
    assert str(caught.value) == f"GET {PODS}: {code} pods are shy"


async def test_an_invalid_object_lists_the_fields_that_are_wrong(api, client):
    causes = [{"field": "spec.replicas", "message": "must be at least 0", "reason": "FieldValueInvalid"}]
    api.on("PUT", "/x", api.status(422, "Invalid", "no", details={"causes": causes}))

    with pytest.raises(Unprocessable) as caught:
        await client.request("PUT", "/x", body={})

    assert caught.value.causes == ("spec.replicas: must be at least 0",)


async def test_429_in_plain_text_carries_the_patience_of_its_header(api, client):
    api.on("GET", "/x", api.text("Too many requests, please try again later.", 429, {"Retry-After": "7"}))

    with pytest.raises(TooManyRequests) as caught:
        await client.request("GET", "/x")

    assert caught.value.retry_after_seconds == 7.0
    assert "please try again later" in str(caught.value)


async def test_429_as_a_status_carries_the_patience_of_its_details(api, client):
    details = {"retryAfterSeconds": 3}
    api.on("GET", "/x", api.status(429, "TooManyRequests", "storage is (re)initializing", details=details))

    with pytest.raises(TooManyRequests) as caught:
        await client.request("GET", "/x")

    assert caught.value.retry_after_seconds == 3.0


async def test_no_server_can_ask_for_more_than_a_minute_of_patience(api, client):
    api.on("GET", "/x", api.text("busy", 429, {"Retry-After": "9" * 400}))
    api.on("GET", "/y", api.status(503, "ServiceUnavailable", "no", details={"retryAfterSeconds": 86400}))
    for path in ("/x", "/y"):
        with pytest.raises(ApiError) as caught:
            await client.request("GET", path)
        assert caught.value.retry_after_seconds == 60.0


async def test_429_without_a_word_of_patience_asks_for_one_second(api, client):
    api.on("GET", "/x", api.text("busy", 429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}))

    with pytest.raises(TooManyRequests) as caught:
        await client.request("GET", "/x")

    assert caught.value.retry_after_seconds == 1.0


@pytest.mark.parametrize("body", ["<html>hello</html>", "[1, 2]", '{"torn": '])
async def test_an_answer_that_is_not_a_json_object_counts_as_none(api, client, body):
    api.on("GET", "/x", api.text(body, 200))
    with pytest.raises(Unreachable, match="GET /x"):
        await client.request("GET", "/x")


async def test_a_connection_cut_before_the_answer_is_unreachable(api, client):
    api.on("GET", "/x", api.cut())
    with pytest.raises(Unreachable, match="GET /x"):
        await client.request("GET", "/x")


async def test_a_server_that_never_answers_is_given_up_after_the_timeout(api, client):
    api.on("GET", "/x", api.hang())
    with pytest.raises(Unreachable, match=r"GET /x: no answer within 0\.05 s"):
        await client.request("GET", "/x", timeout_seconds=0.05)


async def test_a_server_that_is_not_there_is_unreachable(kubeconfig):
    with socket.socket() as taken:  # by nobody who listens
        taken.bind(("127.0.0.1", 0))
        path = kubeconfig(f"http://127.0.0.1:{taken.getsockname()[1]}", {"token": "t"})
        async with await KubeClient.connect(path) as client:
            with pytest.raises(Unreachable, match="GET /x"):
                await client.request("GET", "/x")


async def test_a_watch_yields_events_until_the_server_ends_it(api, client):
    api.on("WATCH", PODS, api.watch())

    async def collect() -> list[dict]:
        async with aclosing(client.stream(PODS, {"resourceVersion": "5"})) as events:
            return [event async for event in events]

    collecting = asyncio.create_task(collect())
    watch = await api.watched()
    await watch.send("ADDED", {"metadata": {"name": "a"}})
    await watch.send("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    watch.end()

    assert [event["type"] for event in await collecting] == ["ADDED", "BOOKMARK"]
    assert watch.query == {"watch": "true", "resourceVersion": "5"}


@asynccontextmanager
async def first_event(api, client):
    """The server's end of a watch, and what the client's end will get first."""
    api.on("WATCH", PODS, api.watch())
    async with aclosing(client.stream(PODS)) as events:
        first = asyncio.create_task(anext(events))
        yield await api.watched(), first


async def test_an_event_far_larger_than_a_network_buffer_arrives_whole(api, client):
    async with first_event(api, client) as (watch, first):
        await watch.send("ADDED", {"padding": "x" * 1_500_000})
        assert len((await first)["object"]["padding"]) == 1_500_000


@pytest.mark.parametrize(("code", "kind"), [(410, Gone), (429, TooManyRequests), (500, ServerError)])
async def test_an_error_event_is_raised_as_the_error_it_carries(api, client, code, kind):
    async with first_event(api, client) as (watch, first):
        await watch.send("ERROR", {"kind": "Status", "code": code, "reason": "Expired", "message": "too old"})
        with pytest.raises(kind, match="too old"):
            await first


async def test_a_watch_cut_in_the_middle_is_unreachable(api, client):
    async with first_event(api, client) as (watch, first):
        await watch.write('{"type": "ADDED", "obj')
        watch.cut()
        with pytest.raises(Unreachable):
            await first


async def test_a_watch_that_ends_inside_a_line_is_unreachable(api, client):
    async with first_event(api, client) as (watch, first):
        await watch.write('{"type": "ADDED", "obj')
        watch.end()
        with pytest.raises(Unreachable, match="not JSON, or was cut"):
            await first


async def test_a_silent_watch_is_given_up(api, client):
    api.on("WATCH", PODS, api.watch())
    async with aclosing(client.stream(PODS, idle_seconds=0.05)) as events:
        with pytest.raises(Unreachable, match=r"nothing heard for 0\.05 s"):
            await anext(events)


async def test_a_cancelled_request_leaves_the_client_usable(api, client):
    api.on("GET", "/slow", api.hang())
    api.on("GET", "/x", api.json({"ok": 1}))
    slow = asyncio.create_task(client.request("GET", "/slow"))
    await api.arrival(1)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await client.request("GET", "/x") == {"ok": 1}


async def test_a_separate_client_has_the_credentials_but_not_the_connections(api, client):
    api.on("GET", "/x", api.json({"ok": 1}))
    async with client.separate() as other:
        await client.close()
        assert await other.request("GET", "/x") == {"ok": 1}
    assert api.asked[0].headers["Authorization"] == "Bearer letmein"

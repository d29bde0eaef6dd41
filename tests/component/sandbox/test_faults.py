"""Faults strike exactly what they match, as often as asked, and can be lifted."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest

from bayescaler.sandbox.server import Fault

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def is_scale(request):
    return request.subresource == "scale"


async def test_a_refusal_strikes_as_often_as_asked_and_says_when_to_retry(server, http, workload):
    server.create(workload())
    fault = server.faults.add(Fault(is_scale, status=429, retry_after=2, times=2))
    answers = [await http.scale(3) for _ in range(3)]
    assert [code for code, _, _ in answers] == [429, 429, 200]
    _, body, headers = answers[0]
    assert (headers["Retry-After"], body["reason"], body["details"]) == (
        "2",
        "TooManyRequests",
        {"retryAfterSeconds": 2},
    )
    assert (fault.hits, fault.spent) == (2, True)


async def test_a_refusal_by_priority_and_fairness_is_plain_text(server, http, workload):
    server.create(workload())
    server.faults.add(Fault(is_scale, status=429, retry_after=1, plain_text=True))
    code, body, headers = await http.scale(3)
    assert (code, headers["Retry-After"], headers["Content-Type"]) == (429, "1", "text/plain; charset=utf-8")
    assert isinstance(body, str)


async def test_other_requests_are_left_alone(server, http, workload):
    server.create(workload())
    server.faults.add(Fault(is_scale, status=500, times=None))
    assert (await http.call("GET", DEPLOYMENTS))[0] == 200
    assert [(await http.scale(3))[0] for _ in range(3)] == [500, 500, 500]
    server.faults.clear()
    assert (await http.scale(3))[0] == 200


async def test_a_dropped_request_is_not_carried_out(server, http, workload):
    server.create(workload(replicas=2))
    server.faults.add(Fault(is_scale, drop=True))
    with pytest.raises(aiohttp.ClientError):
        await http.scale(5)
    assert server.get("apps/v1", "Deployment", "web")["spec"]["replicas"] == 2


async def test_a_lost_answer_is_to_a_request_that_was_carried_out(server, http, workload):
    server.create(workload(replicas=2))
    server.faults.add(Fault(is_scale, drop=True, after=True))
    with pytest.raises(aiohttp.ClientError):
        await http.scale(5)
    assert server.get("apps/v1", "Deployment", "web")["spec"]["replicas"] == 5


async def test_a_held_request_waits_until_it_is_let_go(server, http, workload):
    server.create(workload(replicas=2))
    gate = asyncio.Event()
    fault = server.faults.add(Fault(is_scale, hold=gate))
    waiting = asyncio.ensure_future(http.scale(5))
    while not fault.hits:  # noqa: ASYNC110 - the turns of the loop that the request needs
        await asyncio.sleep(0)
    assert (await http.call("GET", DEPLOYMENTS))[1]["items"][0]["spec"]["replicas"] == 2
    assert not waiting.done()
    gate.set()
    assert (await waiting)[0] == 200


async def test_a_partition_cuts_watches_and_refuses_connections_until_healed(server, http, workload):
    server.create(workload())
    async with http.session.get(http.url + DEPLOYMENTS, params={"watch": "true"}) as watch:
        assert json.loads(await watch.content.readline())["type"] == "ADDED"
        await server.faults.partition()
        with pytest.raises(aiohttp.ClientError):
            await watch.content.read()
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.call("GET", DEPLOYMENTS)
    url = server.url
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", urlsplit(url).port))
    await server.faults.heal()
    assert server.url == url
    assert (await http.call("GET", DEPLOYMENTS))[0] == 200


@pytest.fixture
def watched(server, http, workload):
    server.create(workload())

    @asynccontextmanager
    async def watched():
        query = {"watch": "true", "resourceVersion": str(server.store.version), "allowWatchBookmarks": "true"}
        async with http.session.get(http.url + DEPLOYMENTS, params=query) as response:
            while not server.faults.streams:  # noqa: ASYNC110 - the turns of the loop that the request needs
                await asyncio.sleep(0)
            yield response.content

    return watched


async def test_a_bookmark_can_be_sent_and_a_watch_ended_as_by_its_timeout(server, watched):
    async with watched() as lines:
        server.faults.send_bookmarks()
        assert json.loads(await lines.readline())["type"] == "BOOKMARK"
        server.faults.cut_watches()
        assert [json.loads(line)["type"] async for line in lines] == ["BOOKMARK"]


async def test_a_watch_can_be_told_that_its_version_expired(server, watched):
    async with watched() as lines:
        server.faults.expire_watches()
        error = json.loads(await lines.readline())
        assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await lines.readline() == b""


async def test_a_watch_can_be_reset(server, watched):
    async with watched() as lines:
        server.faults.cut_watches(abort=True)
        with pytest.raises(aiohttp.ClientError):
            await lines.readline()


async def test_a_page_from_before_a_compaction_is_expired(server, http, workload):
    for name in ("a", "b", "c"):
        server.create(workload(name=name))
    _, first, _ = await http.call("GET", f"{DEPLOYMENTS}?limit=1")
    server.create(workload(name="d"))
    server.compact()
    code, body, _ = await http.call("GET", f"{DEPLOYMENTS}?limit=1&continue={first['metadata']['continue']}")
    assert (code, body["reason"]) == (410, "Expired")


async def test_requests_can_be_observed(server, http, workload):
    server.create(workload())
    seen = []
    server.routes.observers.append(lambda request: seen.append((request.verb, request.resource, request.subresource)))
    await http.scale(3)
    await http.call("GET", "/version")
    assert seen == [("patch", "deployments", "scale"), ("get", "", "")]

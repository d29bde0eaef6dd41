"""A sandbox in simulated time, a Deployment to put into it, and HTTP to it."""

import copy
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from bayescaler.sandbox.clock import SimulatedClock
from bayescaler.sandbox.server import SandboxServer

START = 1_800_000_000.0
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
}


@pytest.fixture
def clock():
    return SimulatedClock(START)


@pytest.fixture
def server(clock):
    """A server that nobody connects to: reads and writes without HTTP."""
    return SandboxServer(clock=clock)


@pytest.fixture
def workload():
    def make(kind="Deployment", name="web", replicas=2, **spec):
        return {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "web"}},
                "template": copy.deepcopy(TEMPLATE),
                **spec,
            },
        }

    return make


class Http:
    def __init__(self, session, url):
        self.session, self.url, self.token = session, url, ""

    async def call(self, method, path, body=None, *, content_type="application/json"):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = content_type
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            body = json.loads(text) if response.content_type == "application/json" else text
            return response.status, body, response.headers

    async def scale(self, replicas, name="web"):
        return await self.call(
            "PATCH",
            f"/apis/apps/v1/namespaces/default/deployments/{name}/scale",
            {"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
        )


@pytest_asyncio.fixture
async def http(server) -> AsyncIterator[Http]:
    async with server, aiohttp.ClientSession() as session:
        yield Http(session, server.url)

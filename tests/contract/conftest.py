"""What the contract is checked on: the sandbox always, and a real kube-apiserver when BAYESCALER_E2E=1.

Every test gets `api`: plain HTTP, a namespace of its own, and the Widget kind of widgets.yaml being served.
"""

import asyncio
import base64
import copy
import itertools
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from bayescaler.api import crd
from bayescaler.cluster.client import KubeClient
from bayescaler.sandbox.server import SandboxServer

HERE = Path(__file__).parent
ANSWER_SECONDS = 20.0
TLS_CLOSING_TURNS = 5  # of the loop, in which an aborted TLS transport is let go
REAL = os.environ.get("BAYESCALER_E2E") == "1"
SERVERS = ["sandbox", *([pytest.param("kube-apiserver", marks=pytest.mark.e2e)] if REAL else [])]
CRD = yaml.safe_load((HERE / "widgets.yaml").read_text())
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}]},
        },
    },
}
WIDGET = {
    "apiVersion": "contract.bayescaler.dev/v1",
    "kind": "Widget",
    "metadata": {"name": "one"},
    "spec": {"targetRef": {"name": "web"}, "size": 3},
}
_numbers = itertools.count(os.getpid() * 1000)


@dataclass(frozen=True)
class Reply:
    code: int
    body: Any
    headers: Mapping[str, str]

    def __getitem__(self, key: str) -> Any:
        return self.body[key]

    @property
    def version(self) -> str:
        return self.body["metadata"]["resourceVersion"]


class Watch:
    """An open watch: `await watch.next()` is its next event, None once it has ended."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.code = response.status
        self._response = response

    async def next(self) -> dict[str, Any] | None:
        line = await asyncio.wait_for(self._response.content.readline(), ANSWER_SECONDS)
        return json.loads(line) if line else None

    async def rest(self) -> list[dict[str, Any]]:
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


class Api:
    def __init__(self, session: aiohttp.ClientSession, url: str, namespace: str, server: SandboxServer | None) -> None:
        self.session, self.url, self.namespace, self.server = session, url, namespace, server
        self.deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self.widgets = f"/apis/contract.bayescaler.dev/v1/namespaces/{namespace}/widgets"
        self.configmaps = f"/api/v1/namespaces/{namespace}/configmaps"
        self.leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self.events = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Reply:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Accept": accept, **({"Content-Type": content_type} if data is not None else {})}
        async with self.session.request(method, self.url + path, data=data, headers=headers, params=query) as response:
            text = await response.text()
            answer = json.loads(text) if response.content_type == "application/json" else text
            return Reply(response.status, answer, response.headers)

    async def get(self, path: str, **query: str) -> Reply:
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("PUT", path, body, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Reply:
        return await self.call("DELETE", path, body, **query)

    async def merge(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("PATCH", path, body, content_type="application/merge-patch+json", **query)

    async def json_patch(self, path: str, *operations: Any, **query: str) -> Reply:
        return await self.call("PATCH", path, list(operations), content_type="application/json-patch+json", **query)

    async def strategic(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("PATCH", path, body, content_type="application/strategic-merge-patch+json", **query)

    async def apply(self, path: str, body: Any, **query: str) -> Reply:
        return await self.call("PATCH", path, body, content_type="application/apply-patch+yaml", **query)

    async def made(self, path: str, body: Any) -> dict[str, Any]:
        """Create what the test starts from."""
        reply = await self.post(path, body)
        assert reply.code == 201, reply.body
        return reply.body

    async def deployment(self, **spec: Any) -> dict[str, Any]:
        manifest = copy.deepcopy(DEPLOYMENT)
        manifest["spec"].update(spec)
        return await self.made(self.deployments, manifest)

    async def widget(self, name: str = "one", **spec: Any) -> dict[str, Any]:
        return await self.made(self.widgets, self.widget_manifest(name, **spec))

    def widget_manifest(self, name: str = "one", **spec: Any) -> dict[str, Any]:
        manifest = copy.deepcopy(WIDGET)
        manifest["metadata"]["name"] = name
        manifest["spec"].update(spec)
        return manifest

    async def configmap(self, name: str, **labels: str) -> dict[str, Any]:
        return await self.made(
            self.configmaps,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"k": "v"}},
        )

    async def until(self, ask: Callable[[], Awaitable[Reply]], code: int) -> None:
        """Ask until the answer is `code`: a real server takes a moment to serve a changed kind."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while (await ask()).code != code:  # noqa: ASYNC110 - another process: nothing tells us
                await asyncio.sleep(0.05)

    async def until_true(self, ask: Callable[[], Awaitable[bool]]) -> None:
        """Ask until it is so: a real server takes a moment to know a new role."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while not await ask():  # noqa: ASYNC110 - another process: nothing tells us
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def watch(self, path: str, *, accept: str = "application/json", **query: str) -> AsyncIterator[Watch]:
        async with self.session.get(
            self.url + path, params={"watch": "true", **query}, headers={"Accept": accept}
        ) as response:
            try:
                yield Watch(response)
            finally:
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()  # a TLS goodbye would outlive the test


@pytest.fixture(scope="session")
def real_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """etcd and kube-apiserver of the end-to-end harness, without controllers; its admin's kubeconfig as read."""
    sys.path.insert(0, str(HERE.parent / "e2e"))
    from harness import binaries
    from harness.controlplane import ControlPlane

    plane = ControlPlane(binaries.find(build=False), tmp_path_factory.mktemp("contract"))
    try:
        plane.etcd.start()
        plane.apiserver.start()
        yield yaml.safe_load(plane.kubeconfig.read_text())
    finally:
        plane.stop()


def _tls(kubeconfig: dict[str, Any], folder: Path) -> ssl.SSLContext:
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]

    def path(section: dict[str, Any], key: str) -> str:
        if key in section:
            return section[key]
        target = folder / key
        target.write_bytes(base64.b64decode(section[f"{key}-data"]))
        return str(target)

    context = ssl.create_default_context(cafile=path(cluster, "certificate-authority"))
    context.load_cert_chain(path(user, "client-certificate"), path(user, "client-key"))
    return context


@pytest_asyncio.fixture(params=SERVERS)
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    namespace = f"contract-{next(_numbers)}"
    if request.param == "sandbox":
        async with SandboxServer(window=50) as server, aiohttp.ClientSession() as session:
            server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            server.create(CRD)
            yield Api(session, server.url, namespace, server)
        return
    kubeconfig = request.getfixturevalue("real_api_server")
    connector = aiohttp.TCPConnector(ssl=_tls(kubeconfig, tmp_path))
    async with aiohttp.ClientSession(connector=connector) as session:
        api = Api(session, kubeconfig["clusters"][0]["cluster"]["server"], namespace, None)
        await api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        if (await api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)).code == 201:
            await api.until(lambda: api.get(api.widgets), 200)
        yield api
    for _ in range(TLS_CLOSING_TURNS):
        await asyncio.sleep(0)


@pytest_asyncio.fixture
async def kube(api: Api, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """The operator's own client of that server, on which its CRD is installed."""
    path = tmp_path / "kubeconfig"
    if api.server is not None:
        api.server.write_kubeconfig(path)
    else:
        path.write_text(yaml.safe_dump(request.getfixturevalue("real_api_server")))
    autoscalers = f"/apis/bayescaler.dev/v1alpha1/namespaces/{api.namespace}/bayesianautoscalers"
    async with await KubeClient.connect(path) as client:
        if (await api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd())).code == 201:
            await api.until(lambda: api.get(autoscalers), 200)
        yield client

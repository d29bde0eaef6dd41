"""The package against the sandbox's API server while that fails: partition, compaction, overload, refusal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import TooManyRequests, Unauthorized
from bayescaler.cluster.scale import patch_scale
from bayescaler.sandbox.server import Fault, SandboxServer

from .shop import Heard, deployment, running

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    async with SandboxServer() as running:
        yield running


@pytest.fixture
async def kube(server: SandboxServer, tmp_path: Path) -> AsyncIterator[KubeClient]:
    path = tmp_path / "sandbox"
    server.write_kubeconfig(path)
    async with await KubeClient.connect(path) as client:
        yield client


@pytest.fixture
async def shop(kube: KubeClient) -> str:
    """A namespace."""
    await kube.request("POST", "/api/v1/namespaces", body={"metadata": {"name": "shop"}})
    return "shop"


async def test_a_deletion_during_a_partition_and_beyond_the_history_is_noticed(server, kube, shop):
    for name in ("web", "db"):
        await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment(name))
    heard = Heard(kube, None)

    async with running(heard.store.run()):
        await heard.store.wait_synced()
        await server.faults.partition()
        server.delete("apps/v1", "Deployment", "web", namespace=shop)
        server.compact()
        await server.faults.heal()
        await heard.until(lambda store: store.get("Deployment", shop, "web") is None)
        await heard.store.wait_synced()
        assert heard.store.get("Deployment", shop, "db") is not None


async def test_an_expired_watch_is_listed_anew(server, kube, shop):
    await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment("web"))
    heard = Heard(kube, [shop])
    async with running(heard.store.run()):
        await heard.store.wait_synced()
        await kube.request("GET", "/version")
        server.faults.expire_watches()
        await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment("late"))
        await heard.until(lambda store: store.get("Deployment", shop, "late") is not None)


@pytest.mark.parametrize("plain_text", [True, False])
async def test_a_busy_server_is_told_by_text_or_status(server, kube, shop, plain_text):
    made = await kube.request("POST", DEPLOYMENTS.format(shop), body=deployment("web"))
    resource = await ScaleDiscovery(kube).resolve("apps/v1", "Deployment")
    server.faults.add(Fault(match=lambda r: r.subresource == "scale", status=429, retry_after=3, plain_text=plain_text))
    uid = made["metadata"]["uid"]
    with pytest.raises(TooManyRequests) as caught:
        await patch_scale(kube, resource, shop, "web", uid=uid, expected=3, replicas=4)
    assert caught.value.retry_after_seconds == 3.0
    assert (await patch_scale(kube, resource, shop, "web", uid=uid, expected=3, replicas=4)).replicas == 4


async def test_a_refused_token_is_unauthorized(tmp_path):
    async with SandboxServer(authorize=True) as guarded:
        path = tmp_path / "guarded"
        guarded.write_kubeconfig(path, token="nobody")
        async with await KubeClient.connect(path) as client:
            with pytest.raises(Unauthorized):
                await client.request("GET", DEPLOYMENTS.format("default"))

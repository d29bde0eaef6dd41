"""Targets as the operator knows them: from the watch where it can, from /scale where it must."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bayescaler.cluster.discovery import ScaleDiscovery
from bayescaler.cluster.errors import NoScale, NoSuchKind, NotFound
from bayescaler.cluster.targets import TargetStore, project

DEPLOYMENTS, STATEFULSETS = "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets"


def deployment(name, *, uid="u1", replicas=3, ready=2, namespace="shop", image="web:1"):
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": uid, "generation": 7, "resourceVersion": "5"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": "web", "image": image}]}},
        },
        "status": {"replicas": replicas, "readyReplicas": ready, "observedGeneration": 6},
    }


def listed(*items):
    return {"metadata": {"resourceVersion": "10"}, "items": list(items)}


@asynccontextmanager
async def running(client, **options):
    store = TargetStore(client, ScaleDiscovery(client), **options)
    heard = asyncio.Event()
    for watch in store.watches:
        watch._put = _then(watch._put, heard)
        watch._drop = _then(watch._drop, heard)
    task = asyncio.create_task(store.run())
    try:
        yield store, heard
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def _then(callback, event):
    def both(*arguments):
        callback(*arguments)
        event.set()

    return both


def serve(api, path, *items):
    api.on("GET", path, api.json(listed(*items)))
    api.on("WATCH", path, api.watch())


async def test_a_deployment_and_a_statefulset_are_known_after_the_first_list(api, client):
    serve(api, DEPLOYMENTS, deployment("web"))
    serve(api, STATEFULSETS, deployment("db", uid="u2", replicas=0, ready=0))

    async with running(client) as (store, _):
        assert store.get("Deployment", "shop", "web") is None
        assert not store.synced
        await store.wait_synced()

        assert store.synced
        assert store.synced_at is not None
        web = await store.read("apps/v1", "Deployment", "shop", "web")
        assert (web.uid, web.replicas, web.ready_replicas) == ("u1", 3, 2)
        assert web.selector == "app=web"
        assert store.get("StatefulSet", "shop", "db").replicas == 0
        assert store.get("Deployment", "shop", "db") is None
        assert len(api.of("GET")) == 2


async def test_the_store_follows_the_watch(api, client):
    serve(api, DEPLOYMENTS, deployment("web"))
    serve(api, STATEFULSETS)

    async with running(client) as (store, heard):
        await store.wait_synced()
        watches = {w.request.path: w for w in (await api.watched(), await api.watched())}
        heard.clear()
        await watches[DEPLOYMENTS].send("MODIFIED", deployment("web", replicas=9))
        await heard.wait()
        assert store.get("Deployment", "shop", "web").replicas == 9
        heard.clear()
        await watches[DEPLOYMENTS].send("DELETED", deployment("web"))
        await heard.wait()
        with pytest.raises(NotFound, match=r"Deployment shop/web is not there: create it, or correct"):
            await store.read("apps/v1", "Deployment", "shop", "web")


async def test_a_namespaced_install_watches_its_namespaces_only(api, client):
    for namespace in ("a", "b"):
        for plural in ("deployments", "statefulsets"):
            serve(api, f"/apis/apps/v1/namespaces/{namespace}/{plural}")
    api.on("GET", "/apis/apps/v1/namespaces/b/deployments", api.json(listed(deployment("web", namespace="b"))))

    async with running(client, namespaces=["a", "b", "a"]) as (store, _):
        await store.wait_synced()
        assert store.get("Deployment", "b", "web").uid == "u1"
        assert len(store.watches) == 4


async def test_another_kind_is_read_through_its_scale_each_time(api, client):
    scale = "/apis/example.com/v1/namespaces/shop/widgets/w/scale"
    resources = [
        {"name": "widgets", "kind": "Widget", "namespaced": True},
        {"name": "widgets/scale", "kind": "Scale", "namespaced": True},
    ]
    api.on("GET", "/apis/example.com/v1", api.json({"resources": resources}))
    api.on(
        "GET",
        scale,
        api.json({"metadata": {"uid": "w1"}, "spec": {"replicas": 4}, "status": {"selector": "app=w"}}),
        api.json({"metadata": {"uid": "w1"}, "spec": {}, "status": {}}),
    )
    store = TargetStore(client, ScaleDiscovery(client))

    first = await store.read("example.com/v1", "Widget", "shop", "w")
    second = await store.read("example.com/v1", "Widget", "shop", "w")

    assert (first.uid, first.replicas, first.selector, first.ready_replicas) == ("w1", 4, "app=w", None)
    assert (second.replicas, second.selector) == (0, None)
    assert len(api.of("GET", "/apis/example.com/v1")) == 1


async def test_a_kind_nobody_knows_and_a_kind_without_scale_are_told_apart(api, client):
    resources = [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]
    api.on("GET", "/api/v1", api.json({"resources": resources}))
    store = TargetStore(client, ScaleDiscovery(client))

    with pytest.raises(NoScale, match=r"ConfigMap in v1 has no /scale subresource: point scaleTargetRef at"):
        await store.read("v1", "ConfigMap", "shop", "c")
    with pytest.raises(NoSuchKind, match=r"no kind Widget in example\.com/v1: .*kubectl api-resources"):
        await store.read("example.com/v1", "Widget", "shop", "w")


async def test_a_write_of_our_own_is_known_before_the_watch_tells_of_it(api, client):
    serve(api, DEPLOYMENTS, deployment("web", replicas=3))
    serve(api, STATEFULSETS)

    async with running(client) as (store, _):
        await store.wait_synced()
        seen = store.get("Deployment", "shop", "web")
        store.note("apps/v1", "Deployment", "shop", "web", seen=seen, replicas=5)

        assert store.get("Deployment", "shop", "web").replicas == 5


async def test_a_write_of_our_own_does_not_hide_what_somebody_else_did_since(api, client):
    serve(api, DEPLOYMENTS, deployment("web", replicas=3))
    serve(api, STATEFULSETS)

    async with running(client) as (store, _):
        await store.wait_synced()
        outdated = project(deployment("web", replicas=2))
        store.note("apps/v1", "Deployment", "shop", "web", seen=outdated, replicas=5)

        assert store.get("Deployment", "shop", "web").replicas == 3

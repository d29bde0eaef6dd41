"""The server as its users start it: kubeconfig, foreign clients, pod metrics, and history."""

import json

import pytest
import yaml
from kubernetes.aio import client, config, watch

from bayescaler.sandbox import pods
from bayescaler.sandbox.server import SandboxServer, StatusError
from bayescaler.sandbox.workloads import Workloads


async def test_the_kubernetes_client_works_on_the_kubeconfig(server, http, workload, tmp_path):
    path = server.write_kubeconfig(tmp_path / "kubeconfig")
    assert path.stat().st_mode & 0o777 == 0o600
    server.create(workload())
    api_client = await config.new_client_from_config(str(path))
    async with api_client:
        apps = client.AppsV1Api(api_client)
        deployment = await apps.read_namespaced_deployment("web", "default")
        assert (deployment.spec.replicas, deployment.metadata.generation) == (2, 1)
        scale = await apps.read_namespaced_deployment_scale("web", "default")
        scale.spec.replicas = 4
        assert (await apps.replace_namespaced_deployment_scale("web", "default", scale)).spec.replicas == 4
        async with watch.Watch().stream(apps.list_namespaced_deployment, "default", timeout_seconds=1) as stream:
            events = [(event["type"], event["object"].metadata.name) async for event in stream]
        assert events == [("ADDED", "web")]


async def test_a_kubeconfig_may_be_of_another_user_and_namespace(server, http, tmp_path):
    written = yaml.safe_load(server.write_kubeconfig(tmp_path / "k", token="t", namespace="shop").read_text())
    assert written["users"][0]["user"] == {"token": "t"}
    assert written["contexts"][0]["context"]["namespace"] == "shop"
    assert written["clusters"][0]["cluster"]["server"] == server.url


async def test_pod_metrics_are_what_the_scenario_says_of_its_pods(server, http, clock, workload):
    Workloads(server.registry, start_up=pods.fixed(1))
    server.create(workload(replicas=2))
    clock.advance(1)
    server.pod_usage = lambda namespace, pod: (0.25, 64 * 2**20) if pods.is_ready(pod) else None
    _, body, _ = await http.call("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dweb")
    assert body["kind"] == "PodMetricsList"
    assert [item["containers"][0]["usage"] for item in body["items"]] == [
        {"cpu": "250000000n", "memory": "65536Ki"}
    ] * 2
    name = body["items"][0]["metadata"]["name"]
    assert (await http.call("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/{name}"))[0] == 200
    server.pod_usage = lambda namespace, pod: None
    assert (await http.call("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/{name}"))[0] == 404


async def test_the_history_is_bounded_by_its_window(clock, workload):
    import aiohttp

    async with SandboxServer(clock=clock, window=10) as server, aiohttp.ClientSession() as session:
        server.create(workload())
        since = server.store.version
        for replicas in range(3, 53):
            server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": replicas}})
        query = {"watch": "true", "resourceVersion": str(since)}
        async with session.get(f"{server.url}/apis/apps/v1/deployments", params=query) as old:
            assert json.loads(await old.content.readline())["object"]["code"] == 410
        query["resourceVersion"] = str(server.store.version - 10)
        async with session.get(f"{server.url}/apis/apps/v1/deployments", params=query) as recent:
            lines = [json.loads(await recent.content.readline()) for _ in range(10)]
    assert [line["object"]["spec"]["replicas"] for line in lines] == list(range(43, 53))


def test_the_same_seed_gives_the_same_uids_and_names(clock):
    def made(seed):
        server = SandboxServer(clock=clock, seed=seed)
        obj = server.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}})
        return obj["metadata"]["name"], obj["metadata"]["uid"]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_objects_read_are_never_changed_by_later_writes(server, workload):
    before = server.create(workload())
    text = json.dumps(before)
    server.patch("apps/v1", "Deployment", "web", {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 9}})
    server.patch("apps/v1", "Deployment", "web", {"status": {"replicas": 9}}, subresource="status")
    assert json.dumps(before) == text


def test_an_unknown_kind_is_told_with_the_cure(server):
    with pytest.raises(
        LookupError, match=r"serves no Thing of example\.dev/v1; create its CustomResourceDefinition first"
    ):
        server.create({"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "x"}})
    with pytest.raises(StatusError, match=r'deployments\.apps "nope" not found'):
        server.get("apps/v1", "Deployment", "nope")

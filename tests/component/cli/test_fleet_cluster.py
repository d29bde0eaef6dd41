"""`bayescaler backtest --all` of a cluster: what the API server holds, with loads of a Prometheus over HTTP."""

import asyncio
import json
import threading

import numpy as np
import pytest

from bayescaler import api
from bayescaler.cli import main
from bayescaler.sandbox.clock import SimulatedClock
from bayescaler.sandbox.prometheus.server import SandboxPrometheus
from bayescaler.sandbox.prometheus.store import SeriesStore
from bayescaler.sandbox.server import SandboxServer

from .conftest import START, STEP, ours, wave

pytestmark = pytest.mark.jit  # every worker would be without it
DAYS, SCRAPE = 4.0, 30.0

SCALED_OBJECTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "listKind": "ScaledObjectList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
RPS = {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "9"}}}


def hpa(name, metric, namespace="shop", **metadata):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 60, "metrics": [metric]},
    }


def deployment(name):
    requests = {"resources": {"requests": {"cpu": "20"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": name, "image": "web:1", **requests}]},
            },
        },
    }


def scaled_object(name, query):
    trigger = {"serverAddress": "http://elsewhere:9090", "query": query, "threshold": "14"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": 1,
            "maxReplicaCount": 60,
            "triggers": [{"type": "prometheus", "metadata": trigger}],
        },
    }


@pytest.fixture
def world(tmp_path):
    """An API server and a Prometheus in a thread: a kubeconfig, and an address."""
    clock = SimulatedClock(START + DAYS * 86400.0)
    store, load = SeriesStore(scrape_seconds=SCRAPE), wave(days=DAYS)
    values = np.repeat(load.values, round(STEP / SCRAPE))
    times = START + SCRAPE * np.arange(len(values))
    store.add_gauge("load", {}, times, values)
    labels = {"namespace": "shop", "pod": "cpu-abc-12345", "container": "cpu"}
    store.add_counter("container_cpu_usage_seconds_total", labels, times, values)
    server, prometheus = SandboxServer(clock=clock), SandboxPrometheus(clock, store)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def on_loop(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def begin():
        await server.__aenter__()
        await prometheus.start()
        for obj in (
            *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in ("shop", "elsewhere")),
            api.crd(),
            SCALED_OBJECTS,
            ours("web", query="load"),
            ours("silent", query="nothing"),
            ours("other", namespace="elsewhere", query="load"),
            hpa("web", CPU),
            hpa("cpu", CPU),
            deployment("cpu"),
            hpa("named", RPS),
            hpa(
                "keda-hpa-queue",
                CPU,
                ownerReferences=[
                    {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "queue", "uid": "1"}
                ],
            ),
            scaled_object("queue", "load"),
        ):
            server.create(obj, namespace=obj["metadata"].get("namespace", ""))

    async def end():
        await prometheus.stop()
        await server.__aexit__(None, None, None)

    try:
        on_loop(begin())
        yield server.write_kubeconfig(tmp_path / "kubeconfig"), prometheus.url
    finally:
        on_loop(end())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_every_autoscaler_of_a_namespace_is_replayed_once_on_the_load_its_query_gives(world, tmp_path):
    kubeconfig, prometheus = world
    figures, end = tmp_path / "r.json", START + DAYS * 86400.0
    span = f"--from={START}", f"--to={end}"
    main(
        [
            "backtest",
            "--all",
            "-nshop",
            f"--kubeconfig={kubeconfig}",
            f"--prometheus={prometheus}",
            *span,
            f"--json={figures}",
        ]
    )
    found = json.loads(figures.read_text())
    named = {row["name"]: row for row in found["workloads"]}
    reasons = {one["name"]: one["why"] for one in found["left_out"]}

    assert {(name, row["kind"], row["present"]) for name, row in named.items()} == {
        ("shop/web", "BayesianAutoscaler", "HPA at 70%"),
        ("shop/cpu", "HorizontalPodAutoscaler", "HPA at 60%"),
        ("shop/queue", "ScaledObject", "KEDA at 70%"),
    }
    assert "its target is that of BayesianAutoscaler shop/web" in reasons["HorizontalPodAutoscaler shop/web"]
    assert "metricsQuery" in reasons["HorizontalPodAutoscaler shop/named"]
    assert "has no data of 'nothing'" in reasons["shop/silent"]
    assert len(reasons) == 3
    assert named["shop/web"]["days"] == named["shop/queue"]["days"] == pytest.approx(DAYS / 2, abs=0.1)
    # Pods that serve what they request, 20 cores: the same load as that of the others, at the same capacity.
    assert named["shop/cpu"]["pod_hours"] == pytest.approx(named["shop/web"]["pod_hours"], rel=0.05)


def test_a_server_that_cannot_be_asked_is_told_in_a_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["backtest", "--all", "--prometheus", "http://p:9090", "--kubeconfig", str(tmp_path / "none")])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "none" in said.err
    assert len(said.err.splitlines()) == 1

"""The ground of the end-to-end tests, proven: control plane, pods that take time to start, HPA, history."""

import json
import re
import subprocess
import sys
import time
from dataclasses import fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from harness import binaries as executables
from harness.adapter import MetricsAdapter
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.load import Load
from harness.manifests import deployment, hpa_on_cpu, hpa_on_external_metric
from harness.process import PORTS, HarnessError, own_ports, wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.traces import DAY_SECONDS

AT_ONCE = {"scaleUp": {"policies": [{"type": "Pods", "value": 50, "periodSeconds": 15}]}}


def replicas(cluster: ControlPlane, name: str, namespace: str) -> int:
    return int(cluster.get("deployment", name, namespace=namespace)["spec"]["replicas"])


def ready(cluster: ControlPlane, name: str, namespace: str) -> int:
    return int(cluster.get("deployment", name, namespace=namespace)["status"].get("readyReplicas", 0))


def condition(item: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((one for one in item["status"].get("conditions", []) if one["type"] == kind), {})


def test_kubectl_and_helm_find_a_server_whose_version_they_can_parse(cluster: ControlPlane) -> None:
    versions = json.loads(cluster.kubectl("version", "-o", "json"))

    assert re.fullmatch(r"v1\.\d+\.\d+", versions["serverVersion"]["gitVersion"])
    assert re.fullmatch(r"v1\.\d+\.\d+", versions["clientVersion"]["gitVersion"])
    assert cluster.helm("version", "--short").startswith("v4.")


def test_helm_installs_a_chart_and_waits_for_its_pods(cluster: ControlPlane, namespace: str, tmp_path: Path) -> None:
    chart = tmp_path / "shop"
    cluster.helm("create", str(chart))

    cluster.helm("install", "shop", str(chart), "-n", namespace, "--wait", "--timeout=60s")

    pods = cluster.list("pods", namespace=namespace, selector="app.kubernetes.io/name=shop")
    assert [condition(pod, "Ready")["status"] for pod in pods] == ["True"]


def test_each_pod_is_ready_only_after_a_start_up_time_of_its_own(cluster: ControlPlane, namespace: str) -> None:
    start_up = StartUp(shortest_seconds=2.0, longest_seconds=9.0)
    cluster.apply(deployment("web", namespace=namespace, replicas=8, start_up=start_up))

    wait_until(lambda: ready(cluster, "web", namespace) == 8, "eight ready pods")

    took = []
    for pod in cluster.list("pods", namespace=namespace, selector="app=web"):
        begun = datetime.fromisoformat(pod["status"]["startTime"])
        took.append((datetime.fromisoformat(condition(pod, "Ready")["lastTransitionTime"]) - begun).total_seconds())
    assert min(took) >= 2.0 - 1.0, "the API's times are whole seconds"
    assert len(set(took)) > 1, took


def test_a_deployment_scales_out_and_in(cluster: ControlPlane, namespace: str) -> None:
    cluster.apply(deployment("web", namespace=namespace, replicas=2))
    for count in (5, 1):
        cluster.kubectl("scale", "deployment/web", "-n", namespace, f"--replicas={count}")

        def settled(count: int = count) -> bool:
            pods = cluster.list("pods", namespace=namespace, selector="app=web")
            return len(pods) == count and ready(cluster, "web", namespace) == count

        wait_until(settled, f"{count} pods, all ready")


def test_a_service_account_may_do_what_its_role_says_and_no_more(cluster: ControlPlane, namespace: str) -> None:
    cluster.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    cluster.kubectl("create", "role", "reader", "-n", namespace, "--verb=list", "--resource=pods")
    cluster.kubectl(
        "create",
        "rolebinding",
        "reader",
        "-n",
        namespace,
        "--role=reader",
        f"--serviceaccount={namespace}:reader",
    )
    reader = cluster.kubeconfig_for(namespace, "reader")

    assert json.loads(cluster.kubectl("get", "pods", "-o", "json", kubeconfig=reader))["items"] == []
    with pytest.raises(HarnessError, match="secrets is forbidden"):
        cluster.kubectl("get", "secrets", kubeconfig=reader)


def test_an_hpa_follows_the_value_that_prometheus_has(
    cluster: ControlPlane, prometheus: PrometheusServer, adapter: MetricsAdapter, namespace: str
) -> None:
    queue = Load.steady(100.0, now=time.time())
    feed = Feed("queue_length", queue, {"namespace": namespace}, kind="gauge")
    prometheus.add(feed)
    adapter.serve_external(namespace, "queue", f'queue_length{{namespace="{namespace}"}}')
    cluster.apply(
        deployment("web", namespace=namespace, replicas=2),
        hpa_on_external_metric("web", "queue", "50", namespace=namespace, behavior=AT_ONCE),
    )

    def scaling_active(status: str) -> bool:
        hpa = cluster.get("hpa", "web", namespace=namespace)
        return condition(hpa, "ScalingActive").get("status") == status

    wait_until(lambda: scaling_active("True"), "the HPA reads the metric", deadline_seconds=90)
    assert replicas(cluster, "web", namespace) == 2

    queue.hold(700.0, now=time.time())
    wait_until(lambda: ready(cluster, "web", namespace) == 14, "14 replicas", deadline_seconds=90)

    feed.silent = True  # absent is not zero: the HPA says so, and keeps what runs
    wait_until(lambda: scaling_active("False"), "the HPA misses the metric", deadline_seconds=60)
    assert replicas(cluster, "web", namespace) == 14


def test_an_hpa_and_kubectl_top_see_the_cpu_that_the_load_needs(
    cluster: ControlPlane, adapter: MetricsAdapter, namespace: str
) -> None:
    load = Load.steady(200.0, now=time.time())
    adapter.serve_cpu(namespace, {"app": "web"}, load, cores=lambda rate: rate / 100)
    cluster.apply(deployment("web", namespace=namespace, replicas=2, cpu_request="500m"))
    wait_until(lambda: ready(cluster, "web", namespace) == 2, "two ready pods")

    top = cluster.kubectl("top", "pods", "-n", namespace, "--no-headers")
    assert [line.split()[1] for line in top.splitlines()] == ["1000m", "1000m"]

    cluster.apply(hpa_on_cpu("web", 80, namespace=namespace))
    wait_until(lambda: ready(cluster, "web", namespace) == 5, "2 cores at 80 % of 0.5: 5 pods", deadline_seconds=90)


def test_prometheus_knows_fourteen_days_by_the_minute_and_goes_on_live(
    prometheus: PrometheusServer, load: Load
) -> None:
    prometheus.wait_live()
    query = 'sum(rate(http_requests_total{service="checkout"}[1m]))'
    now = time.time()
    minute = now // 60 * 60
    chunks = [
        prometheus.query_range(
            query,
            start=minute - days * DAY_SECONDS + 60,
            end=minute - (days - 7) * DAY_SECONDS,
            step_seconds=60,
        )
        for days in (14, 7)
    ]
    times = np.concatenate([times for times, _ in chunks])
    values = np.concatenate([values for _, values in chunks])

    assert len(times) >= 14 * 24 * 60 - 1
    assert np.all(np.diff(times) == 60), "no hole, not even where the history meets the present"
    played = (load.total(times) - load.total(times - 60)) / 60
    backfilled = times < prometheus.live_from // 60 * 60  # across the first scrapes a rate is an extrapolation
    np.testing.assert_allclose(values[backfilled], played[backfilled], rtol=1e-6)

    (counter,) = prometheus.query("http_requests_total")
    np.testing.assert_allclose(counter.value, load.total(np.array([counter.time]))[0], rtol=1e-4)
    wait_until(lambda: prometheus.query("timestamp(http_requests_total)")[0].value > now, "a newer scrape")


def test_prometheus_comes_back_from_a_hang_and_from_a_crash_with_its_past(
    binaries: executables.Binaries, load: Load, tmp_path: Path
) -> None:
    feed = Feed("http_requests_total", load)
    with PrometheusServer(binaries, tmp_path, [feed], sample_seconds=3600) as prometheus:
        past = prometheus.query("http_requests_total", at=load.begins + DAY_SECONDS)

        prometheus.server.pause()
        with pytest.raises(requests.Timeout):
            requests.get(f"{prometheus.url}/-/healthy", timeout=1)
        prometheus.server.resume()
        assert prometheus.query("http_requests_total", at=load.begins + DAY_SECONDS) == past

        prometheus.server.kill()
        with pytest.raises(requests.ConnectionError):
            prometheus.query("up")
        prometheus.server.start()
        assert prometheus.query("http_requests_total", at=load.begins + DAY_SECONDS) == past


def test_the_cluster_goes_on_after_its_api_server_was_killed(cluster: ControlPlane, namespace: str) -> None:
    cluster.apply(deployment("web", namespace=namespace, replicas=1))
    wait_until(lambda: ready(cluster, "web", namespace) == 1, "one ready pod")

    cluster.apiserver.kill()
    with pytest.raises(HarnessError, match="refused"):
        cluster.kubectl("get", "pods")
    cluster.apiserver.start()

    cluster.kubectl("scale", "deployment/web", "-n", namespace, "--replicas=3")
    wait_until(lambda: ready(cluster, "web", namespace) == 3, "three ready pods", deadline_seconds=90)


def test_no_two_workers_are_given_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    given = []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        given.append(set(islice(own_ports(), len(PORTS))))
    assert given[0].isdisjoint(given[1])
    assert given[0] | given[1] == set(PORTS)


def test_executables_of_envtest_go_before_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [one.name for one in fields(executables.Binaries)]
    for name in names:
        (tmp_path / name.replace("_", "-")).touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    found = executables.find(build=False)

    assert [getattr(found, name) for name in names] == [(str(tmp_path / name.replace("_", "-")),) for name in names]


def test_a_machine_without_go_and_prometheus_is_told_what_to_install(tmp_path: Path) -> None:
    script = Path(executables.__file__)
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, str(script), "--build"], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Go 1.26 or newer is needed to build the control plane" in done.stderr
    assert "apt-get install --no-install-recommends prometheus" in done.stderr

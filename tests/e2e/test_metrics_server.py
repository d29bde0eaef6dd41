"""The last source of all: the pods' CPU as a real metrics-server tells it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.kwok import USAGE_ANNOTATION
from harness.manifests import bayesian_autoscaler, deployment
from harness.metrics_server import MetricsServer
from harness.process import wait_until
from harness.release import OperatorProcess

REQUEST_MILLICORES = 500
BUSY, IDLE = "450m", "10m"  # of each pod: above the target of 70 %, and far below it
MOST = 4
PATIENCE_SECONDS = 120.0
AT_ONCE = {
    "scaleUp": {"policies": [{"type": "Pods", "value": 50, "periodSeconds": 15}]},
    "scaleDown": {"stabilizationWindowSeconds": 0},
}


@pytest.fixture
def metrics_server(
    binaries: Binaries, cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MetricsServer]:
    with MetricsServer(binaries, cluster, tmp_path_factory.mktemp("metrics-server")) as server:
        yield server


@pytest.fixture
def unmeasured(cluster: ControlPlane, namespace: str) -> str:
    """A namespace whose `checkout` has no load in Prometheus, and two pods that are busy."""
    workload = deployment("checkout", namespace=namespace, replicas=2, cpu_request=f"{REQUEST_MILLICORES}m")
    workload["spec"]["template"]["metadata"]["annotations"][USAGE_ANNOTATION] = BUSY
    cluster.apply(workload)
    cluster.kubectl("rollout", "status", "deployment/checkout", "-n", namespace, "--timeout=60s")
    cluster.apply(
        bayesian_autoscaler(
            "checkout",
            f'sum(rate(no_such_counter{{namespace="{namespace}"}}[1m]))',
            50.0,
            namespace=namespace,
            maxReplicas=MOST,
            fallback={"after": "10s"},
            behavior=AT_ONCE,
        )
    )
    return namespace


def test_without_any_load_the_cpu_that_a_real_metrics_server_measures_raises_and_never_lowers(
    cluster: ControlPlane, metrics_server: MetricsServer, operator: OperatorProcess, unmeasured: str
) -> None:
    label = f"{unmeasured}/checkout"
    metrics_server.wait_measured(unmeasured, "app=checkout", 2)
    wait_until(lambda: replicas(cluster, unmeasured) == MOST, "raised by CPU", deadline_seconds=PATIENCE_SECONDS)
    raised = next(one for one in operator.decisions(label) if one.decision["final"] > 2)
    assert raised.decision["rung"] == "Reactive"
    measured = re.search(r"2 replicas ready at ([\d.]+) % of requested CPU", raised.message)
    assert measured, raised.message
    assert float(measured[1]) == pytest.approx(90, abs=3)

    cluster.kubectl(
        "annotate", "pods", "-n", unmeasured, "-l", "app=checkout", "--overwrite", f"{USAGE_ANNOTATION}={IDLE}"
    )
    wait_until(
        lambda: "without live load" in operator.decisions(label)[-1].message,
        "a decision on little CPU",
        deadline_seconds=PATIENCE_SECONDS,
    )
    assert replicas(cluster, unmeasured) == MOST

    metrics_server.process.kill()
    told = wait_until(lambda: unreadable(cluster, unmeasured), "the user is told", deadline_seconds=PATIENCE_SECONDS)
    assert "metrics.k8s.io" in told["message"]
    assert "metrics-server" in told["message"]
    assert replicas(cluster, unmeasured) == MOST


def replicas(cluster: ControlPlane, namespace: str) -> int:
    return int(cluster.get("deployment", "checkout", namespace=namespace)["spec"]["replicas"])


def unreadable(cluster: ControlPlane, namespace: str) -> dict[str, Any] | None:
    """The condition that says that there is no CPU either, if it does."""
    conditions = cluster.get("bas", "checkout", namespace=namespace)["status"]["conditions"]
    return next((one for one in conditions if "metrics.k8s.io" in one["message"]), None)

"""What the operator learns of a workload beside its load: how long its pods take to start, what one of them serves."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.load import Load
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.release import OperatorProcess, Release, leading
from harness.timeline import Timeline
from numpy.typing import NDArray

SLOW = StartUp(shortest_seconds=5.0, longest_seconds=30.0)
TRUE_P90 = 27.5  # of a uniform distribution between the two
PODS, ROUNDS = 60, 2

STEP_SECONDS = 5.0
SERVES = 50.0  # load at which a replica is at TARGET
TARGET, IDLE = 0.7, 0.03
USUAL, CROWD = 400.0, 700.0
FINE_QUERY = 'sum(rate(http_requests_total{service="checkout"}[5s]))'


@pytest.fixture
def operator(release: Release, prometheus: PrometheusServer, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator on the session's Prometheus, leading; it says in its log when it lists pods."""
    prometheus.wait_live()
    with leading(release, tmp_path, "--log-level=debug") as operator:
        yield operator


def test_lead_time_comes_to_the_p90_of_the_pods_own_start_ups(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str, tell: Callable[[str], None]
) -> None:
    here = {"namespace": namespace, "name": "checkout"}

    def learned() -> float | None:
        return operator.metric("bayescaler_lead_time_seconds", **here)

    def ready() -> int:
        return int(cluster.get("deployment", "checkout", namespace=namespace)["status"].get("readyReplicas", 0))

    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=2, start_up=SLOW),
        bayesian_autoscaler(
            "checkout", QUERY, 50, namespace=namespace, mode="Observe", forecast={"history": "6h", "seasons": []}
        ),
    )
    assumed = wait_until(learned, "the operator looks at it")
    cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
    for _ in range(ROUNDS):
        cluster.kubectl("scale", "deployment/checkout", "-n", namespace, f"--replicas={PODS}")
        wait_until(lambda: ready() == PODS, "all pods are ready", deadline_seconds=60)
        wait_until(lambda: _all_read(cluster, operator, namespace), "they were read", deadline_seconds=45)
        cluster.kubectl("scale", "deployment/checkout", "-n", namespace, "--replicas=2")
        wait_until(lambda: ready() == 2, "they are gone", deadline_seconds=30)
    known = learned()
    status = wait_until(
        lambda: _forecast(cluster, namespace, lead_seconds=known), "the status tells it", deadline_seconds=90
    )
    tell(f"assumed {assumed:g} s, learned {known:g} s; true P90 {TRUE_P90:g} s; status {status}")

    assert assumed == pytest.approx(20.0, abs=0.01)
    assert known == pytest.approx(TRUE_P90, rel=0.15)
    assert float(status["leadTime"].removesuffix("s")) == pytest.approx(TRUE_P90, rel=0.15)


def _all_read(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> bool:
    """Whether the operator has listed the pods since the last of them became ready."""
    pods = cluster.request(f"/api/v1/namespaces/{namespace}/pods").json()["items"]
    conditions = [c for pod in pods for c in pod["status"]["conditions"] if c["type"] == "Ready"]
    last = max(datetime.fromisoformat(c["lastTransitionTime"]).timestamp() for c in conditions)
    lists = [one for one in operator.records() if one.message == "pods listed" and one.at >= last]
    return any(one.fields["pods"] == PODS and one.fields["starting"] == 0 for one in lists)


def _forecast(cluster: ControlPlane, namespace: str, *, lead_seconds: float | None) -> dict[str, Any] | None:
    """Give the forecast of the status once it tells of this lead time: its live numbers come once a minute."""
    forecast: dict[str, Any] = cluster.get("bas", "checkout", namespace=namespace)["status"].get("forecast", {})
    told = forecast.get("leadTime")
    if told is None or lead_seconds is None:
        return None
    return forecast if abs(float(told.removesuffix("s")) - lead_seconds) < 1.0 else None


@dataclass
class Utilization(Feed):
    """A gauge of how busy each ready replica is with its share of the load; it has no past."""

    ready: Callable[[], int] = lambda: 0
    born: float = 0.0

    def values(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the utilisation at each time; NaN where it has no sample."""
        count = self.ready()
        used = IDLE + (TARGET - IDLE) * self.load.rate(times) / max(count, 1) / SERVES
        return np.where((times < self.born) | (count == 0), np.nan, np.minimum(used, 1.0))


@pytest.fixture
def played() -> Load:
    return Load.steady(USUAL, now=time.time() - 3 * 3600.0)


@pytest.fixture
def source(binaries: Binaries, played: Load, tmp_path: Path) -> Iterator[PrometheusServer]:
    """A Prometheus that knows three hours of the load."""
    feed = Feed("http_requests_total", played, {"service": "checkout"})
    with PrometheusServer(binaries, tmp_path / "source", [feed], sample_seconds=2.0) as server:
        server.wait_live()
        yield server


@pytest.fixture
def learner(release: Release, source: PrometheusServer, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator on that Prometheus, leading."""
    with leading(release, tmp_path, f"--prometheus={source.url}") as operator:
        yield operator


def test_capacity_is_learned_from_a_utilisation_that_depends_on_the_replicas(
    cluster: ControlPlane,
    learner: OperatorProcess,
    source: PrometheusServer,
    played: Load,
    namespace: str,
    tell: Callable[[str], None],
) -> None:
    def status() -> dict[str, Any]:
        found: dict[str, Any] = cluster.get("bas", "checkout", namespace=namespace).get("status", {})
        return found

    def ready() -> dict[str, Any]:
        return next((one for one in status().get("conditions", ()) if one["type"] == "Ready"), {})

    label = f"{namespace}/checkout"
    with Timeline(cluster, namespace) as timeline:

        def count() -> int:
            return timeline.moments[-1].counts["checkout"].ready if timeline.moments[-1].counts else 0

        cluster.apply(deployment("checkout", namespace=namespace, replicas=6))
        wait_until(lambda: timeline.moments and count() == 6, "the pods are ready")
        source.add(Utilization("cpu_utilization", played, kind="gauge", ready=count, born=time.time()))
        cluster.apply(
            bayesian_autoscaler(
                "checkout",
                FINE_QUERY,
                0,
                namespace=namespace,
                capacity={"learn": {"utilizationQuery": "cpu_utilization", "target": TARGET}},
                load={"step": "5s"},
                forecast={"history": "2h", "seasons": []},
            )
        )
        wait_until(lambda: ready().get("reason") == "CapacityNotLearned", "it says what is missing")
        by_use = wait_until(
            lambda: next((one for one in learner.decisions(label) if "utilisation, target" in one.message), None),
            "sized by utilisation meanwhile",
        )
        known = wait_until(
            lambda: (found := status().get("capacity", {})).get("source") == "Learned" and found,
            "the capacity is learned",
            deadline_seconds=200,
            every_seconds=1.0,
        )
        wait_until(lambda: ready().get("status") == "True", "the forecast sizes it", deadline_seconds=60)
        wait_until(lambda: count() >= USUAL / SERVES, "by what a replica serves", deadline_seconds=30)
        played.hold(CROWD, now=time.time())
        wait_until(lambda: count() >= CROWD / SERVES, "for another load as well", deadline_seconds=60)
    last = learner.decisions(label)[-1]
    tell(f"{by_use.message}\n{known}\n{last.message}")

    assert known["perReplica"] == pytest.approx(SERVES, rel=0.1)
    assert 0.6 * SERVES < known["low"] <= known["perReplica"]
    assert by_use.decision["rung"] == "Reactive"
    assert max(timeline.replicas("checkout")) <= 2 * CROWD / SERVES, "not without measure"

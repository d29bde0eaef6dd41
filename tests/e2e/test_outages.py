"""Prometheus gone, and the API server gone: nothing is lowered, nothing crashes, and it recovers by itself."""

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import pytest
from harness.adapter import MetricsAdapter
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.load import Load
from harness.manifests import bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.release import LogRecord, OperatorProcess, Release, leading
from harness.timeline import Timeline, table
from harness.traces import load_series

# A trace's minute is played in five seconds, and its day in two hours.
STEP_SECONDS = 5.0
DAY_SECONDS = 24 * 60 * STEP_SECONDS
HISTORY_SECONDS = 14 * DAY_SECONDS
PER_REPLICA = 50.0
CORES = 0.5  # of a replica that serves PER_REPLICA
QUERY = 'sum(rate(http_requests_total{service="checkout"}[5s]))'
RECOVER_SECONDS = 60.0  # how long load must be usable until an outage is over
AT_ONCE = {
    "scaleUp": {"policies": [{"type": "Pods", "value": 50, "periodSeconds": 15}]},
    "scaleDown": {"stabilizationWindowSeconds": 0},
}
USUAL, QUIET, CROWD = 400.0, 60.0, 900.0
OUTAGE_SECONDS = 120.0  # deadline of each of its phases


@pytest.fixture(scope="module")
def played() -> Load:
    """Two weeks of a real trace that end after the usual rise; what comes is up to the test."""
    series = load_series().scaled_to_peak(600.0).played_with_step(STEP_SECONDS)
    rise = series.daily_rise(ramp_seconds=15, after_seconds=HISTORY_SECONDS, day_seconds=DAY_SECONDS)
    series = series.from_bucket(rise - round(HISTORY_SECONDS / STEP_SECONDS))
    load = Load(series, history_seconds=HISTORY_SECONDS, now=time.time())
    load.hold(USUAL, now=time.time())
    return load


@pytest.fixture(scope="module")
def source(binaries: Binaries, played: Load, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus that may be killed."""
    feed = Feed("http_requests_total", played, {"service": "checkout"})
    with PrometheusServer(binaries, tmp_path_factory.mktemp("source"), [feed], sample_seconds=2.0) as server:
        server.wait_live()
        yield server


@pytest.fixture(scope="module")
def operator(
    release: Release, source: PrometheusServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator on that Prometheus, leading."""
    with leading(release, tmp_path_factory.mktemp("operator"), f"--prometheus={source.url}") as operator:
        yield operator


@pytest.fixture
def sized(
    cluster: ControlPlane, adapter: MetricsAdapter, operator: OperatorProcess, played: Load, namespace: str
) -> str:
    """A namespace whose `checkout` serves the usual load by a forecast, and would be lowered at once."""
    played.hold(USUAL, now=time.time())
    adapter.serve_cpu(namespace, {"app": "checkout"}, played, cores=lambda rate: rate / PER_REPLICA * CORES)
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1, cpu_request=f"{CORES * 1000:.0f}m"),
        bayesian_autoscaler(
            "checkout",
            QUERY,
            PER_REPLICA,
            namespace=namespace,
            load={"step": "5s"},
            forecast={"history": "28h", "seasons": ["2h", "14h"]},
            fallback={"after": "10s"},
            behavior=AT_ONCE,
        ),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
    wait_until(
        lambda: (
            cluster.get("deployment", "checkout", namespace=namespace)["status"].get("readyReplicas", 0)
            >= USUAL / PER_REPLICA
        ),
        "what the usual load needs",
        deadline_seconds=OUTAGE_SECONDS,
    )
    return namespace


def test_without_prometheus_the_pods_cpu_may_raise_and_nothing_is_lowered(
    cluster: ControlPlane,
    operator: OperatorProcess,
    source: PrometheusServer,
    played: Load,
    sized: str,
    tell: Callable[[str], None],
) -> None:
    label = f"{sized}/checkout"
    with Timeline(cluster, sized) as timeline:
        killed_at = time.time()
        source.server.kill()
        played.hold(QUIET, now=killed_at)
        fallback = wait_for_fallback(cluster, sized, "True", "Reactive")
        assert "no usable load" in fallback["message"]

        # So little CPU is used that a reactive rule alone would lower.
        wait_until(
            lambda: "without live load" in operator.decisions(label)[-1].message,
            "a decision on little CPU",
            deadline_seconds=OUTAGE_SECONDS,
        )

        crowd_at = time.time()
        played.hold(CROWD, now=crowd_at)
        needed = int(CROWD / PER_REPLICA / 0.7) + 1
        wait_until(
            lambda: timeline.replicas("checkout")[-1] >= needed, "raised by CPU", deadline_seconds=OUTAGE_SECONDS
        )
        raised = next(one for one in operator.decisions(label) if one.at > crowd_at and one.decision["final"] >= needed)
        assert raised.decision["rung"] == "Reactive"
        assert "of requested CPU" in raised.message

        played.hold(QUIET, now=time.time())
        source.server.start()
        back_at = time.time()
        wait_for_fallback(cluster, sized, "False", "Predictive")
        wait_until(
            lambda: timeline.replicas("checkout")[-1] < needed, "lowered at last", deadline_seconds=OUTAGE_SECONDS
        )
    decisions = [one for one in operator.decisions(label) if one.at >= killed_at]
    returned = next(one for one in decisions if one.at > back_at and one.decision["rung"] == "Predictive")
    tell(_story(timeline, played, killed_at, decisions))

    rungs = [rung for rung, _ in groupby(one.decision["rung"] for one in decisions)]
    assert rungs[-3:] == ["PredictiveOnStoredPosterior", "Reactive", "Predictive"]
    assert rungs[:-3] in ([], ["Predictive"]), "the last bucket stays good for a while"
    assert returned.at - back_at >= RECOVER_SECONDS - 1, "not before load has been there for a while"
    counts = [one.counts["checkout"].replicas for one in timeline.moments if one.at < returned.at]
    assert counts == sorted(counts), "only ever raised"
    reasons = {one["reason"] for one in events(cluster, sized)}
    assert {"Reactive", "PredictiveOnStoredPosterior", "Predictive"} <= reasons


def test_without_the_api_server_nothing_crashes_and_work_goes_on_after(
    cluster: ControlPlane, operator: OperatorProcess, sized: str
) -> None:
    pid = operator.component.pid
    with Timeline(cluster, sized) as timeline:
        before = wait_until(lambda: timeline.replicas("checkout"), "a look at the workload")[-1]
        killed_at = time.time()
        cluster.apiserver.kill()
        wait_until(lambda: not operator.leads, "the Lease is lost", deadline_seconds=OUTAGE_SECONDS)
        operator.wait_ticks(2)
        assert operator.probe("/healthz").ok, "a restart would mend nothing"

        cluster.apiserver.start()
        wait_until(lambda: operator.leads, "it leads again", deadline_seconds=OUTAGE_SECONDS)
        wait_until(lambda: operator.probe("/readyz").ok, "it sees the cluster again", deadline_seconds=OUTAGE_SECONDS)
        assert min(timeline.replicas("checkout", since=killed_at)) >= before

        cluster.kubectl("scale", "deployment/checkout", "-n", sized, "--replicas=1")
        wait_until(
            lambda: timeline.replicas("checkout")[-1] >= USUAL / PER_REPLICA,
            "it decides and writes again",
            deadline_seconds=OUTAGE_SECONDS,
        )
    assert operator.component.pid == pid


def wait_for_fallback(cluster: ControlPlane, namespace: str, status: str, reason: str) -> dict[str, Any]:
    """Wait for the condition FallbackActive to have this status and reason."""

    def probe() -> dict[str, Any] | None:
        conditions = cluster.get("bas", "checkout", namespace=namespace)["status"]["conditions"]
        found: dict[str, Any] = next(one for one in conditions if one["type"] == "FallbackActive")
        return found if (found["status"], found["reason"]) == (status, reason) else None

    told = wait_until(probe, f"FallbackActive {status}: {reason}", deadline_seconds=OUTAGE_SECONDS, every_seconds=0.5)
    assert told
    return told


def events(cluster: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    items: list[dict[str, Any]] = cluster.request(path).json()["items"]
    return [one for one in items if one["regarding"]["kind"] == "BayesianAutoscaler"]


def _story(timeline: Timeline, load: Load, zero: float, decisions: list[LogRecord]) -> str:
    """Tell the timeline from the kill on, and every decision that differed from the one before."""
    told = [f"{one.at - zero:+7.1f}s [{one.decision['rung']}] {one.message}" for one in decisions]
    story = table(timeline.moments, load, PER_REPLICA, {"checkout": "replicas"}, zero=zero)
    return "\n".join([story, "", *told])

"""The main job: replicas are there before a rise that the history has taught, beside real HPAs on twin workloads."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from harness.adapter import MetricsAdapter
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.load import Load
from harness.manifests import bayesian_autoscaler, deployment, hpa_on_external_metric
from harness.process import wait_until
from harness.prometheus import Feed, PrometheusServer
from harness.release import LogRecord, OperatorProcess, Release, leading
from harness.timeline import Timeline, pod_seconds, table, violating_seconds
from harness.traces import load_series

# A trace's minute is played in ten seconds, so that its day lasts four hours and its rise half a minute.
STEP_SECONDS = 10.0
DAY_SECONDS = 24 * 60 * STEP_SECONDS
HISTORY_SECONDS = 14 * DAY_SECONDS
RISE_SECONDS = 30.0
SEASONS = ["4h", "28h"]
LEAD_IN_SECONDS = 60.0
AFTER_SECONDS = 45.0
PEAK_RATE = 600.0
PER_REPLICA = 50.0
HPA_TARGET = "35"  # 70 % of what a replica serves, as one sets an HPA
START_UP = StartUp(shortest_seconds=4.0, longest_seconds=10.0)
# The same for both, and too generous to limit either.
BEHAVIOR = {"scaleUp": {"policies": [{"type": "Pods", "value": 50, "periodSeconds": 15}]}}
QUERY = 'sum(rate(http_requests_total{service="checkout"}[10s]))'
COLUMNS = {"checkout": "bayescaler", "checkout-hpa": "HPA", "checkout-floor": "floored HPA"}


@dataclass(frozen=True)
class Played:
    """The load, the Prometheus that knows its past, and when the usual day rises."""

    load: Load
    prometheus: PrometheusServer
    rises_at: float


@pytest.fixture
def history(binaries: Binaries, tmp_path: Path) -> PrometheusServer:
    """The Prometheus of this test, not started: once its past is written, the rise is a minute away."""
    return PrometheusServer(binaries, tmp_path / "prometheus", [], sample_seconds=2.0)


@pytest.fixture
def operator(release: Release, history: PrometheusServer, tmp_path: Path) -> Iterator[OperatorProcess]:
    """The operator, leading, its kernels compiled."""
    with leading(release, tmp_path, f"--prometheus={history.url}") as operator:
        yield operator


@pytest.fixture
def twins(cluster: ControlPlane, namespace: str) -> str:
    """A namespace with Deployments that differ in their names alone, two pods of each ready."""
    cluster.apply(*(deployment(name, namespace=namespace, replicas=2, start_up=START_UP) for name in COLUMNS))
    for name in COLUMNS:
        cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=60s")
    return namespace


@pytest.fixture
def played(
    history: PrometheusServer, operator: OperatorProcess, adapter: MetricsAdapter, twins: str
) -> Iterator[Played]:
    """Two weeks of a real trace lie behind, and the daily rise ahead by `LEAD_IN_SECONDS`."""
    series = load_series().scaled_to_peak(PEAK_RATE).played_with_step(STEP_SECONDS)
    before = HISTORY_SECONDS + LEAD_IN_SECONDS
    rise = series.daily_rise(ramp_seconds=RISE_SECONDS, after_seconds=before, day_seconds=DAY_SECONDS)
    series = series.from_bucket(rise - round(before / STEP_SECONDS))
    load = Load(series, history_seconds=HISTORY_SECONDS, now=time.time())
    history.add(Feed("http_requests_total", load, {"service": "checkout"}))
    with history:
        yield Played(load, history, load.begins + before)


def test_replicas_are_ready_before_a_rise_that_the_history_has_taught(
    cluster: ControlPlane,
    operator: OperatorProcess,
    played: Played,
    adapter: MetricsAdapter,
    twins: str,
    tell: Callable[[str], None],
) -> None:
    load, namespace = played.load, twins
    adapter.serve_external(namespace, "requests", QUERY, source=played.prometheus)
    cluster.apply(
        *(
            hpa_on_external_metric(name, "requests", HPA_TARGET, namespace=namespace, minimum=2, behavior=BEHAVIOR)
            for name in ("checkout-hpa", "checkout-floor")
        ),
        *(
            bayesian_autoscaler(
                name,
                QUERY,
                PER_REPLICA,
                namespace=namespace,
                minimum=2,
                mode=mode,
                load={"step": "10s"},
                forecast={"history": "56h", "seasons": SEASONS},
                behavior=BEHAVIOR,
            )
            for name, mode in (("checkout", "Auto"), ("checkout-floor", "Floor"))
        ),
    )
    label = f"{namespace}/checkout"
    with Timeline(cluster, namespace) as timeline:
        cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
        wait_until(
            lambda: time.time() > played.rises_at + AFTER_SECONDS,
            "the rise has come and gone",
            deadline_seconds=LEAD_IN_SECONDS + AFTER_SECONDS + 30,
            every_seconds=0.5,
        )
    told = operator.decisions(label)
    described = cluster.kubectl("describe", "bas", "checkout", "-n", namespace)
    status = cluster.get("bas", "checkout", namespace=namespace)["status"]

    # The load at the middle of the rise: who asked for its pods before it was there, and who after?
    level, needed_at = _middle_of_rise(load, played.rises_at)
    ours, theirs, floored = (timeline.first(name, level, since=played.rises_at - LEAD_IN_SECONDS) for name in COLUMNS)
    raised = next(one for one in told if one.decision["final"] >= level)
    moments = timeline.since(played.rises_at - 30)
    tell(_story(timeline, played, level, needed_at, raised, told))

    assert timeline.since(0)[0].at < played.rises_at - 2 * STEP_SECONDS, "watched from well before the rise"
    assert ours < needed_at < theirs
    assert floored < needed_at, "the real HPA has followed its floor, which was raised for it"
    assert _now(load, ours) <= PER_REPLICA * (level - 1), "the load itself did not ask for it yet"
    wrong, wrong_of_hpa, wrong_of_floored = (violating_seconds(moments, name, load, PER_REPLICA) for name in COLUMNS)
    assert wrong < wrong_of_hpa
    assert wrong_of_floored < wrong_of_hpa

    # The decision record says why: the forecast, not the load.
    assert raised.decision["rung"] == "Predictive"
    assert raised.decision["load"] < raised.decision["demand"]
    assert raised.decision["load"] <= PER_REPLICA * (level - 1)
    assert raised.decision["steps"][0]["limiter"] == "Forecast"
    assert "expected within 30s at 95 %" in raised.message
    assert raised.decision["steps"][-1]["after"] == raised.decision["final"]
    # And so do the Events that `kubectl describe` shows, and the status.
    assert f"New size: {raised.decision['final']}; {raised.message}" in described
    assert "SuccessfulRescale" in described
    assert status["phase"] == "Trusted"
    assert status["lastDecision"]["final"] == told[-1].decision["final"]
    assert status["lastDecision"]["message"]


def _now(load: Load, at: float) -> float:
    return float(load.rate(np.array([at]))[0])


def _middle_of_rise(load: Load, rises_at: float) -> tuple[int, float]:
    """Give the pods that half of the load after the rise needs, and when the load first needs them."""
    buckets = rises_at + np.arange(-3, 6) * STEP_SECONDS
    rates = load.rate(buckets)
    level = int(np.ceil(0.5 * rates[-1] / PER_REPLICA))
    return level, float(buckets[np.argmax(rates > PER_REPLICA * (level - 1))])


def _story(
    timeline: Timeline, played: Played, level: int, needed_at: float, raised: LogRecord, told: list[LogRecord]
) -> str:
    """Tell both timelines, and what they come to."""
    moments = timeline.since(played.rises_at - 40)
    lines = [
        table(moments, played.load, PER_REPLICA, COLUMNS, zero=played.rises_at),
        "",
        f"at {needed_at - played.rises_at:+.1f}s the load needs {level} pods",
    ]
    for name, title in COLUMNS.items():
        asked, ready = (timeline.first(name, level, ready=one) - played.rises_at for one in (False, True))
        over = violating_seconds(moments, name, played.load, PER_REPLICA)
        lines.append(
            f"{title:>12}: asked for at {asked:+.1f}s, ready at {ready:+.1f}s; "
            f"{over:.1f} s of {moments[-1].at - moments[0].at:.0f} s violating, "
            f"{pod_seconds(moments, name) / 60:.1f} pod-minutes"
        )
    lines += ["", *(f"{one.at - played.rises_at:+7.1f}s {one.message}" for one in told)]
    lines += ["", "the decision that raised them:", json.dumps(raised.decision, indent=2)]
    return "\n".join(lines)

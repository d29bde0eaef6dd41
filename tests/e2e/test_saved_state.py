"""A restart, or another leader, in the middle of a scale-up: what a period allows is not allowed again to the next."""

from collections.abc import Callable
from pathlib import Path

from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import PrometheusServer
from harness.release import OperatorProcess, Release
from harness.timeline import Timeline

PERIOD_SECONDS, ADDED = 45, 2
CLOCKS_SECONDS = 2.0  # when it was decided, and when it was seen


def test_a_restart_in_the_middle_of_a_scale_up_goes_on_with_what_was_allowed(
    cluster: ControlPlane,
    release: Release,
    prometheus: PrometheusServer,
    namespace: str,
    tmp_path: Path,
    tell: Callable[[str], None],
) -> None:
    prometheus.wait_live()
    uid = begin_to_climb(cluster, namespace)
    with Timeline(cluster, namespace) as timeline:
        with OperatorProcess(release, tmp_path, name="before") as before:
            add_first(timeline, before, namespace)
        assert not before.refusals()
        assert not before.faults()
        saved = cluster.get("configmap", f"{release.name}-state-0", namespace=release.namespace)
        assert uid in saved["binaryData"]
        with OperatorProcess(release, tmp_path, name="after") as after:
            wait_until(lambda: after.leads, "it leads again", deadline_seconds=60)
            took_up = after.metric("bayescaler_state_reads_total", result="restored")
            add_next(timeline)
        assert not after.refusals()
        assert not after.faults()
    size = sum(len(text) for text in saved["binaryData"].values())
    apart = seconds_between(timeline)
    tell(f"{ADDED} pods a {PERIOD_SECONDS} s: the next {apart:.1f} s later, a restart between; {size} bytes saved")
    assert took_up is not None
    assert apart >= PERIOD_SECONDS - CLOCKS_SECONDS


def test_a_leader_that_crashes_in_the_middle_of_a_scale_up_leaves_no_more_to_the_next(
    cluster: ControlPlane,
    release: Release,
    prometheus: PrometheusServer,
    namespace: str,
    tmp_path: Path,
    tell: Callable[[str], None],
) -> None:
    first, second = (OperatorProcess(release, tmp_path, name=name) for name in ("first", "second"))
    prometheus.wait_live()
    with Timeline(cluster, namespace) as timeline, first:
        wait_until(lambda: first.leads, "the first leads", deadline_seconds=60)
        with second:
            wait_until(lambda: second.probe("/readyz").ok, "the second is warm", deadline_seconds=60)
            begin_to_climb(cluster, namespace, most=1)
            here = {"namespace": namespace, "name": "checkout"}
            wait_until(lambda: second.metric("bayescaler_desired_replicas", **here) == 1, "the second knows it")
            begin_to_climb(cluster, namespace)
            add_first(timeline, second, namespace)
            assert first.leads
            first.component.kill()
            wait_until(lambda: second.leads and second.holds_lease, "the second leads", deadline_seconds=60)
            add_next(timeline)
        assert not second.refusals()
        assert not second.faults()
    apart = seconds_between(timeline)
    tell(f"{ADDED} pods a {PERIOD_SECONDS} s: the next {apart:.1f} s later, by another leader")
    assert timeline.replicas("checkout") == sorted(timeline.replicas("checkout")), "no dip"
    assert apart >= PERIOD_SECONDS - CLOCKS_SECONDS


def begin_to_climb(cluster: ControlPlane, namespace: str, *, most: int = 20) -> str:
    """Apply `checkout`, which needs twenty pods and may have two more a period; return the uid of its autoscaler."""
    policy = {"type": "Pods", "value": ADDED, "periodSeconds": PERIOD_SECONDS}
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1),
        bayesian_autoscaler(
            "checkout", QUERY, 0.1, namespace=namespace, maximum=most, behavior={"scaleUp": {"policies": [policy]}}
        ),
    )
    return str(cluster.get("bas", "checkout", namespace=namespace)["metadata"]["uid"])


def add_first(timeline: Timeline, seen_by: OperatorProcess, namespace: str) -> None:
    """Wait for the first pods to be added, and for an operator to have decided with them."""
    here = {"namespace": namespace, "name": "checkout"}
    wait_until(lambda: reaches(timeline, 1 + ADDED), "the first pods are added", deadline_seconds=90)
    wait_until(lambda: seen_by.metric("bayescaler_current_replicas", **here) == 1 + ADDED, "it has seen them")
    seen_by.wait_ticks(2)


def add_next(timeline: Timeline) -> None:
    wait_until(lambda: reaches(timeline, 1 + 2 * ADDED), "more pods are added", deadline_seconds=90)


def reaches(timeline: Timeline, count: int) -> bool:
    return timeline.replicas("checkout")[-1:] == [count]


def seconds_between(timeline: Timeline) -> float:
    """From the first pods to the next."""
    first, second = (
        next(one.at for one in timeline.moments if one.counts and one.counts["checkout"].replicas == 1 + step * ADDED)
        for step in (1, 2)
    )
    return second - first

"""A restart in the middle of a scale-up: what one is allowed in a period is not allowed again to the next process."""

from collections.abc import Callable
from pathlib import Path

from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.manifests import bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import PrometheusServer
from harness.release import OperatorProcess, Release
from harness.timeline import Timeline

QUERY = 'sum(rate(http_requests_total{service="checkout"}[1m]))'
QUICK = StartUp(shortest_seconds=0.2, longest_seconds=1.0)
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
    policy = {"type": "Pods", "value": ADDED, "periodSeconds": PERIOD_SECONDS}
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1, start_up=QUICK),
        bayesian_autoscaler(
            "checkout", QUERY, 0.1, namespace=namespace, maximum=20, behavior={"scaleUp": {"policies": [policy]}}
        ),
    )
    uid = cluster.get("bas", "checkout", namespace=namespace)["metadata"]["uid"]
    here = {"namespace": namespace, "name": "checkout"}
    with Timeline(cluster, namespace) as timeline:

        def reaches(count: int) -> bool:
            return timeline.replicas("checkout")[-1:] == [count]

        with OperatorProcess(release, tmp_path, name="before") as before:
            wait_until(lambda: reaches(1 + ADDED), "the first pods are added", deadline_seconds=90)
            wait_until(lambda: before.metric("bayescaler_current_replicas", **here) == 1 + ADDED, "it has seen them")
            ticks = before.metric("bayescaler_tick_seconds_count", stage="total") or 0
            wait_until(
                lambda: (before.metric("bayescaler_tick_seconds_count", stage="total") or 0) >= ticks + 2,
                "it decides on",
            )
        assert not before.refusals()
        assert not before.faults()
        saved = cluster.get("configmap", f"{release.name}-state-0", namespace=release.namespace)
        assert uid in saved["binaryData"]
        with OperatorProcess(release, tmp_path, name="after") as after:
            wait_until(lambda: after.leads, "it leads again", deadline_seconds=60)
            took_up = after.metric("bayescaler_state_reads_total", result="restored")
            wait_until(lambda: reaches(1 + 2 * ADDED), "more pods are added", deadline_seconds=90)
        assert not after.refusals()
        assert not after.faults()
    first, second = (
        next(one.at for one in timeline.moments if one.counts and one.counts["checkout"].replicas == 1 + step * ADDED)
        for step in (1, 2)
    )
    size = sum(len(text) for text in saved["binaryData"].values())
    apart = second - first
    tell(f"{ADDED} pods a {PERIOD_SECONDS} s: the next {apart:.1f} s later, a restart between; {size} bytes saved")

    assert took_up is not None
    assert apart >= PERIOD_SECONDS - CLOCKS_SECONDS

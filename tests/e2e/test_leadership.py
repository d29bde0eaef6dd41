"""Two operators and one Lease: one writes, the other is warm and takes over, and replicas never dip."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.prometheus import PrometheusServer
from harness.release import OperatorProcess, Release
from harness.timeline import Timeline

WANTED = 5  # in one step: four pods may be added at once
TAKE_OVER_SECONDS = 60.0  # the Lease lasts fifteen


@pytest.fixture
def operators(
    release: Release, prometheus: PrometheusServer, tmp_path: Path
) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """A leader, and one that waits."""
    prometheus.wait_live()
    first, second = (OperatorProcess(release, tmp_path, name=name) for name in ("first", "second"))
    with first:
        wait_until(lambda: first.leads, "the first leads")
        with second:
            yield first, second


def test_the_second_takes_over_when_the_first_is_killed_and_the_first_again_when_the_second_ends(
    cluster: ControlPlane,
    release: Release,
    operators: tuple[OperatorProcess, OperatorProcess],
    namespace: str,
) -> None:
    first, second = operators
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1),
        bayesian_autoscaler(
            "checkout",
            QUERY,
            0.1,
            namespace=namespace,
            maximum=WANTED,
            behavior={"scaleDown": {"stabilizationWindowSeconds": 0}},
        ),
    )
    with Timeline(cluster, namespace) as timeline:
        settled = raised(timeline)
        here = {"namespace": namespace, "name": "checkout"}
        wait_until(lambda: second.metric("bayescaler_desired_replicas", **here) == WANTED, "the second decides too")
        assert first.holds_lease
        assert first.leads
        assert not second.leads
        assert second.metric("bayescaler_scale_writes_total", result="ok") is None, "but it writes nothing"
        handed_over = int(release.lease["spec"]["leaseTransitions"])

        first.component.kill()
        wait_until(lambda: second.leads and second.holds_lease, "the second leads", deadline_seconds=TAKE_OVER_SECONDS)
        assert int(release.lease["spec"]["leaseTransitions"]) == handed_over + 1
        assert set(timeline.replicas("checkout", since=settled)) == {WANTED}, "no dip"
        settled = mended(cluster, namespace, timeline)

        first.component.start()
        second.component.stop()  # in order: it gives the Lease back
        wait_until(lambda: first.leads and first.holds_lease, "the first leads", deadline_seconds=TAKE_OVER_SECONDS)
        assert set(timeline.replicas("checkout", since=settled)) == {WANTED}, "no dip"
        mended(cluster, namespace, timeline)
    assert not first.faults() + second.faults()


def mended(cluster: ControlPlane, namespace: str, timeline: Timeline) -> float:
    """Lower the replicas by hand; tell when they were seen to be raised again."""
    cluster.kubectl("scale", "deployment/checkout", "-n", namespace, "--replicas=2")
    return raised(timeline, since=time.time())


def raised(timeline: Timeline, *, since: float = 0.0) -> float:
    wait_until(
        lambda: timeline.replicas("checkout", since=since)[-1:] == [WANTED],
        f"raised to {WANTED}",
        deadline_seconds=60,
    )
    return timeline.moments[-1].at

"""The chart's end: nothing of it runs on, no object is lost, and a new installation takes up what stayed."""

import json

from harness.controlplane import ControlPlane
from harness.kwok import QUICK
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.release import Release

# Everything of the chart but the CRD, which stays with the objects of its kind.
CHART_KINDS = (
    "deployments,replicasets,jobs,pods,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"
)


def test_uninstall_leaves_nothing_running_and_no_object_lost(
    cluster: ControlPlane, release: Release, namespace: str
) -> None:
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=2, start_up=QUICK),
        bayesian_autoscaler("checkout", QUERY, 50.0, namespace=namespace),
    )
    release.uninstall()
    try:
        selector = f"app.kubernetes.io/instance={release.name}"
        wait_until(
            lambda: not cluster.kubectl("get", CHART_KINDS, "-A", "-l", selector, "-o", "name"), "nothing is left"
        )
        assert json.loads(cluster.helm("list", f"--namespace={release.namespace}", "--output=json")) == []
        assert cluster.get("bas", "checkout", namespace=namespace)["spec"]["capacity"] == {"perReplica": 50.0}
        assert cluster.get("deployment", "checkout", namespace=namespace)["spec"]["replicas"] == 2
    finally:
        release.install()  # over the CRD that stayed
    cluster.kubectl("wait", "--for=condition=Established", "crd/bayesianautoscalers.bayescaler.dev", "--timeout=10s")
    assert cluster.get("bas", "checkout", namespace=namespace)

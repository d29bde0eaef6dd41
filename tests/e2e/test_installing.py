"""Every way in, on a cluster of its own: plain manifests; upgrade, rollback, uninstallation; some namespaces only."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness.binaries import Binaries
from harness.chart import CHART
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import HarnessError, wait_until
from harness.prometheus import PrometheusServer
from harness.release import OperatorProcess, Release

MANIFESTS = CHART.parents[1] / "deploy" / "install.yaml"
CRD = "bayesianautoscalers.bayescaler.dev"
NEW_FIELD = "schedules"
SCHEDULE = {"name": "sale", "start": "0 8 * * 5", "duration": "4h", "minReplicas": 2}
# Everything of the chart but the CRD, which stays with the objects of its kind.
CHART_KINDS = (
    "deployments,replicasets,jobs,pods,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"
)
DECIDED_SECONDS = 60.0


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that no other story's kind is installed in."""
    with ControlPlane(binaries, tmp_path_factory.mktemp("installing")) as cluster:
        yield cluster


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The chart of a version before, whose CustomResourceDefinition lacks a field."""
    chart = tmp_path / "released"
    shutil.copytree(CHART, chart)
    (chart / "Chart.yaml").write_text(
        re.sub(r"^version: .*$", "version: 0.0.9", (chart / "Chart.yaml").read_text(), flags=re.MULTILINE)
    )
    path = chart / "files" / "bayescaler.dev_bayesianautoscalers.yaml"
    crd = yaml.safe_load(path.read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"][NEW_FIELD]
    spec["x-kubernetes-validations"] = [one for one in spec["x-kubernetes-validations"] if NEW_FIELD not in str(one)]
    path.write_text(yaml.safe_dump(crd, sort_keys=False))
    return chart


def fields(cluster: ControlPlane) -> set[str]:
    """The fields of spec that the CustomResourceDefinition in the cluster has."""
    (version,) = cluster.get("crd", CRD)["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def chart_of_pods(cluster: ControlPlane, release: Release) -> str:
    deployment = cluster.get("deployment", release.name, namespace=release.namespace)
    assert deployment["status"]["readyReplicas"] == 2
    return str(deployment["spec"]["template"]["metadata"]["labels"]["helm.sh/chart"])


def checkout(namespace: str, **spec: object) -> list[dict[str, object]]:
    return [
        deployment("checkout", namespace=namespace, replicas=1),
        bayesian_autoscaler("checkout", QUERY, 0.1, namespace=namespace, maximum=3, **spec),
    ]


def decides(cluster: ControlPlane, namespace: str) -> None:
    """Wait until the object's workload has been scaled."""
    wait_until(
        lambda: cluster.get("deployment", "checkout", namespace=namespace)["spec"]["replicas"] == 3,
        "checkout is scaled",
        deadline_seconds=DECIDED_SECONDS,
    )


def test_the_manifests_bring_pods_that_a_restricted_namespace_takes(cluster: ControlPlane) -> None:
    cluster.kubectl("apply", "--server-side", "-f", str(MANIFESTS))
    cluster.kubectl("rollout", "status", "deployment/bayescaler", "-n", "bayescaler-system", "--timeout=60s")
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=10s")
    again = cluster.kubectl("apply", "--server-side", "-f", str(MANIFESTS))
    assert "conflict" not in again
    cluster.kubectl("delete", "-f", str(MANIFESTS), "--timeout=60s")
    with pytest.raises(HarnessError, match="NotFound"):
        cluster.get("crd", CRD)


def test_an_upgrade_brings_the_kind_a_rollback_takes_it_back_and_no_object_is_lost(
    cluster: ControlPlane, prometheus: PrometheusServer, released: Path, namespace: str, tmp_path: Path
) -> None:
    prometheus.wait_live()
    values = {"prometheus": {"address": prometheus.url}, "operator": {"interval": "2s", "startup": "20s"}}
    release = Release(cluster, values)
    release.install(released)
    assert NEW_FIELD not in fields(cluster)
    assert chart_of_pods(cluster, release) == "bayescaler-0.0.9"
    cluster.apply(*checkout(namespace))

    operator = OperatorProcess(release, tmp_path)
    operator.component.launch()  # it is newer than the kind, as after an upgrade with crds.install off
    try:
        says = f"older than the operator, it has no spec.{NEW_FIELD}"
        wait_until(lambda: says in operator.probe("/readyz").text, "it says what it lacks", deadline_seconds=180)
        assert operator.probe("/healthz").ok
        assert cluster.get("deployment", "checkout", namespace=namespace)["spec"]["replicas"] == 1

        release.upgrade()
        assert NEW_FIELD in fields(cluster)
        assert chart_of_pods(cluster, release) != "bayescaler-0.0.9"
        wait_until(lambda: operator.probe("/readyz").ok, "it goes on by itself", deadline_seconds=60)
        decides(cluster, namespace)
        cluster.apply(*checkout(namespace, **{NEW_FIELD: [SCHEDULE]})[1:])
        assert cluster.get("bas", "checkout", namespace=namespace)["spec"][NEW_FIELD]

        release.rollback(1)
        assert NEW_FIELD not in fields(cluster)
        assert chart_of_pods(cluster, release) == "bayescaler-0.0.9"
        assert operator.probe("/healthz").ok
        assert cluster.get("bas", "checkout", namespace=namespace)["spec"]["capacity"] == {"perReplica": 0.1}
        assert operator.refusals() == []
        assert len([one for one in operator.records() if says in one.message]) == 1, "said once"
    finally:
        operator.component.stop()
        release.uninstall()


def test_an_uninstallation_leaves_nothing_running_and_no_object_lost_and_a_new_one_takes_up_what_stayed(
    cluster: ControlPlane, namespace: str
) -> None:
    release = Release(cluster, {})
    release.install()
    cluster.apply(*checkout(namespace))
    release.uninstall()
    selector = f"app.kubernetes.io/instance={release.name}"
    wait_until(lambda: not cluster.kubectl("get", CHART_KINDS, "-A", "-l", selector, "-o", "name"), "nothing is left")
    assert json.loads(cluster.helm("list", f"--namespace={release.namespace}", "--output=json")) == []
    assert cluster.get("crd", CRD)["spec"]["group"] == "bayescaler.dev", "it stays, with every object"
    assert cluster.get("bas", "checkout", namespace=namespace)["spec"]["capacity"] == {"perReplica": 0.1}
    assert cluster.get("deployment", "checkout", namespace=namespace)["spec"]["replicas"] == 1

    release.install()
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=10s")
    assert cluster.get("bas", "checkout", namespace=namespace)
    release.uninstall()


def test_in_some_namespaces_only_it_needs_nothing_of_the_cluster_and_names_a_right_that_is_missing(
    cluster: ControlPlane, prometheus: PrometheusServer, namespace: str, tmp_path: Path
) -> None:
    prometheus.wait_live()
    cluster.kubectl("apply", "--server-side", "-f", str(CHART.parents[1] / "crds"), "--force-conflicts")
    values = {
        "watchNamespaces": [namespace],
        "prometheus": {"address": prometheus.url},
        "operator": {"interval": "2s", "startup": "20s"},
        "crds": {"install": False},
        "rbac": {"aggregate": False},
    }
    release = Release(cluster, values, name="bayescaler-small", namespace="small-system")
    release.install()
    here = f"app.kubernetes.io/instance={release.name}"
    assert not cluster.kubectl("get", "clusterroles,clusterrolebindings", "-l", here, "-o", "name")
    target = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "other"}}
    cluster.apply(
        *checkout(namespace), bayesian_autoscaler("other", QUERY, 0.1, namespace=namespace, maximum=3, **target)
    )
    try:
        with OperatorProcess(release, tmp_path) as operator:
            decides(cluster, namespace)
            rule = f'{{apiGroups: ["apps"], resources: ["replicasets/scale"], verbs: ["get"]}} in namespace {namespace}'

            def able() -> str:
                status = cluster.get("bas", "other", namespace=namespace).get("status", {})
                told = {one["type"]: one["message"] for one in status.get("conditions", ())}
                return str(told.get("AbleToScale"))

            wait_until(lambda: rule in able(), "the condition names the rule")
            assert "rbac.extraScaleTargets, {group: apps, resource: replicasets}" in able()
            assert [one for one in operator.records() if rule in one.message]
            others = [one for one in operator.refusals() if "replicasets" not in one]
            assert others == []
    finally:
        release.uninstall()

"""Mode Floor beside a real HPA, whose own controller scales above it; KEDA's objects; what is left in the end."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from harness.adapter import MetricsAdapter
from harness.audit import service_account
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment, hpa_on_external_metric
from harness.process import wait_until
from harness.release import EXECUTABLE, OperatorProcess, Release

OWN, FLOOR, ABOVE = 2, 5, 9  # the HPA's own least, ours (its maximum bounds it), and what the HPA's metric asks for
AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}
SCALED_OBJECTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {
            "plural": "scaledobjects",
            "singular": "scaledobject",
            "kind": "ScaledObject",
            "listKind": "ScaledObjectList",
        },
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture(scope="module", autouse=True)
def keda(cluster: ControlPlane) -> Iterator[None]:
    """KEDA's kind, without KEDA: before the operator starts, or it would look for it a minute later."""
    cluster.apply(SCALED_OBJECTS)
    cluster.kubectl("wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=20s")
    yield
    cluster.kubectl("delete", "crd", "scaledobjects.keda.sh")


@dataclass
class Shop:
    """One Deployment with its HPA; `asks` is what the HPA's metric asks for, in pods."""

    cluster: ControlPlane
    namespace: str
    asks: float = 1.0

    def hpa(self) -> dict[str, Any]:
        return self.cluster.get("hpa", "checkout", namespace=self.namespace)

    def least(self) -> int:
        return int(self.hpa()["spec"]["minReplicas"])

    def notes(self) -> list[str]:
        annotations = self.hpa()["metadata"].get("annotations") or {}
        return sorted(key for key in annotations if key.startswith("bayescaler.dev/"))

    def replicas(self) -> int:
        return int(self.cluster.get("deployment", "checkout", namespace=self.namespace)["spec"]["replicas"])

    def edit(self, **spec: Any) -> None:
        patch = json.dumps({"spec": spec})
        self.cluster.kubectl("patch", "bas", "checkout", "-n", self.namespace, "--type=merge", "-p", patch)

    def condition(self, kind: str) -> tuple[str, str]:
        status = self.cluster.get("bas", "checkout", namespace=self.namespace).get("status", {})
        found = next(one for one in status.get("conditions", []) if one["type"] == kind)
        return found["status"], found["reason"]

    def raised(self, mode: str = "Floor") -> None:
        scaler = bayesian_autoscaler("checkout", QUERY, 0.1, namespace=self.namespace, maximum=FLOOR, mode=mode)
        self.cluster.apply(scaler)
        wait_until(lambda: self.least() == FLOOR, "the floor is raised", deadline_seconds=60)

    def restored(self) -> None:
        wait_until(lambda: self.least() == OWN, "the floor is put back", deadline_seconds=30)
        assert self.notes() == []


@pytest.fixture
def shop(cluster: ControlPlane, adapter: MetricsAdapter, namespace: str) -> Shop:
    made = Shop(cluster, namespace)
    adapter.serve_script(namespace, "asked", lambda: made.asks)
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=OWN),
        hpa_on_external_metric(
            "checkout", "asked", "1", namespace=namespace, minimum=OWN, maximum=20, behavior=AT_ONCE
        ),
    )
    return made


def test_the_hpa_keeps_to_the_floor_scales_above_it_and_gets_its_own_back_on_pause(
    shop: Shop, operator: OperatorProcess
) -> None:
    shop.raised()
    wait_until(lambda: shop.replicas() == FLOOR, "the HPA keeps to the floor", deadline_seconds=60)

    shop.asks = float(ABOVE)
    wait_until(lambda: shop.replicas() == ABOVE, "the HPA scales above it", deadline_seconds=60)
    assert shop.least() == FLOOR

    shop.asks = 1.0
    wait_until(lambda: shop.replicas() == FLOOR, "the HPA comes down to the floor", deadline_seconds=60)
    assert shop.condition("Ready") == ("True", "Ready")
    assert shop.condition("Conflicted") == ("False", "NoConflict")

    shop.edit(paused=True)
    shop.restored()
    wait_until(lambda: shop.replicas() == OWN, "the HPA comes down to its own", deadline_seconds=60)
    assert operator.refusals() == []


def test_the_floor_is_put_back_on_a_change_of_mode_and_auto_does_not_fight_the_hpa(
    shop: Shop, operator: OperatorProcess
) -> None:
    shop.raised()
    shop.edit(mode="Auto")
    shop.restored()
    wait_until(
        lambda: shop.condition("Conflicted") == ("True", "HorizontalPodAutoscaler"), "it is said", deadline_seconds=30
    )
    wait_until(lambda: shop.replicas() == OWN, "the HPA alone decides", deadline_seconds=60)

    shop.cluster.kubectl("delete", "hpa", "checkout", "-n", shop.namespace)
    wait_until(lambda: shop.replicas() == FLOOR, "without it decisions are applied", deadline_seconds=60)
    wait_until(lambda: shop.condition("Conflicted") == ("False", "NoConflict"), "and that is said")


def test_the_floor_is_put_back_on_deletion_which_waits_for_nobody(shop: Shop, operator: OperatorProcess) -> None:
    shop.raised()
    shop.cluster.kubectl("delete", "bas", "checkout", "-n", shop.namespace, "--timeout=10s")
    shop.restored()


def test_a_number_applied_by_hand_is_the_new_original(shop: Shop, operator: OperatorProcess) -> None:
    shop.raised()
    patch = json.dumps({"spec": {"minReplicas": 7}})
    shop.cluster.kubectl("patch", "hpa", "checkout", "-n", shop.namespace, "--type=merge", "-p", patch)
    wait_until(lambda: shop.condition("Conflicted") == ("True", "FloorEdited"), "it is said", deadline_seconds=30)
    shop.edit(paused=True)
    wait_until(lambda: shop.notes() == [], "our notes are gone", deadline_seconds=30)
    assert shop.least() == 7


def test_of_keda_the_scaled_object_is_raised(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> None:
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1),
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": {"scaleTargetRef": {"name": "checkout"}, "maxReplicaCount": 20, "triggers": [{"type": "cpu"}]},
        },
        bayesian_autoscaler("checkout", QUERY, 0.1, namespace=namespace, maximum=FLOOR, mode="Floor"),
    )

    def least() -> object:
        return cluster.get("scaledobject", "checkout", namespace=namespace)["spec"].get("minReplicaCount")

    # From none to four pods at once, and the fifth a quarter of a minute later.
    wait_until(lambda: least() == FLOOR, "the floor is raised", deadline_seconds=60)
    cluster.kubectl("delete", "bas", "checkout", "-n", namespace)
    wait_until(lambda: least() is None, "nothing is written there again", deadline_seconds=30)
    assert operator.refusals() == []


def test_before_an_uninstallation_the_floors_are_put_back_for_good(
    shop: Shop, operator: OperatorProcess, release: Release
) -> None:
    """What the chart's hook runs, with the account it runs as, while the operator leads."""
    shop.raised()
    command = [
        str(EXECUTABLE),
        *restore_arguments(release),
        f"--kubeconfig={release.cluster.kubeconfig_for(release.namespace, release.name)}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        (said,) = [json.loads(line) for line in done.stderr.splitlines()]
        assert (said["logger"], said["write"], said["after"], said["result"]) == (
            "bayescaler.audit",
            f"HorizontalPodAutoscaler {shop.namespace}/checkout",
            OWN,
            "ok",
        )
        asked = release.cluster.audit.of(service_account(release.namespace, release.name))
        written = [one for one in asked if "/horizontalpodautoscalers/" in one["requestURI"]]
        assert written[-1]["userAgent"].endswith(" (bayescaler restore)"), "the API server's audit log has it too"
        assert f'{shop.namespace}: minReplicas of HorizontalPodAutoscaler "checkout" is {OWN}' in done.stdout
        wait_until(lambda: not operator.leads, "the operator no longer leads")
        shop.restored()
        assert operator.refusals() == []
    finally:
        nobody = json.dumps({"spec": {"holderIdentity": ""}})
        release.cluster.kubectl("patch", "lease", release.name, "-n", release.namespace, "--type=merge", "-p", nobody)
    wait_until(lambda: operator.leads, "it leads again", deadline_seconds=30)


def restore_arguments(release: Release) -> list[str]:
    """The command line of the hook, as helm tells it."""
    hooks = release.cluster.helm("get", "hooks", release.name, f"--namespace={release.namespace}")
    (job,) = [one for one in yaml.safe_load_all(hooks) if one and one["kind"] == "Job"]
    arguments: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
    return arguments

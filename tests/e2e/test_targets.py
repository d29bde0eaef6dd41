"""Any kind with the scale subresource is sized, wherever it keeps its replicas."""

from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment, stateful_set
from harness.process import wait_until
from harness.release import OperatorProcess

WANTED = 5  # in one step: four pods may be added at once
# Its replicas are `spec.crew.size`: nothing but its scale subresource tells.
FLEETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "fleets.games.example"},
    "spec": {
        "group": "games.example",
        "scope": "Namespaced",
        "names": {"plural": "fleets", "singular": "fleet", "kind": "Fleet", "listKind": "FleetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.crew.size",
                        "statusReplicasPath": ".status.size",
                        "labelSelectorPath": ".status.selector",
                    },
                },
            }
        ],
    },
}


def target(kind: str, api_version: str, name: str) -> dict[str, Any]:
    return {"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": name}}


def test_a_stateful_set_is_sized(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> None:
    cluster.apply(
        stateful_set("ledger", namespace=namespace, replicas=1),
        bayesian_autoscaler(
            "ledger",
            QUERY,
            0.1,
            namespace=namespace,
            maximum=WANTED,
            **target("StatefulSet", "apps/v1", "ledger"),
        ),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "bas/ledger", "-n", namespace, "--timeout=60s")

    wait_until(
        lambda: cluster.get("statefulset", "ledger", namespace=namespace)["status"].get("readyReplicas") == WANTED,
        f"{WANTED} ready pods",
        deadline_seconds=60,
    )
    here = {"namespace": namespace, "name": "ledger"}
    wait_until(lambda: operator.metric("bayescaler_current_replicas", **here) == WANTED, "the operator sees them")


@pytest.fixture
def fleet(cluster: ControlPlane, namespace: str) -> dict[str, Any]:
    cluster.apply(FLEETS)
    cluster.kubectl("wait", "--for=condition=Established", "crd/fleets.games.example", "--timeout=20s")
    return {
        "apiVersion": "games.example/v1",
        "kind": "Fleet",
        "metadata": {"name": "arena", "namespace": namespace},
        "spec": {"crew": {"size": 1}, "map": "islands"},
    }


def test_a_kind_of_somebody_elses_is_sized_by_its_scale_subresource(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str, fleet: dict[str, Any]
) -> None:
    scaler = bayesian_autoscaler(
        "arena", QUERY, 0.1, namespace=namespace, maximum=WANTED, **target("Fleet", "games.example/v1", "arena")
    )
    wait_until(lambda: cluster.apply(fleet), "the new kind is served")
    cluster.apply(scaler)
    cluster.kubectl("wait", "--for=condition=Ready", "bas/arena", "-n", namespace, "--timeout=60s")

    wait_until(lambda: size(cluster, namespace) == WANTED, "the crew is raised", deadline_seconds=60)

    assert cluster.get("fleet", "arena", namespace=namespace)["spec"]["map"] == "islands"
    assert operator.refusals() == []


def size(cluster: ControlPlane, namespace: str) -> int:
    return int(cluster.get("fleet", "arena", namespace=namespace)["spec"]["crew"]["size"])


def test_a_replica_set_of_its_own_is_sized(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> None:
    alone = deployment("alone", namespace=namespace, replicas=1) | {"kind": "ReplicaSet"}
    scaler = bayesian_autoscaler(
        "alone", QUERY, 0.1, namespace=namespace, maximum=WANTED, **target("ReplicaSet", "apps/v1", "alone")
    )
    cluster.apply(alone, scaler)

    wait_until(
        lambda: cluster.get("replicaset", "alone", namespace=namespace)["status"].get("readyReplicas") == WANTED,
        f"{WANTED} ready pods",
        deadline_seconds=60,
    )
    assert operator.refusals() == []


def test_a_schedule_and_then_zero_and_back_on_a_kind_of_somebody_elses(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str, fleet: dict[str, Any]
) -> None:
    """The number lies at `.spec.crew.size`, and at zero the scale carries none."""
    always = {"name": "crew", "start": "* * * * *", "duration": "1h", "minReplicas": 3}
    scaler = bayesian_autoscaler(
        "arena",
        "vector(0)",
        1,
        namespace=namespace,
        minimum=0,
        load={"kind": "Gauge", "step": "5s", "activationThreshold": 0.5},
        forecast={"history": "2h", "seasons": []},
        behavior={"scaleDown": {"stabilizationWindowSeconds": 0}},
        schedules=[always],
        **target("Fleet", "games.example/v1", "arena"),
    )
    wait_until(lambda: cluster.apply(fleet), "the new kind is served")
    cluster.apply(scaler)
    wait_until(lambda: size(cluster, namespace) == 3, "the schedule raises the crew", deadline_seconds=60)
    wait_until(lambda: limited(cluster, namespace) == "Schedule", "and says so")

    scaler["spec"]["schedules"] = []
    cluster.apply(scaler)
    wait_until(lambda: size(cluster, namespace) == 0, "the crew goes home", deadline_seconds=60)

    scaler["spec"]["load"]["prometheus"]["query"] = "vector(2)"
    cluster.apply(scaler)
    wait_until(lambda: size(cluster, namespace) >= 2, "the crew comes back", deadline_seconds=60)
    assert operator.refusals() == []


def limited(cluster: ControlPlane, namespace: str) -> str:
    conditions = cluster.get("bas", "arena", namespace=namespace).get("status", {}).get("conditions", [])
    return next((str(c["reason"]) for c in conditions if c["type"] == "ScalingLimited"), "")

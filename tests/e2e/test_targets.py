"""Any kind with the scale subresource is sized, wherever it keeps its replicas."""

from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.manifests import bayesian_autoscaler, stateful_set
from harness.process import wait_until
from harness.release import OperatorProcess

QUERY = 'sum(rate(http_requests_total{service="checkout"}[1m]))'
QUICK = StartUp(shortest_seconds=0.2, longest_seconds=1.0)
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
        stateful_set("ledger", namespace=namespace, replicas=1, start_up=QUICK),
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
    wait_until(lambda: operator.metric("bayescaler_ready_replicas", **here) == WANTED, "the operator sees them")


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

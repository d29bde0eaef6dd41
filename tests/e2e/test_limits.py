"""What the real control plane does with a number: quotas, nodes without room, rollouts, schedules it must take."""

from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.manifests import QUERY, bayesian_autoscaler, deployment, stateful_set
from harness.process import HarnessError, wait_until
from harness.release import OperatorProcess, Release

from bayescaler.cluster.progress import rolling_out

SLOW = StartUp(shortest_seconds=1.0, longest_seconds=1.5)
WANTED = 5


def condition(cluster: ControlPlane, namespace: str, name: str = "web") -> tuple[str, str]:
    conditions = cluster.get("bas", name, namespace=namespace).get("status", {}).get("conditions", [])
    return next(((c["reason"], c["message"]) for c in conditions if c["type"] == "ScalingLimited"), ("", ""))


def replicas(cluster: ControlPlane, namespace: str) -> int:
    return int(cluster.get("deployment", "web", namespace=namespace)["spec"]["replicas"])


def test_a_quota_is_said_in_the_clusters_words_and_the_number_stands(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": namespace},
        "spec": {"hard": {"pods": "3"}},
    }
    cluster.apply(
        quota,
        deployment("web", namespace=namespace),
        bayesian_autoscaler("web", QUERY, 0.1, namespace=namespace, maximum=WANTED),
    )
    wait_until(lambda: condition(cluster, namespace)[0] == "QuotaExceeded", "the quota is said", deadline_seconds=90)
    assert "exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3" in condition(cluster, namespace)[1]
    assert replicas(cluster, namespace) == WANTED

    cluster.apply(quota | {"spec": {"hard": {"pods": "20"}}})
    cluster.kubectl("scale", "deployment/web", "-n", namespace, "--replicas=4")  # its controller backs off for minutes
    wait_until(
        lambda: condition(cluster, namespace)[0] not in {"", "QuotaExceeded"}, "it is said no more", deadline_seconds=90
    )
    assert operator.refusals() == []


def test_pods_that_no_node_has_room_for_are_said_and_stay(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    cluster.apply(
        deployment("web", namespace=namespace, cpu_request="5k"),
        bayesian_autoscaler(
            "web",
            QUERY,
            0.1,
            namespace=namespace,
            maximum=WANTED,
            load={"step": "15s"},
            forecast={
                "history": "2h",
                "seasons": [],
                "horizon": "15s",
            },  # pods are missing once they are later than that
        ),
    )
    wait_until(lambda: replicas(cluster, namespace) == WANTED, "the pods are asked for", deadline_seconds=60)
    wait_until(lambda: condition(cluster, namespace)[0] == "Unschedulable", "it is said", deadline_seconds=150)
    assert "Insufficient cpu" in condition(cluster, namespace)[1]
    assert replicas(cluster, namespace) == WANTED
    assert operator.refusals() == []


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_a_rollout_is_told_from_a_scaling(cluster: ControlPlane, kind: str) -> None:
    name, make = f"told-{kind}", deployment if kind == "deployment" else stateful_set
    cluster.apply(make(name, replicas=3, start_up=SLOW))
    cluster.kubectl("rollout", "status", f"{kind}/{name}", "--timeout=60s")
    wait_until(lambda: not rolling_out(cluster.get(kind, name)), "the first rollout ends")

    cluster.kubectl("scale", f"{kind}/{name}", "--replicas=6")
    during = []
    wait_until(lambda: during.append(rolling_out(raw := cluster.get(kind, name))) or ready(raw) == 6, "six pods")
    assert during
    assert not any(during), "a change of the number alone"

    cluster.kubectl("set", "image", f"{kind}/{name}", "web=example.invalid/web:2")
    wait_until(lambda: rolling_out(cluster.get(kind, name)), "the rollout is seen")
    cluster.kubectl("rollout", "status", f"{kind}/{name}", "--timeout=120s")
    wait_until(lambda: not rolling_out(cluster.get(kind, name)), "its end is seen")


def ready(raw: dict[str, Any]) -> int:
    return int(raw["status"].get("readyReplicas") or 0)


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"start": "0 8 * *"}, "start is no cron expression of five fields: write minute, hour"),
        ({"minReplicas": 99}, "minReplicas of a schedule must not exceed maxReplicas"),
        ({"minReplicas": None}, "a schedule needs minReplicas or maxReplicas"),
        ({"maxReplicas": 1}, "minReplicas of a schedule must not exceed its maxReplicas"),
    ],
)
def test_the_api_server_refuses_a_schedule_in_a_sentence(
    cluster: ControlPlane, release: Release, schedule: dict[str, Any], told: str
) -> None:
    sale = {"name": "sale", "start": "0 8 * * 5", "duration": "4h", "minReplicas": 8} | schedule
    with pytest.raises(HarnessError) as refused:
        cluster.apply(bayesian_autoscaler("refused", QUERY, 1, schedules=[sale]))
    assert told in str(refused.value)


def test_the_api_server_takes_as_many_schedules_as_are_allowed(cluster: ControlPlane, release: Release) -> None:
    names = [f"s{n}-{'x' * 59}" for n in range(16)]
    many = [{"name": n[:63], "start": "*/5 0-23 * * 1-5", "duration": "1m", "minReplicas": 2} for n in names]
    cluster.apply(bayesian_autoscaler("many", QUERY, 1, schedules=many, paused=True))
    cluster.kubectl("delete", "bas/many")

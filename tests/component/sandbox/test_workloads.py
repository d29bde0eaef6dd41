"""Deployments and StatefulSets whose pods take time to be ready, in simulated time."""

import math

import pytest

from bayescaler.sandbox import pods
from bayescaler.sandbox.clock import epoch
from bayescaler.sandbox.workloads import Workloads


def run(server, start_up, seed=0):
    return Workloads(server.registry, start_up=start_up, seed=seed)


def status(server, kind="Deployment", name="web"):
    return server.get("apps/v1", kind, name)["status"]


def pods_of(server):
    return [record.object for _, record in server.store.items(("", "pods"))]


def ready_at(pod):
    return next(epoch(c["lastTransitionTime"]) for c in pod["status"]["conditions"] if c["type"] == "Ready")


def test_a_pod_is_ready_exactly_after_its_start_up(server, clock, workload):
    run(server, pods.fixed(30))
    server.create(workload(replicas=2))
    clock.advance(29)
    assert status(server)["replicas"] == 2
    assert "readyReplicas" not in status(server)
    clock.advance(1)
    assert status(server)["readyReplicas"] == 2
    assert [ready_at(pod) - epoch(pod["metadata"]["creationTimestamp"]) for pod in pods_of(server)] == [30, 30]


def test_pods_belong_to_a_replica_set_that_belongs_to_the_deployment(server, clock, workload):
    run(server, pods.fixed(1))
    deployment = server.create(workload())
    clock.advance(1)
    (replica_set,) = [record.object for _, record in server.store.items(("apps", "replicasets"))]
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
    for pod in pods_of(server):
        (owner,) = pod["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (replica_set["metadata"]["uid"], True)
        assert pod["metadata"]["labels"]["app"] == "web"


def test_the_status_follows_the_generation_and_the_conditions_the_pods(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload(replicas=4))
    clock.advance(10)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 12}})
    assert status(server)["observedGeneration"] == 1
    clock.advance(0)
    now = status(server)
    assert (now["observedGeneration"], now["replicas"], now["readyReplicas"], now["unavailableReplicas"]) == (
        2,
        12,
        4,
        8,
    )
    assert {c["type"]: c["status"] for c in now["conditions"]} == {"Available": "False", "Progressing": "True"}
    clock.advance(10)
    now = status(server)
    assert (now["readyReplicas"], now["availableReplicas"], "unavailableReplicas" in now) == (12, 12, False)
    assert {c["type"]: c["status"] for c in now["conditions"]}["Available"] == "True"


def test_a_scale_in_takes_pods_that_are_not_ready_first(server, clock, workload):
    workloads = run(server, pods.fixed(10))
    server.create(workload(replicas=3))
    clock.advance(10)
    workloads.start_up = pods.fixed(math.inf)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 5}})
    clock.advance(100)
    assert (status(server)["replicas"], status(server)["readyReplicas"]) == (5, 3)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 3}})
    clock.advance(0)
    assert (status(server)["replicas"], status(server)["readyReplicas"]) == (3, 3)


def test_a_scale_to_zero_leaves_no_pod_and_no_ready_count(server, clock, workload):
    run(server, pods.fixed(1))
    server.create(workload())
    clock.advance(1)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 0}})
    clock.advance(0)
    assert pods_of(server) == []
    assert status(server).keys() & {"replicas", "readyReplicas", "availableReplicas"} == set()


def test_a_deleted_pod_is_replaced(server, clock, workload):
    run(server, pods.fixed(5))
    server.create(workload(replicas=2))
    clock.advance(5)
    gone = pods_of(server)[0]["metadata"]["name"]
    server.delete("v1", "Pod", gone)
    clock.advance(0)
    assert gone not in [pod["metadata"]["name"] for pod in pods_of(server)]
    assert (status(server)["replicas"], status(server)["readyReplicas"]) == (2, 1)
    clock.advance(5)
    assert status(server)["readyReplicas"] == 2


def test_a_rollout_never_has_fewer_ready_pods_than_allowed_nor_more_pods_than_surge(server, clock, workload):
    run(server, pods.uniform(5, 20))
    server.create(workload(replicas=8))
    clock.advance(60)
    new = {"containers": [{"name": "web", "image": "web:2"}]}
    server.patch("apps/v1", "Deployment", "web", {"spec": {"template": {"spec": new}}})
    for _ in range(120):
        clock.advance(1)
        assert status(server)["readyReplicas"] >= 6
        assert status(server)["replicas"] <= 10
    assert {pod["spec"]["containers"][0]["image"] for pod in pods_of(server)} == {"web:2"}
    assert status(server)["updatedReplicas"] == status(server)["readyReplicas"] == 8


def test_a_recreate_rollout_ends_the_old_pods_first(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload(replicas=3, strategy={"type": "Recreate"}))
    clock.advance(10)
    new = {"containers": [{"name": "web", "image": "web:2"}]}
    server.patch("apps/v1", "Deployment", "web", {"spec": {"template": {"spec": new}}})
    clock.advance(0)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods_of(server)} == {"web:2"}
    assert "readyReplicas" not in status(server)


def test_a_stateful_set_starts_its_pods_in_order_and_ends_the_last_first(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload("StatefulSet", replicas=3))
    counts = []
    for _ in range(3):
        clock.advance(10)
        counts.append([pod["metadata"]["name"] for pod in pods_of(server)])
    assert counts == [["web-0", "web-1"], ["web-0", "web-1", "web-2"], ["web-0", "web-1", "web-2"]]
    assert status(server, "StatefulSet")["readyReplicas"] == 3
    server.patch("apps/v1", "StatefulSet", "web", {"spec": {"replicas": 1}})
    clock.advance(0)
    assert [pod["metadata"]["name"] for pod in pods_of(server)] == ["web-0"]


def test_a_parallel_stateful_set_starts_all_at_once(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload("StatefulSet", replicas=3, podManagementPolicy="Parallel"))
    clock.advance(10)
    assert status(server, "StatefulSet")["readyReplicas"] == 3


def test_a_bare_replica_set_is_scaled_too(server, clock, workload):
    run(server, pods.fixed(1))
    server.create(workload("ReplicaSet", name="bare", replicas=3))
    clock.advance(1)
    assert status(server, "ReplicaSet", "bare")["readyReplicas"] == 3


def test_a_pod_that_fails_its_probe_is_not_counted_ready(server, clock, workload):
    workloads = run(server, pods.fixed(1))
    server.create(workload(replicas=2))
    clock.advance(1)
    workloads.set_ready("default", pods_of(server)[0]["metadata"]["name"], ready=False)
    clock.advance(0)
    assert status(server)["readyReplicas"] == 1
    with pytest.raises(LookupError, match="no pod default/nope"):
        workloads.set_ready("default", "nope", ready=True)


def test_the_same_seed_gives_the_same_starts(clock, workload):
    from bayescaler.sandbox.clock import SimulatedClock
    from bayescaler.sandbox.server import SandboxServer

    def starts(seed):
        clock = SimulatedClock(0.0)
        server = SandboxServer(clock=clock, seed=seed)
        run(server, pods.lognormal(30, 60), seed=seed)
        server.create(workload(replicas=20))
        clock.advance(1000)
        return [(pod["metadata"]["name"], ready_at(pod)) for pod in pods_of(server)]

    assert starts(1) == starts(1)
    assert starts(1) != starts(2)


def test_lognormal_starts_have_the_median_and_p90_asked_for():
    import random

    rng, start_up = random.Random(1), pods.lognormal(30, 60)
    drawn = sorted(start_up(rng) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(30, rel=0.03)
    assert drawn[18_000] == pytest.approx(60, rel=0.03)
    with pytest.raises(ValueError, match="median <= p90"):
        pods.lognormal(60, 30)


def test_deleting_a_deployment_takes_its_replica_sets_and_pods_along(server, clock, workload):
    run(server, pods.fixed(1))
    server.create(workload())
    clock.advance(1)
    server.delete("apps/v1", "Deployment", "web")
    clock.advance(10)
    assert pods_of(server) == []
    assert server.store.items(("apps", "replicasets")) == []


def test_a_workload_that_was_there_before_the_controllers_is_taken_up(server, clock, workload):
    server.create(workload(replicas=2))
    workloads = run(server, pods.fixed(1))
    clock.advance(1)
    assert status(server)["readyReplicas"] == 2
    workloads.stop()
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 9}})
    clock.advance(100)
    assert len(pods_of(server)) == 2


def condition(server, kind, name="web"):
    return next((c for c in status(server, name=name).get("conditions", ()) if c["type"] == kind), None)


def test_pods_over_a_quota_are_refused_and_the_deployment_says_so_until_there_is_room(server, clock, workload):
    cluster = run(server, pods.fixed(10))
    server.create(workload(replicas=2))
    clock.advance(10)
    cluster.limit(quota=3)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 5}})
    clock.advance(10)
    assert len(pods_of(server)) == status(server)["readyReplicas"] == 3
    refused = condition(server, "ReplicaFailure")
    assert (refused["status"], refused["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: pods, requested: pods=1, used: pods=3, limited: pods=3" in refused["message"]
    cluster.limit()
    clock.advance(10)
    assert status(server)["readyReplicas"] == 5
    assert condition(server, "ReplicaFailure") is None


def test_pods_without_room_wait_for_a_node_and_start_when_there_is_one(server, clock, workload):
    cluster = run(server, pods.fixed(10))
    cluster.limit(room=2)
    server.create(workload(replicas=3))
    clock.advance(10)
    (waiting,) = [pod for pod in pods_of(server) if pods.waits(pod)]
    (why,) = waiting["status"]["conditions"]
    assert (waiting["status"]["phase"], why["type"], why["reason"]) == ("Pending", "PodScheduled", "Unschedulable")
    assert status(server)["readyReplicas"] == 2
    cluster.limit(room=5)
    clock.advance(9)
    assert status(server)["readyReplicas"] == 2
    clock.advance(1)
    assert status(server)["readyReplicas"] == 3


def test_a_change_of_the_number_alone_is_no_rollout_and_a_new_template_is_one_until_it_is_done(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload(replicas=4))
    assert condition(server, "Progressing") is None
    clock.advance(10)
    server.patch("apps/v1", "Deployment", "web", {"spec": {"replicas": 9}})
    clock.advance(1)
    assert condition(server, "Progressing")["reason"] == "NewReplicaSetAvailable"
    clock.advance(10)
    new = {"containers": [{"name": "web", "image": "web:2"}]}
    server.patch("apps/v1", "Deployment", "web", {"spec": {"template": {"spec": new}}})
    clock.advance(1)
    assert condition(server, "Progressing")["reason"] == "ReplicaSetUpdated"
    clock.advance(120)
    assert condition(server, "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_stateful_set_has_two_revisions_while_it_replaces_pods(server, clock, workload):
    run(server, pods.fixed(10))
    server.create(workload("StatefulSet", replicas=2))
    clock.advance(30)
    before = status(server, "StatefulSet")
    assert before["currentRevision"] == before["updateRevision"]
    new = {"containers": [{"name": "web", "image": "web:2"}]}
    server.patch("apps/v1", "StatefulSet", "web", {"spec": {"template": {"spec": new}}})
    clock.advance(1)
    during = status(server, "StatefulSet")
    assert during["currentRevision"] == before["currentRevision"] != during["updateRevision"]
    clock.advance(60)
    after = status(server, "StatefulSet")
    assert after["currentRevision"] == after["updateRevision"] == during["updateRevision"]

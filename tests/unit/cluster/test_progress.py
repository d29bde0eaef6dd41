"""What a workload's status says of its pods: a rollout, which a scaling is not, and a refusal."""

import pytest

from bayescaler.cluster.progress import refusal, rolling_out
from bayescaler.cluster.targets import project


def progressing(reason, status="True"):
    return {"conditions": [{"type": "Progressing", "status": status, "reason": reason}]}


@pytest.mark.parametrize(
    ("spec", "status", "found"),
    [
        ({}, progressing("NewReplicaSetAvailable") | {"replicas": 4, "updatedReplicas": 4}, False),
        ({}, progressing("NewReplicaSetAvailable") | {"replicas": 4, "updatedReplicas": 1}, True),
        ({}, progressing("ReplicaSetUpdated") | {"replicas": 4, "updatedReplicas": 4}, True),
        ({}, progressing("NewReplicaSetCreated"), True),
        ({}, progressing("ProgressDeadlineExceeded", "False") | {"replicas": 4, "updatedReplicas": 1}, False),
        ({"paused": True}, progressing("DeploymentPaused", "Unknown") | {"replicas": 4, "updatedReplicas": 1}, False),
        ({}, {"replicas": 4, "updatedReplicas": 1}, True),
        ({"paused": True}, {"replicas": 4, "updatedReplicas": 1}, False),
        ({}, {}, False),
        ({}, {"currentRevision": "a", "updateRevision": "a", "replicas": 3, "updatedReplicas": 3}, False),
        ({}, {"currentRevision": "a", "updateRevision": "b", "replicas": 3, "updatedReplicas": 3}, True),
        ({"updateStrategy": {"type": "OnDelete"}}, {"currentRevision": "a", "updateRevision": "b"}, False),
        *(
            (
                {"updateStrategy": {"rollingUpdate": {"partition": 2}}},
                {"currentRevision": "a", "updateRevision": "b", "replicas": 3, "updatedReplicas": updated},
                rolling,
            )
            for updated, rolling in ((0, True), (1, False))
        ),
    ],
    ids=[
        "complete", "old pods left", "new pods not ready yet", "just begun", "stuck", "paused", "no deadline kept",
        "paused without a deadline", "nothing reported yet", "one revision", "two revisions", "by hand",
        "above the partition", "up to the partition",
    ],
)  # fmt: skip
def test_a_rollout_is_told_apart(spec, status, found):
    raw = {"metadata": {"uid": "u"}, "spec": spec, "status": status}
    assert rolling_out(raw) is found
    assert project(raw).rolling_out is found


def test_a_refusal_is_the_api_servers_own_sentence():
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}
    raw = {"metadata": {"uid": "u"}, "status": {"conditions": [failed]}}
    assert refusal(raw) == project(raw).refusal == "exceeded quota: q"
    assert refusal({"status": {"conditions": [failed | {"status": "False"}]}}) == ""
    assert refusal({"status": {"conditions": [failed | {"reason": "FailedDelete"}]}}) == ""
    assert refusal({}) == ""

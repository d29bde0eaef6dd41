"""What a pod tells of its start: when it was ready for the first time, or that it still may be."""

import pytest

from bayescaler.cluster.pods import PodStart, project

MADE = 1_772_452_800.0  # 2026-03-02T12:00:00Z


def pod(*, ready=None, turned="12:00:00", started="12:00:00", labels=None, waits=None, restarts=0):
    """A pod made at noon; `ready` None: no such condition yet, as long as it is not scheduled."""
    status = {"phase": "Pending"}
    if started:
        status["startTime"] = f"2026-03-02T{started}Z"
    if ready is not None:
        status["conditions"] = [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-02T12:00:00Z"},
            {"type": "Ready", "status": ready, "lastTransitionTime": f"2026-03-02T{turned}Z"},
        ]
    if waits:
        status["containerStatuses"] = [{"restartCount": restarts, "state": {"waiting": {"reason": waits}}}]
    return {
        "metadata": {
            "uid": "p1", "name": "web-1", "creationTimestamp": "2026-03-02T12:00:00Z",
            "labels": {"pod-template-hash": "abc"} if labels is None else labels,
        },
        "spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "proxy", "image": "proxy:2"}]},
        "status": status,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "ready_at", "starting"),
    [
        (pod(ready="True", turned="12:00:47"), MADE + 47.0, False),
        (pod(ready="False"), None, True),
        (pod(ready=None, started=None), None, True),
        (pod(ready="False", started="12:09:00", turned="12:09:01"), None, True),
        (pod(ready="False", turned="12:20:00"), None, False),
        (pod(ready="False", waits="ContainerCreating"), None, True),
        (pod(ready="False", waits="ImagePullBackOff"), None, False),
        (pod(ready="False", waits="CrashLoopBackOff", restarts=4), None, False),
    ],
    ids=["ready", "starting", "no node yet", "a node at last", "ready no more", "created", "no image", "crashes"],
)
def test_a_pod_is_ready_or_starting_or_neither(seen, ready_at, starting):
    assert project(seen) == PodStart("p1", MADE, "abc", ready_at, starting)


@pytest.mark.parametrize(
    ("labels", "template"),
    [
        ({"pod-template-hash": "abc", "app": "web"}, "abc"),
        ({"controller-revision-hash": "web-77"}, "web-77"),
        ({}, "web:1 proxy:2"),
    ],
)
def test_its_template_is_its_controllers_label_or_else_its_images(labels, template):
    assert project(pod(ready="False", labels=labels)).template == template

"""Pods as the sandbox runs them: how one looks while it starts and once it is ready, and how long its start takes."""

import hashlib
import json
import math
import random
from collections.abc import Callable
from typing import Any

from bayescaler.sandbox.clock import rfc3339
from bayescaler.sandbox.server.builtins import pod_spec

Json = dict[str, Any]
StartUp = Callable[[random.Random], float]  # seconds from creation to Ready; math.inf is never

NODE = "sandbox"
_HASH_ALPHABET = "bcdf456789hjklmnpqrstvwxz2"


def fixed(seconds: float) -> StartUp:
    """Every start takes `seconds`."""
    return lambda _: seconds


def uniform(low_seconds: float, high_seconds: float) -> StartUp:
    """Starts take any time between the two."""
    return lambda rng: rng.uniform(low_seconds, high_seconds)


def lognormal(median_seconds: float, p90_seconds: float) -> StartUp:
    """Starts with this median and 90th percentile and the long tail that image pulls give."""
    if not 0 < median_seconds <= p90_seconds:
        raise ValueError(f"a start-up time needs 0 < median <= p90, not {median_seconds} and {p90_seconds} seconds")
    sigma = math.log(p90_seconds / median_seconds) / 1.2815515655446004  # the standard normal's 0.9 quantile
    return lambda rng: rng.lognormvariate(math.log(median_seconds), sigma)


def template_hash(template: Json) -> str:
    """Ten characters that name a pod template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_HASH_ALPHABET[byte % len(_HASH_ALPHABET)] for byte in digest[:10])


def starting(name: str, owner: Json, template: Json, labels: dict[str, str], *, uid: str, now: float) -> Json:
    """A pod just created for `owner` from its template: scheduled, not ready."""
    at, metadata = rfc3339(now), template.get("metadata", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "uid": uid,
            "creationTimestamp": at,
            "generation": 1,
            "labels": {**metadata.get("labels", {}), **labels},
            "annotations": metadata.get("annotations", {}),
            "ownerReferences": [reference(owner)],
        },
        "spec": {**pod_spec(template.get("spec", {})), "nodeName": NODE},
        "status": _beginning(template.get("spec", {}), at),
    }


def _beginning(spec: Json, at: str) -> Json:
    return {
        "phase": "Pending",
        "startTime": at,
        "conditions": [
            _condition("PodScheduled", "True", at),
            _condition("Initialized", "True", at),
            _condition("ContainersReady", "False", at),
            _condition("Ready", "False", at),
        ],
        "containerStatuses": _containers(spec, at, ready=False),
    }


def unscheduled(pod: Json, *, now: float) -> Json:
    """The pod, just created, as the scheduler leaves it when no node has room."""
    message = "0/1 nodes are available: 1 Too many pods. no new claims to deallocate."
    why = {**_condition("PodScheduled", "False", rfc3339(now)), "reason": "Unschedulable", "message": message}
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    return {**pod, "spec": spec, "status": {"phase": "Pending", "conditions": [why]}}


def waits(pod: Json) -> bool:
    """Whether the pod has no node yet."""
    return "nodeName" not in pod["spec"]


def scheduled(pod: Json, *, now: float) -> Json:
    """The pod as it starts on the node that it was given at last."""
    at = rfc3339(now)
    return {**pod, "spec": {**pod["spec"], "nodeName": NODE}, "status": _beginning(pod["spec"], at)}


def failure(replica_set: Json, message: str, now: float) -> Json:
    """The ReplicaFailure condition of a ReplicaSet whose pods are refused."""
    for condition in replica_set["status"].get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["message"].split()[2:] == message.split()[2:]:
            return dict(condition)  # another try, another pod's name: no news
    return {**_condition("ReplicaFailure", "True", rfc3339(now)), "reason": "FailedCreate", "message": message}


def reference(owner: Json) -> Json:
    """The controller reference to `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_readiness(pod: Json, *, ready: bool, address: str, now: float) -> Json:
    """The pod with its Ready condition set, its containers running."""
    at, word = rfc3339(now), "True" if ready else "False"
    conditions = [
        _condition(c["type"], word, at) if c["type"] in {"Ready", "ContainersReady"} and c["status"] != word else c
        for c in pod["status"]["conditions"]
    ]
    status = {
        **pod["status"],
        "phase": "Running",
        "podIP": address,
        "conditions": conditions,
        "containerStatuses": _containers(pod["spec"], at, ready=ready),
    }
    return {**pod, "status": status}


def is_ready(pod: Json) -> bool:
    """Whether the pod's Ready condition is True."""
    for condition in reversed(pod.get("status", {}).get("conditions", ())):
        if condition["type"] == "Ready":
            return bool(condition["status"] == "True")
    return False


def _condition(kind: str, status: str, at: str) -> Json:
    return {"type": kind, "status": status, "lastTransitionTime": at}


def _containers(spec: Json, at: str, *, ready: bool) -> list[Json]:
    state = {"running": {"startedAt": at}} if ready else {"waiting": {"reason": "ContainerCreating"}}
    return [
        {
            "name": c["name"],
            "image": c.get("image", ""),
            "imageID": "",
            "ready": ready,
            "started": ready,
            "restartCount": 0,
            "state": state,
        }
        for c in spec.get("containers", ())
    ]

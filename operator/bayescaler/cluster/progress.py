"""What a Deployment or StatefulSet says of its own pods: whether it replaces them, and whether it is refused any."""

from collections.abc import Iterator

from .paths import Json


def rolling_out(raw: Json) -> bool:
    """Whether the controller is replacing pods, which a change of the number alone is not.

    A Deployment says so by its Progressing condition, which a scaling leaves alone, or by pods of an older template;
    not while it is paused, nor once its progress deadline has passed. A StatefulSet says so by its revisions; not by
    those left to somebody's hand (OnDelete, or below a partition).
    """
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    current, update = status.get("currentRevision"), status.get("updateRevision")
    if update is not None:
        strategy = spec.get("updateStrategy") or {}
        if current == update or strategy.get("type") == "OnDelete":
            return False
        partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        return partition == 0 or int(status.get("updatedReplicas") or 0) < int(status.get("replicas") or 0) - partition
    for condition in _conditions(status, "Progressing"):
        if condition.get("status") != "True":
            return False
        if condition.get("reason") != "NewReplicaSetAvailable":
            return True
    replicas = int(status.get("replicas") or 0)
    return not spec.get("paused") and int(status.get("updatedReplicas", replicas) or 0) < replicas


def refusal(raw: Json) -> str:
    """The API server's sentence to a Deployment whose pods it refuses, as over a quota; empty without."""
    for condition in _conditions(raw.get("status") or {}, "ReplicaFailure"):
        if condition.get("status") == "True" and condition.get("reason") == "FailedCreate":
            return str(condition.get("message") or "no reason was given")
    return ""


def _conditions(status: Json, kind: str) -> Iterator[Json]:
    return (condition for condition in status.get("conditions") or () if condition.get("type") == kind)

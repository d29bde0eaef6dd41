"""A Deployment's rollout: how many pods its new and its older ReplicaSets should have now, and what it says of it."""

import math
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def step(spec: Json, wanted: int, current: Json, older: list[Json]) -> tuple[int, list[tuple[Json, int]]]:
    """Replicas of the ReplicaSet of the current template, and what is left of each older one."""
    old = [rs for rs in older if rs["spec"]["replicas"] > 0]
    if not old:
        return wanted, []
    if spec.get("strategy", {}).get("type") == "Recreate":
        running = sum(rs["status"].get("replicas", 0) for rs in old)
        return (0 if running else wanted), [(rs, 0) for rs in old]
    surge = _pods(_rolling(spec).get("maxSurge", "25%"), wanted, up=True)
    unavailable = max_unavailable(spec, wanted)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    total_old = sum(rs["spec"]["replicas"] for rs in old)
    new = max(current["spec"]["replicas"], min(wanted, wanted + surge - total_old))
    ready_new = min(current["status"].get("readyReplicas", 0), wanted)
    return min(new, wanted), list(_cuts(old, max(0, wanted - unavailable - ready_new)))


def max_unavailable(spec: Json, wanted: int) -> int:
    """How many of `wanted` pods may be missing during a rollout."""
    return _pods(_rolling(spec).get("maxUnavailable", "25%"), wanted, up=False)


def _rolling(spec: Json) -> Json:
    rolling = spec.get("strategy", {}).get("rollingUpdate")
    return rolling if isinstance(rolling, dict) else {}


def _pods(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = of * float(value.rstrip("%")) / 100.0
    return math.ceil(exact) if up else math.floor(exact)


def _cuts(old: list[Json], keep_ready: int) -> Iterator[tuple[Json, int]]:
    for replica_set in old:
        left = min(replica_set["spec"]["replicas"], replica_set["status"].get("readyReplicas", 0), keep_ready)
        keep_ready -= left
        yield replica_set, left


def is_complete(deployment: Json) -> bool:
    """Whether its last rollout is known to have come to its end."""
    said = deployment.get("status", {}).get("conditions", ())
    return any((c["type"], c["reason"]) == ("Progressing", "NewReplicaSetAvailable") for c in said)


def conditions(deployment: Json, wanted: list[tuple[str, bool, str]], now: str) -> list[Json]:
    """Its conditions with these statuses and reasons; the times of what has not changed stay."""
    before = {c["type"]: c for c in deployment.get("status", {}).get("conditions", ())}
    made = []
    for kind, holds, reason in wanted:
        old, status = before.get(kind, {}), str(holds)
        if (old.get("status"), old.get("reason")) == (status, reason):
            made.append(old)
            continue
        since = old["lastTransitionTime"] if old.get("status") == status else now
        made.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": reason,
                "lastUpdateTime": now,
                "lastTransitionTime": since,
            }
        )
    return made

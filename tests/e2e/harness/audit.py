"""The audit log of an API server: who asked for what, and what was answered."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

HPA_CONTROLLER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
# What each account that is none of Kubernetes' own asked for, and what it was answered; each scale that an HPA read
# or set.
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "RequestResponse",
            "users": [HPA_CONTROLLER],
            "resources": [{"group": "apps", "resources": ["deployments/scale"]}],
        },
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


class AuditLog:
    """The log that a server with `POLICY` keeps at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, user: str) -> Sequence[Mapping[str, Any]]:
        """Give the events of one user, in their order."""
        # The server may be writing the last line.
        lines = (line for line in self.path.read_text().splitlines(keepends=True) if line[-1] == "\n")
        return [event for line in lines if (event := json.loads(line))["user"]["username"] == user]

    def refusals(self, user: str, *, since: float) -> Sequence[str]:
        """Tell each request of a user that no role allows, as `VERB path`; `since` is epoch seconds."""
        return [
            f"{one['verb']} {one['requestURI']}"
            for one in self.of(user)
            if one.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
            and datetime.fromisoformat(one["requestReceivedTimestamp"]).timestamp() >= since
        ]


def service_account(namespace: str, name: str) -> str:
    """Give the user that a ServiceAccount is."""
    return f"system:serviceaccount:{namespace}:{name}"

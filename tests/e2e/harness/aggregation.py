"""How a server on loopback becomes a part of the API: a Service that leads to it, an APIService that names it."""

import base64
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
NAMESPACE = "kube-system"
VERSION = "v1beta1"  # of every group that HPAs read

Json = dict[str, Any]


def service(name: str, port: int) -> Json:
    """Give the Service of a server on loopback."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": LOOPBACK, "ports": [{"port": port}]},
    }


def served_by(name: str, port: int, group: str, authority: Path) -> Json:
    """Give the spec of the APIService of a group that this Service serves; `authority` has signed its certificate."""
    return {
        "group": group,
        "version": VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "caBundle": base64.b64encode(authority.read_bytes()).decode(),
        "service": {"name": name, "namespace": NAMESPACE, "port": port},
    }


def api_service(spec: Json) -> Json:
    """Give the APIService with this spec."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{spec['version']}.{spec['group']}"},
        "spec": spec,
    }

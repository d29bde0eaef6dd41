"""kwok's configuration: nodes and pods without kubelets, whose pods take a random time to become ready.

A pod goes through what a kubelet would report: first started (Pending, `startTime`, Ready false), then, after
its start-up time, Running and Ready; deleted ones end at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

START_UP_ANNOTATION = "bayescaler-e2e/start-up"
START_UP_LONGEST_ANNOTATION = "bayescaler-e2e/start-up-longest"
POD_CIDR = "10.244.0.0/16"

_CONTAINERS = """
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: READY
  started: READY
  restartCount: 0
  state: STATE
{{ end }}
"""

_POD_STARTED = """
phase: Pending
startTime: {{ $now | Quote }}
{{ with NodeIPWith .spec.nodeName }}
hostIP: {{ . | Quote }}
{{ end }}
""" + _CONTAINERS.replace("READY", "false").replace("STATE", "{waiting: {reason: ContainerCreating}}")

_POD_READY = """
phase: Running
{{ $pod := .metadata }}
{{ with PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) $pod.uid $pod.name $pod.namespace }}
podIP: {{ . | Quote }}
podIPs: [{ip: {{ . | Quote }}}]
{{ end }}
""" + _CONTAINERS.replace("READY", "true").replace("STATE", "{running: {startedAt: {{ $now | Quote }}}}")

_NODE_READY = """
{{ $now := Now }}
phase: Running
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ NodeName | Quote }}}
allocatable: {cpu: 1k, memory: 4Ti, pods: 100k}
capacity: {cpu: 1k, memory: 4Ti, pods: 100k}
nodeInfo:
  architecture: amd64
  operatingSystem: linux
  bootID: ""
  containerRuntimeVersion: kwok
  kernelVersion: kwok
  kubeProxyVersion: kwok
  kubeletVersion: kwok
  machineID: ""
  osImage: ""
  systemUUID: ""
daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
"""

# What metrics-server reads of a kubelet: the CPU that a pod's annotation says, 1m without one.
USAGE_ANNOTATION = "bayescaler-e2e/cpu"
METRICS_PATH = "/metrics/nodes/{nodeName}/metrics/resource"
_CPU_USED = (
    f'"{USAGE_ANNOTATION}" in pod.metadata.annotations '
    f'? Quantity(pod.metadata.annotations["{USAGE_ANNOTATION}"]) : Quantity("1m")'
)
_RESOURCE_METRICS = (
    ("node_cpu_usage_seconds_total", "node", "counter", 'node.CumulativeUsage("cpu")'),
    ("node_memory_working_set_bytes", "node", "gauge", 'node.Usage("memory")'),
    ("container_start_time_seconds", "container", "gauge", "pod.SinceSecond()"),
    ("container_cpu_usage_seconds_total", "container", "counter", 'pod.CumulativeUsage("cpu", container.name)'),
    ("container_memory_working_set_bytes", "container", "gauge", 'pod.Usage("memory", container.name)'),
)
_CONTAINER_LABELS = [
    {"name": "container", "value": "container.name"},
    {"name": "namespace", "value": "pod.metadata.namespace"},
    {"name": "pod", "value": "pod.metadata.name"},
]


@dataclass(frozen=True)
class StartUp:
    """How long a pod takes from being bound to a node to being ready: uniform between the two, in seconds."""

    shortest_seconds: float = 0.2
    longest_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.shortest_seconds <= self.longest_seconds:
            raise ValueError(f"a start-up time needs 0 <= shortest <= longest, got {self}")

    def annotations(self) -> dict[str, str]:
        """Give the pod annotations that set this start-up time for one workload."""
        return {
            START_UP_ANNOTATION: f"{self.shortest_seconds:.3f}s",
            START_UP_LONGEST_ANNOTATION: f"{self.longest_seconds:.3f}s",
        }


def write_configuration(path: Path, start_up: StartUp, logs: Path | None = None) -> Path:
    """Write what nodes and pods do, what their kubelets would measure, and the file that all containers log to."""
    told = [] if logs is None else [_kwok("ClusterLogs", "all", {"logs": [{"logsFile": str(logs)}]})]
    path.write_text(yaml.safe_dump_all([*_stages(start_up), *_measurements(), *told]))
    return path


def _stages(start_up: StartUp) -> list[dict[str, Any]]:
    """Give the stages: node-ready, pod-started, pod-ready (after `start_up`), pod-completed, pod-deleted."""
    alive = _matches(".metadata.deletionTimestamp", "DoesNotExist")
    pending = _matches(".status.phase", "In", "Pending")
    delay = {
        "durationMilliseconds": round(start_up.shortest_seconds * 1000),
        "durationFrom": {"expressionFrom": f'.metadata.annotations["{START_UP_ANNOTATION}"]'},
        "jitterDurationMilliseconds": round(start_up.longest_seconds * 1000),
        "jitterDurationFrom": {"expressionFrom": f'.metadata.annotations["{START_UP_LONGEST_ANNOTATION}"]'},
    }
    started = _matches(".status.startTime", "Exists")
    not_started = _matches(".status.startTime", "DoesNotExist")
    running = _matches(".status.phase", "In", "Running")
    of_job = _matches(".metadata.ownerReferences.[].kind", "In", "Job")
    node_not_ready = _matches('.status.conditions.[] | select( .type == "Ready" ) | .status', "NotIn", "True")
    return [
        _stage("node-ready", "Node", [node_not_ready], {"statusTemplate": _NODE_READY}),
        _stage(
            "pod-started",
            "Pod",
            [alive, pending, not_started],
            {"statusTemplate": _conditions(Initialized=True, Ready=False, ContainersReady=False) + _POD_STARTED},
        ),
        _stage(
            "pod-ready",
            "Pod",
            [alive, pending, started],
            {"statusTemplate": _conditions(Ready=True, ContainersReady=True) + _POD_READY},
            delay,
        ),
        _stage("pod-completed", "Pod", [alive, running, of_job], {"statusTemplate": "phase: Succeeded"}),
        _stage("pod-deleted", "Pod", [_matches(".metadata.deletionTimestamp", "Exists")], {"delete": True}),
    ]


def _measurements() -> list[dict[str, Any]]:
    """Give the kubelets' `/metrics/resource`, as the kinds of kwok that emulate it."""
    metrics = [
        {
            "name": name,
            "dimension": dimension,
            "kind": kind,
            "value": value,
            "labels": _CONTAINER_LABELS if dimension == "container" else [],
        }
        for name, dimension, kind, value in _RESOURCE_METRICS
    ]
    used = {"cpu": {"expression": _CPU_USED}, "memory": {"value": "64Mi"}}
    return [
        _kwok("Metric", "resource", {"path": METRICS_PATH, "metrics": metrics}),
        _kwok("ClusterResourceUsage", "by-annotation", {"usages": [{"usage": used}]}),
    ]


def node(name: str) -> dict[str, Any]:
    """Give the manifest of a node that kwok then keeps ready."""
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    annotations = {"metrics.k8s.io/resource-metrics-path": METRICS_PATH.format(nodeName=name)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
    }


def _matches(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


def _conditions(**types: bool) -> str:
    lines = ["{{ $now := Now }}", "conditions:"]
    for name, status in types.items():
        lines.append(f'- {{type: {name}, status: "{status}", lastTransitionTime: {{{{ $now | Quote }}}}}}')
    return "\n".join(lines)


def _stage(
    name: str,
    kind: str,
    expressions: list[dict[str, Any]],
    following: dict[str, Any],
    delay: dict[str, Any] | None = None,
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "selector": {"matchExpressions": expressions},
        "next": following,
    }
    if delay:
        spec["delay"] = delay
    return _kwok("Stage", name, spec)


def _kwok(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}

"""Manifests that scenarios share: workloads whose pods take time to start, what sizes them, and HPAs beside it."""

from typing import Any

from harness.kwok import StartUp

Manifest = dict[str, Any]
# The load that the session's Prometheus has.
QUERY = 'sum(rate(http_requests_total{service="checkout"}[1m]))'


def deployment(
    name: str,
    *,
    namespace: str = "default",
    replicas: int = 1,
    cpu_request: str = "500m",
    start_up: StartUp | None = None,
) -> Manifest:
    """Give a Deployment of one container with the label `app: NAME`; `start_up` overrides the cluster's."""
    labels = {"app": name}
    container = {
        "name": "web",
        "image": "example.invalid/web:1",
        "resources": {"requests": {"cpu": cpu_request}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": start_up.annotations() if start_up else {}},
                "spec": {"containers": [container]},
            },
        },
    }


def stateful_set(name: str, **options: Any) -> Manifest:
    """Give a StatefulSet as `deployment` gives a Deployment; its pods start all at once."""
    manifest = deployment(name, **options)
    spec = manifest["spec"] | {"serviceName": name, "podManagementPolicy": "Parallel"}
    return manifest | {"kind": "StatefulSet", "spec": spec}


def bayesian_autoscaler(
    target: str,
    query: str,
    per_replica: float,
    *,
    namespace: str = "default",
    minimum: int = 1,
    maximum: int = 50,
    load: Manifest | None = None,
    prometheus: Manifest | None = None,
    **spec: Any,
) -> Manifest:
    """Give a BayesianAutoscaler of the Deployment `target`; `load`, `prometheus` and `spec` add to its parts."""
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"name": target, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "load": {"prometheus": {"query": query, **(prometheus or {})}, **(load or {})},
            "capacity": {"perReplica": per_replica},
            **spec,
        },
    }


def hpa_on_external_metric(
    target: str,
    metric: str,
    average_value: str,
    *,
    namespace: str = "default",
    minimum: int = 1,
    maximum: int = 50,
    behavior: Manifest | None = None,
) -> Manifest:
    """Give an HPA that keeps `metric` per replica of the Deployment `target` at `average_value`."""
    external = {
        "metric": {"name": metric},
        "target": {"type": "AverageValue", "averageValue": average_value},
    }
    return _hpa(target, {"type": "External", "external": external}, namespace, minimum, maximum, behavior)


def hpa_on_cpu(
    target: str,
    utilization_percent: int,
    *,
    namespace: str = "default",
    minimum: int = 1,
    maximum: int = 50,
    behavior: Manifest | None = None,
) -> Manifest:
    """Give an HPA that keeps the CPU of the Deployment `target` at a percentage of what its pods request."""
    utilization = {"type": "Utilization", "averageUtilization": utilization_percent}
    resource = {"name": "cpu", "target": utilization}
    return _hpa(target, {"type": "Resource", "resource": resource}, namespace, minimum, maximum, behavior)


def _hpa(
    target: str, metric: Manifest, namespace: str, minimum: int, maximum: int, behavior: Manifest | None
) -> Manifest:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": target, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "metrics": [metric],
            **({"behavior": behavior} if behavior else {}),
        },
    }

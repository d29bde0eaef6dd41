"""What the Prometheus operator and Grafana's sidecar make of a chart's objects in a cluster."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.controlplane import ControlPlane
from harness.grafana import DashboardFile

GROUP, VERSION = "monitoring.coreos.com", "v1"
KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
FOLLOWED = frozenset({"port", "path", "honorLabels"})
"""Of an endpoint; its TLS, tokens and intervals would be dropped."""

Json = dict[str, Any]


def kinds() -> list[Json]:
    """Give the kinds of the Prometheus operator, without their schemas."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.{GROUP}"},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()},
                "versions": [version],
            },
        }
        for kind in KINDS
    ]


def scrape_job(cluster: ControlPlane, namespace: str, selector: str, address: str) -> Json:
    """Give the job of the one ServiceMonitor that a Prometheus selects so, of the first ready pod behind its Service.

    `address` (HOST:PORT) is where this pod's port is to be found; its labels are those of the Prometheus operator.
    """
    (monitor,) = cluster.list("servicemonitor", namespace=namespace, selector=selector)
    (endpoint,) = monitor["spec"]["endpoints"]
    if dropped := set(endpoint) - FOLLOWED:
        raise ValueError(f"ServiceMonitor {monitor['metadata']['name']}: this job would drop its {sorted(dropped)}")
    matched = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
    (service,) = cluster.list("service", namespace=namespace, selector=matched)
    name = service["metadata"]["name"]
    (slice_,) = cluster.list("endpointslice", namespace=namespace, selector=f"kubernetes.io/service-name={name}")
    assert endpoint["port"] in {port["name"] for port in slice_["ports"]}
    pod = next(one["targetRef"]["name"] for one in slice_["endpoints"] if one["conditions"]["ready"])
    labels = {"job": name, "service": name, "endpoint": endpoint["port"], "namespace": namespace, "pod": pod}
    return {
        "job_name": f"serviceMonitor/{namespace}/{monitor['metadata']['name']}/0",
        "honor_labels": endpoint.get("honorLabels", False),
        "metrics_path": endpoint.get("path", "/metrics"),
        "static_configs": [{"targets": [address], "labels": labels}],
    }


def rule_files(cluster: ControlPlane, namespace: str, selector: str, folder: Path) -> Sequence[Path]:
    """Write the rules of each PrometheusRule that a Prometheus selects so into a file of its own."""
    files = []
    for rule in cluster.list("prometheusrule", namespace=namespace, selector=selector):
        files.append(folder / f"{rule['metadata']['name']}.yaml")
        files[-1].write_text(yaml.safe_dump(rule["spec"]))
    return files


def dashboards(cluster: ControlPlane, namespace: str, folder: Path) -> dict[str, DashboardFile]:
    """Write the dashboards that Grafana's sidecar finds, by its usual label, and give them by their files' names."""
    found = {}
    for config in cluster.list("configmap", namespace=namespace, selector="grafana_dashboard=1"):
        for name, text in config["data"].items():
            (folder / name).write_text(text)
            found[name] = DashboardFile(folder / name)
    return found

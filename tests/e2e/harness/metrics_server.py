"""The real metrics-server on loopback: `metrics.k8s.io` as kubelets, here kwok's, would have it."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from harness.aggregation import LOOPBACK, NAMESPACE, VERSION, api_service, served_by, service
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.process import Component, Running, free_ports, tail, wait_until

NAME = "metrics-server"
GROUP = "metrics.k8s.io"
API_SERVICE = f"{VERSION}.{GROUP}"
RESOLUTION_SECONDS = 10  # the shortest that it takes
AVAILABLE_SECONDS = 90.0
PROBE_SECONDS = 2.0

Json = dict[str, Any]


class MetricsServer(Running):
    """`with MetricsServer(binaries, cluster, folder) as server:` registers it in place of whoever serves the group,
    whom the end puts back; `process` can be killed and started again.
    """

    def __init__(self, binaries: Binaries, cluster: ControlPlane, folder: Path) -> None:
        (self._port,) = free_ports(1)
        self._cluster = cluster
        host = f"{NAME}.{NAMESPACE}.svc"
        serving = cluster.authority.issue(host, hosts=[host, LOOPBACK], file=NAME)
        flags = {
            "kubeconfig": cluster.kubeconfig,
            "authentication-kubeconfig": cluster.kubeconfig,
            "authorization-kubeconfig": cluster.kubeconfig,
            "bind-address": LOOPBACK,
            "secure-port": self._port,
            "tls-cert-file": serving.certificate,
            "tls-private-key-file": serving.key,
            "metric-resolution": f"{RESOLUTION_SECONDS}s",
            "kubelet-request-timeout": f"{RESOLUTION_SECONDS / 2:g}s",
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-use-node-status-port": "true",
            "kubelet-insecure-tls": "true",  # kwok signs for itself
        }
        live = f"https://{LOOPBACK}:{self._port}/livez"
        self.process = Component(
            name=NAME,
            command=[*binaries.metrics_server, *(f"--{flag}={value}" for flag, value in flags.items())],
            log=folder / f"{NAME}.log",
            ready=lambda: requests.get(live, verify=str(cluster.authority.certificate), timeout=PROBE_SECONDS).ok,
        )

    def log_tails(self) -> str:
        """Give the end of its log."""
        return tail(self.process.log)

    def wait_measured(self, namespace: str, selector: str, pods: int) -> None:
        """Wait until it has measured at least so many pods."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/pods"

        def measured() -> bool:
            answer = self._cluster.request(path, labelSelector=selector)
            answer.raise_for_status()
            return len(answer.json()["items"]) >= pods

        wait_until(measured, f"{pods} pods measured", deadline_seconds=AVAILABLE_SECONDS, every_seconds=0.5)

    def begin(self, undo: ExitStack) -> None:
        """Start it, and register it."""
        found = self._cluster.kubectl("get", "apiservice", API_SERVICE, "--ignore-not-found", "-o", "json")
        undo.callback(self.process.stop)
        self.process.start()
        undo.callback(self._put_back, json.loads(found)["spec"] if found else None)
        ours = served_by(NAME, self._port, GROUP, self._cluster.authority.certificate)
        self._cluster.apply(service(NAME, self._port), api_service(ours))

    def _put_back(self, before: Json | None) -> None:
        if before is None:
            self._cluster.kubectl("delete", "apiservice", API_SERVICE, "--ignore-not-found")
        else:
            self._cluster.apply(api_service(before))

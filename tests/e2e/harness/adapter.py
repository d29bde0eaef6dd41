"""What an HPA reads: `external.metrics.k8s.io` from Prometheus, `metrics.k8s.io` from the load itself, or by a script.

One HTTPS server on loopback, registered by APIServices; kube-apiserver shows its front-proxy certificate, and
authorizes callers before it forwards.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import requests

from harness.aggregation import LOOPBACK, NAMESPACE, VERSION, api_service, served_by, service
from harness.controlplane import ControlPlane
from harness.load import Load
from harness.process import HarnessError, Running, free_ports, wait_until
from harness.prometheus import PrometheusServer

SERVICE = "metrics-adapter"
EXTERNAL = "external.metrics.k8s.io"
RESOURCE = "metrics.k8s.io"
GROUPS = (EXTERNAL, RESOURCE)
WINDOW = "5s"  # shorter than any outage of the tests: pods that serve have a sample when they are asked
AVAILABLE_SECONDS = 60.0

_EXTERNAL_PATH = re.compile(rf"/apis/{EXTERNAL}/{VERSION}/namespaces/(?P<namespace>[^/]+)/(?P<metric>[^/]+)")
_PODS_PATH = re.compile(rf"/apis/{RESOURCE}/{VERSION}(/namespaces/(?P<namespace>[^/]+))?/pods(/(?P<name>[^/]+))?")

Json = dict[str, Any]


class _RefusedError(Exception):
    """An answer that is a Kubernetes Status."""

    def __init__(self, code: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class _Cpu:
    namespace: str
    selector: str
    load: Load
    cores: Callable[[float], float]


class MetricsAdapter(Running):
    """`with MetricsAdapter(cluster, prometheus) as adapter:` registers both API groups until its end."""

    def __init__(self, cluster: ControlPlane, prometheus: PrometheusServer | None = None) -> None:
        self._cluster = cluster
        self._prometheus = prometheus
        self._external: dict[tuple[str, str], Callable[[], list[Json]]] = {}
        self._cpu: list[_Cpu] = []
        self._usage: dict[tuple[str, str], Callable[[], Mapping[str, int]]] = {}

    def serve_external(
        self, namespace: str, metric: str, promql: str, *, source: PrometheusServer | None = None
    ) -> None:
        """Serve the value of `promql` as the external metric `metric` of a namespace; `source` is another server."""
        prometheus = source or self._prometheus
        if prometheus is None:
            raise HarnessError(f"no Prometheus to ask for {promql}: give one to the adapter or as `source`")
        self._external[namespace, metric] = lambda: _samples(prometheus, promql)

    def serve_script(self, namespace: str, metric: str, script: Callable[[], float | None]) -> None:
        """Ask `script` at each read of the external metric; None is an answer without a value."""

        def items() -> list[Json]:
            value = script()
            return [] if value is None else [_external_value(value, time.time(), {})]

        self._external[namespace, metric] = items

    def serve_usage(self, namespace: str, selector: str, script: Callable[[], Mapping[str, int]]) -> None:
        """Ask `script` at each read of the pods by just this selector: millicores by name, of those it has."""
        self._usage[namespace, selector] = script

    def serve_cpu(self, namespace: str, labels: Mapping[str, str], load: Load, cores: Callable[[float], float]) -> None:
        """Let the ready pods with these labels share the CPU that `cores(load)` needs, in cores.

        It follows the load, not Prometheus: kubelets go on measuring while Prometheus is away.
        """
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        self._cpu.append(_Cpu(namespace, selector, load, cores))

    def begin(self, undo: ExitStack) -> None:
        """Serve, and register both groups."""
        host = f"{SERVICE}.{NAMESPACE}.svc"
        serving = self._cluster.authority.issue(host, hosts=[host], file=SERVICE)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(serving.certificate, serving.key)
        context.load_verify_locations(self._cluster.front_proxy.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        (port,) = free_ports(1)
        adapter = self

        class Handler(_Handler):
            answer = staticmethod(adapter._answer)

        http = _Server((LOOPBACK, port), Handler)
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        undo.callback(thread.join)
        undo.callback(http.server_close)
        undo.callback(http.shutdown)
        names = [f"{VERSION}.{group}" for group in GROUPS]
        undo.callback(self._cluster.kubectl, "delete", "apiservice", *names, "--ignore-not-found")
        specs = [served_by(SERVICE, port, group, self._cluster.authority.certificate) for group in GROUPS]
        self._cluster.apply(service(SERVICE, port), *map(api_service, specs))
        for group in GROUPS:
            self._wait_available(group)

    def _wait_available(self, group: str) -> None:
        path = f"/apis/apiregistration.k8s.io/v1/apiservices/{VERSION}.{group}"

        def available() -> bool:
            conditions = self._cluster.request(path).json().get("status", {}).get("conditions", [])
            assert conditions, "no condition yet"
            assert conditions[0]["status"] == "True", conditions[0]
            return True

        wait_until(available, f"APIService {group} available", deadline_seconds=AVAILABLE_SECONDS)

    def _answer(self, path: str, selector: str) -> Json:
        if path == f"/apis/{EXTERNAL}/{VERSION}":
            names = sorted({metric for _, metric in self._external})
            return _resources(EXTERNAL, [_resource(name, "ExternalMetricValueList") for name in names])
        if path == f"/apis/{RESOURCE}/{VERSION}":
            return _resources(RESOURCE, [_resource("pods", "PodMetrics")])
        if external := _EXTERNAL_PATH.fullmatch(path):
            return self._external_metric(external["namespace"], external["metric"])
        if pods := _PODS_PATH.fullmatch(path):
            return self._pod_metrics(pods["namespace"], pods["name"], selector)
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"no such path: {path}")

    def _external_metric(self, namespace: str, metric: str) -> Json:
        served = self._external.get((namespace, metric))
        if served is None:
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"no external metric {metric} in {namespace}")
        items = [{"metricName": metric, **item} for item in served()]
        return _list(EXTERNAL, "ExternalMetricValueList", items)

    def _pod_metrics(self, namespace: str | None, name: str | None, selector: str) -> Json:
        items = []
        if namespace is not None and (namespace, selector) in self._usage:
            usage = self._usage[namespace, selector]()
            measured = [pod for pod in self._pods(namespace, selector) if pod["metadata"]["name"] in usage]
            items += [_pod_metric(pod, usage[pod["metadata"]["name"]] / 1000) for pod in measured]
        for rule in self._cpu:
            if namespace not in {None, rule.namespace}:
                continue
            ready = self._ready_pods(rule.namespace, rule.selector)
            asked = self._ready_pods(rule.namespace, f"{rule.selector},{selector}") if selector else ready
            load = np.nan_to_num(rule.load.rate(np.array([time.time()])))
            items += [_pod_metric(pod, rule.cores(float(load[0])) / len(ready)) for pod in asked]
        if name is None:
            return _list(RESOURCE, "PodMetricsList", items)
        for item in items:
            if item["metadata"]["name"] == name:
                return item
        raise _RefusedError(HTTPStatus.NOT_FOUND, f"no metrics of pod {namespace}/{name}")

    def _pods(self, namespace: str, selector: str) -> list[Json]:
        answer = self._cluster.request(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        answer.raise_for_status()
        pods: list[Json] = answer.json()["items"]
        return pods

    def _ready_pods(self, namespace: str, selector: str) -> list[Json]:
        return [
            pod
            for pod in self._pods(namespace, selector)
            if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # an idle keep-alive connection of the API server must not hold the end up


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: Callable[[str, str], Json]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        code = HTTPStatus.OK
        try:
            selector = parse_qs(parts.query).get("labelSelector", [""])[0]
            body = type(self).answer(parts.path, selector)
        except _RefusedError as refused:
            code = refused.code
            body = {
                "apiVersion": "v1",
                "kind": "Status",
                "status": "Failure",
                "code": code,
                "message": str(refused),
            }
        payload = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the overridden method
        """Stay silent: every sync of every HPA passes here."""


def _resource(name: str, kind: str) -> Json:
    return {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list"]}


def _resources(group: str, resources: list[Json]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "APIResourceList",
        "groupVersion": f"{group}/{VERSION}",
        "resources": resources,
    }


def _list(group: str, kind: str, items: list[Json]) -> Json:
    return {"apiVersion": f"{group}/{VERSION}", "kind": kind, "metadata": {}, "items": items}


def _samples(prometheus: PrometheusServer, promql: str) -> list[Json]:
    try:
        samples = prometheus.query(promql)
    except (requests.RequestException, HarnessError) as error:
        raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"Prometheus: {error}") from error
    return [_external_value(one.value, one.time, one.labels) for one in samples]


def _external_value(value: float, at: float, labels: Mapping[str, str]) -> Json:
    return {"metricLabels": dict(labels), "timestamp": _timestamp(at), "value": f"{round(value * 1000)}m"}


def _pod_metric(pod: Json, cores: float) -> Json:
    containers = pod["spec"]["containers"]
    usage = {"cpu": f"{round(cores / len(containers) * 1e9)}n", "memory": "64Mi"}
    metadata = {key: pod["metadata"].get(key) for key in ("name", "namespace", "labels", "creationTimestamp")}
    return {
        "apiVersion": f"{RESOURCE}/{VERSION}",
        "kind": "PodMetrics",
        "metadata": metadata,
        "timestamp": _timestamp(time.time()),
        "window": WINDOW,
        "containers": [{"name": one["name"], "usage": usage} for one in containers],
    }


def _timestamp(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

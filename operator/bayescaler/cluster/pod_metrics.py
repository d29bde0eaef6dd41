"""CPU used over CPU requested of a target's pods, from metrics.k8s.io, counting pods as the
HorizontalPodAutoscaler does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import durationpy
from kubernetes.utils.quantity import parse_quantity

from .client import KubeClient
from .errors import ApiError, NotFound, Unreachable
from .listwatch import list_pages
from .paths import Json, collection

# kube-controller-manager's --horizontal-pod-autoscaler-{cpu-initialization-period,initial-readiness-delay}.
INITIALIZATION_SECONDS = 300.0
READINESS_DELAY_SECONDS = 30.0
METRICS = "metrics.k8s.io/v1beta1"


class NoUtilization(StrEnum):
    """Why there is no utilisation."""

    NO_METRICS_SERVER = "NoMetricsServer"
    NO_REQUESTS = "NoRequests"
    NO_PODS = "NoPods"
    NO_READY_PODS = "NoReadyPods"
    NO_SELECTOR = "NoSelector"


@dataclass(frozen=True, slots=True)
class Utilization:
    """Used over requested CPU as a fraction, or None with a `reason` and a sentence; `pods` were measured,
    `missing` had no sample.
    """

    value: float | None
    reason: NoUtilization | None = None
    message: str = ""
    pods: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class _Sample:
    cores: float
    at: float
    window_seconds: float


class _NoRequestError(Exception):
    """A container without a CPU request."""


async def cpu_utilization(client: KubeClient, namespace: str, selector: str | None, *, now: float) -> Utilization:
    """Utilisation of the ready pods that match `selector`; `now` is epoch seconds.

    Pods without a sample count as fully used where that raises the result, so that missing samples never
    lower it. Raises ApiError for whatever is neither a missing metrics server nor a missing request.
    """
    if not selector:
        # An empty selector would mean every pod of the namespace.
        return Utilization(
            None,
            NoUtilization.NO_SELECTOR,
            "the target's scale names no pod selector: declare labelSelectorPath",
        )
    pods = [pod for pod in await _list(client, "v1", namespace, selector) if _counts(pod)]
    if not pods:
        return Utilization(None, NoUtilization.NO_PODS, f"no running pods match {selector} in {namespace}")
    try:
        samples = await _samples(client, namespace, selector)
    except ApiError as error:
        if not isinstance(error, NotFound) and error.status != 503:
            raise
        return Utilization(
            None,
            NoUtilization.NO_METRICS_SERVER,
            f"metrics.k8s.io does not answer; install metrics-server ({error.message})",
        )
    try:
        requested = {pod["metadata"]["name"]: _requested_cores(pod) for pod in pods}
        return _combine(pods, samples, requested, now=now)
    except _NoRequestError as error:
        return Utilization(None, NoUtilization.NO_REQUESTS, f"{error}; set resources.requests.cpu")
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable(
            f"pods matching {selector} in {namespace}: the answer is not understood: {error!r}"
        ) from error


def _combine(
    pods: list[Json], samples: Mapping[str, _Sample], requested: Mapping[str, float], *, now: float
) -> Utilization:
    names = [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") != "Pending"]
    ready = [
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["name"] in samples and _is_ready(pod, samples[pod["metadata"]["name"]], now=now)
    ]
    missing = [name for name in names if name not in samples]
    if not ready:
        message = f"none of {len(pods)} pods is ready and has a CPU sample"
        return Utilization(None, NoUtilization.NO_READY_PODS, message, missing=len(missing))
    requests = sum(requested[name] for name in ready)
    if requests <= 0.0:
        raise _NoRequestError("the CPU requests of the ready pods sum up to zero")
    used = sum(samples[name].cores for name in ready)
    unknown = sum(requested[name] for name in missing)
    value = used / requests
    if value < 1.0:
        value = (used + unknown) / (requests + unknown)
    return Utilization(value, pods=len(ready), missing=len(missing))


async def _list(client: KubeClient, group_version: str, namespace: str, selector: str) -> list[Json]:
    path = collection(group_version, "pods", namespace)
    return [raw async for page in list_pages(client, path, selector=selector) for raw in page.get("items") or ()]


async def _samples(client: KubeClient, namespace: str, selector: str) -> dict[str, _Sample]:
    try:
        return {
            raw["metadata"]["name"]: _Sample(
                cores=sum(float(parse_quantity(c["usage"]["cpu"])) for c in raw.get("containers") or ()),
                at=_epoch(raw["timestamp"]),
                window_seconds=durationpy.from_str(raw["window"]).total_seconds(),
            )
            for raw in await _list(client, METRICS, namespace, selector)
        }
    except (KeyError, TypeError, ValueError, durationpy.DurationError) as error:
        raise Unreachable(
            f"metrics of pods matching {selector} in {namespace} are not understood: {error!r}"
        ) from error


def _counts(pod: Json) -> bool:
    """Deleted and failed pods are nobody's capacity; neither are the ones that are done."""
    return not pod["metadata"].get("deletionTimestamp") and pod.get("status", {}).get("phase") not in {
        "Failed",
        "Succeeded",
    }


def _is_ready(pod: Json, sample: _Sample, *, now: float) -> bool:
    """The HPA's rule for CPU: a sample from before readiness, or from a pod that never was ready, is start-up
    work.
    """
    status = pod["status"]
    condition = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    if status.get("phase") == "Pending" or condition is None or not status.get("startTime"):
        return False
    started_at = _epoch(status["startTime"])
    is_true = condition["status"] == "True"
    changed_at = _epoch(condition["lastTransitionTime"]) if condition.get("lastTransitionTime") else started_at
    if started_at + INITIALIZATION_SECONDS > now:
        return is_true and sample.at >= changed_at + sample.window_seconds
    return is_true or started_at + READINESS_DELAY_SECONDS <= changed_at


def _requested_cores(pod: Json) -> float:
    spec: Mapping[str, Any] = pod["spec"]
    whole = _cpu(spec)
    if whole is not None:
        return whole
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    total = 0.0
    for container in [*spec["containers"], *sidecars]:
        cores = _cpu(container)
        if cores is None:
            raise _NoRequestError(f"container {container['name']} of pod {pod['metadata']['name']} has no CPU request")
        total += cores
    return total


def _cpu(holder: Mapping[str, Any]) -> float | None:
    quantity = ((holder.get("resources") or {}).get("requests") or {}).get("cpu")
    return None if quantity is None else float(parse_quantity(quantity))


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

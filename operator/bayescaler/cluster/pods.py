"""How a target's pods started: created, ready for the first time, of which template. Read by list alone."""

from dataclasses import dataclass
from datetime import datetime

from .client import KubeClient
from .errors import Unreachable
from .listwatch import list_pages
from .paths import Json, collection

# Of Deployments, of StatefulSets and DaemonSets; pods of other kinds are told apart by their images.
TEMPLATE_LABELS = ("pod-template-hash", "controller-revision-hash")
# The HPA's rule: a Ready condition that turned False this long after the start turned False from True.
READINESS_DELAY_SECONDS = 30.0
# What a container waits for in vain: no start takes that long, a mistake does.
BROKEN = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)


@dataclass(frozen=True, slots=True)
class PodStart:
    """One pod. `ready_at` is None unless it is ready; `starting` says that it never was ready and still may be."""

    uid: str
    created_at: float
    template: str
    ready_at: float | None = None
    starting: bool = False


async def pod_starts(client: KubeClient, namespace: str, selector: str) -> list[PodStart]:
    """List the pods that match `selector` and are not on their way out; raises ApiError."""
    found: list[PodStart] = []
    async for page in list_pages(client, collection("v1", "pods", namespace), selector=selector):
        try:
            found += [project(pod) for pod in page.get("items") or () if _stays(pod)]
        except (KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"pods matching {selector} in {namespace} are not understood: {error!r}") from error
    return found


def project(pod: Json) -> PodStart:
    """The few fields that tell of a pod's start."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    is_ready = ready is not None and ready["status"] == "True"
    turned_at = _epoch(ready["lastTransitionTime"]) if ready is not None and ready.get("lastTransitionTime") else None
    return PodStart(
        uid=str(metadata["uid"]),
        created_at=_epoch(metadata["creationTimestamp"]),
        template=_template(pod),
        ready_at=turned_at if is_ready else None,
        starting=not is_ready and not _was_ready(status, turned_at) and not _broken(status),
    )


def _was_ready(status: Json, turned_at: float | None) -> bool:
    if turned_at is None or not status.get("startTime"):
        return False
    return turned_at > _epoch(status["startTime"]) + READINESS_DELAY_SECONDS


def _broken(status: Json) -> bool:
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waits = [((c.get("state") or {}).get("waiting") or {}).get("reason") for c in containers]
    return any(reason in BROKEN for reason in waits)


def _template(pod: Json) -> str:
    labels = pod["metadata"].get("labels") or {}
    for label in TEMPLATE_LABELS:
        if labels.get(label):
            return str(labels[label])
    return " ".join(str(c.get("image", "")) for c in (pod.get("spec") or {}).get("containers") or ())


def _stays(pod: Json) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return not pod["metadata"].get("deletionTimestamp") and phase not in {"Failed", "Succeeded"}


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

"""Pods of a target that no node has room for."""

from dataclasses import dataclass

from .client import KubeClient
from .listwatch import list_pages
from .paths import Json, collection


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many pods that could not be scheduled, and the scheduler's sentence on one of them."""

    pods: int
    message: str


async def unschedulable(client: KubeClient, namespace: str, selector: str) -> Waiting | None:
    """The pods matching `selector` that wait for a node, None without; raises ApiError."""
    path, found = collection("v1", "pods", namespace), list[str]()
    async for page in list_pages(client, path, selector=selector, fields="status.phase=Pending"):
        found += [message for pod in page.get("items") or () if (message := _sentence(pod)) is not None]
    return Waiting(len(found), found[0]) if found else None


def _sentence(pod: Json) -> str | None:
    if pod["metadata"].get("deletionTimestamp"):
        return None
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message") or "no reason was given")
    return None

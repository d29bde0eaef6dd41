"""The logs of the operator's pods, read through the API server with the rights of whoever asks.

Every pod of the operator is read, and what it wrote before its last restart: who leads now need not have led then.
"""

from collections.abc import AsyncGenerator

from .client import KubeClient
from .errors import ApiError, ClusterError, Forbidden
from .listwatch import list_pages
from .paths import Json, collection, item

SELECTOR = "app.kubernetes.io/part-of=bayescaler"
CONTAINER = "operator"
SAVE = f"kubectl logs -n NAMESPACE -l {SELECTOR} -c {CONTAINER} --tail=-1 --prefix > operator.log"
CURE = f"have somebody who may save them, `{SAVE}`, and give --log operator.log"


class NoLogs(ClusterError):  # noqa: N818 - a reason among those of `errors`
    """The operator's logs cannot be had; the text says why, and how else."""

    reason = "NoLogs"


async def operator_pods(client: KubeClient, namespace: str | None = None) -> list[Json]:
    """The operator's pods of a namespace or (None) of all. Raises NoLogs, ApiError."""
    try:
        pages = list_pages(client, collection("v1", "pods", namespace), selector=SELECTOR)
        found = [pod async for page in pages for pod in page.get("items") or []]
    except Forbidden as error:
        where = "in all namespaces: name the operator's own with --operator-namespace" if namespace is None else ""
        raise NoLogs(f"the operator's pods may not be listed {where or f'in {namespace}'}; or {CURE}") from error
    if not found:
        where = "any namespace" if namespace is None else f"namespace {namespace}"
        raise NoLogs(f"there is no pod with label {SELECTOR} in {where}: is the operator running? Else {CURE}")
    return found


async def log_lines(client: KubeClient, pods: list[Json], failures: list[ApiError]) -> AsyncGenerator[str]:
    """Every line of the logs of these pods, and of their containers before the last restart.

    What kept a pod from being read goes to `failures`; raises NoLogs if none could be.
    """
    for pod in pods:
        path = item("v1", "pods", pod["metadata"]["namespace"], pod["metadata"]["name"], "log")
        restarted = [{"previous": "true"}] if _restarts(pod) else []
        for query in (*restarted, {}):
            try:
                async for line in client.lines(path, {"container": CONTAINER, **query}):
                    yield line
            except ApiError as error:
                if not query:
                    failures.append(error)
    if len(failures) == len(pods):
        raise NoLogs(f"the operator's log cannot be read ({failures[0]}); {CURE}") from failures[0]


def _restarts(pod: Json) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(int(one.get("restartCount") or 0) for one in statuses if one.get("name") == CONTAINER)

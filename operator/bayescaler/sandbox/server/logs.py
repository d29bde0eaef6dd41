"""The log subresource of pods: what a scenario let a pod write, refused and empty as the API server has it."""

from .errors import bad_request
from .kinds import Kind
from .request import Request
from .resources import Registry

PODS = "pods"


class Logs:
    """What pods wrote. A pod that no node runs has nothing to read, and one that wrote nothing an empty log."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._written: dict[tuple[str, str, bool], str] = {}

    def write(self, namespace: str, pod: str, text: str, *, previous: bool = False) -> None:
        """Let a pod have written `text`, now or before its last restart."""
        key = (namespace, pod, previous)
        self._written[key] = self._written.get(key, "") + text

    def read(self, kind: Kind, request: Request) -> str | None:
        """The log that is asked for; None (204) of a pod without a node. Raises StatusError."""
        pod, name = self._registry.read(kind, request.namespace, request.name).object, request.name
        container, previous = request.query.get("container", ""), request.flag("previous")
        names = [one["name"] for one in pod["spec"]["containers"]]
        if container and container not in names:
            raise bad_request(f"container {container} is not valid for pod {name}")
        if not container and len(names) > 1:
            raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")
        if not pod["spec"].get("nodeName"):
            return None
        written = self._written.get((request.namespace, name, previous))
        if written is None and previous:
            raise bad_request(f'previous terminated container "{container or names[0]}" in pod "{name}" not found')
        return written or ""

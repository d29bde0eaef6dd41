"""Reading and writing the replicas of any object through its /scale subresource."""

from dataclasses import dataclass

from .client import FIELD_MANAGER, JSON_PATCH, KubeClient
from .discovery import ScaleResource
from .errors import Moved, Unprocessable, Unreachable
from .paths import Json


@dataclass(frozen=True, slots=True)
class Target:
    """What is known of a scaled object. `replicas` is what is wished for, `selector` a label selector in its
    text form; `ready_replicas` and `pods` (those there are, of old templates too) are None where only /scale could be
    read, and the rest is as if all were well.
    `rolling_out`: its controller is replacing pods. `refusal`: why the API server refuses it pods, or empty. `set_by`
    is the field manager that wrote the replicas last, where that is known.
    """

    uid: str
    replicas: int
    selector: str | None
    ready_replicas: int | None = None
    rolling_out: bool = False
    refusal: str = ""
    set_by: str | None = None
    pods: int | None = None


async def get_scale(client: KubeClient, resource: ScaleResource, namespace: str, name: str) -> Target:
    """Read one object's /scale; readiness is not in it. Raises ApiError (NotFound: no such object) and
    BadName.
    """
    path = resource.path(namespace, name)
    return _target(await client.request("GET", path), path)


async def patch_scale(
    client: KubeClient,
    resource: ScaleResource,
    namespace: str,
    name: str,
    *,
    uid: str,
    expected: int,
    replicas: int,
) -> Target:
    """Set `replicas` on the object of `uid`, if it still wishes for `expected`; return it as it is
    afterwards.

    The patch tests what was decided on and not the resourceVersion, which the object's own controller moves
    all the time. Raises Moved if the object was recreated or somebody else scaled it, else ApiError and
    BadName.
    """
    if replicas < 0:
        raise ValueError(f"{resource.kind} {namespace}/{name}: replicas {replicas} is negative; give 0 or more")
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        # An object at 0 replicas carries no spec.replicas at all.
        {"op": "test", "path": "/spec/replicas", "value": expected or None},
        {"op": "add", "path": "/spec/replicas", "value": replicas},
    ]
    path = resource.path(namespace, name)
    try:
        answer = await client.request(
            "PATCH", path, body=operations, query={"fieldManager": FIELD_MANAGER}, content_type=JSON_PATCH
        )
    except Unprocessable as error:
        if error.causes:
            raise
        raise Moved(
            f"{resource.kind} {namespace}/{name} is no longer {uid} at {expected} replicas: "
            "it was recreated, or something else scales it too"
        ) from error
    return _target(answer, path)


def _target(scale: Json, path: str) -> Target:
    try:
        return Target(
            uid=str(scale["metadata"]["uid"]),
            replicas=int((scale.get("spec") or {}).get("replicas") or 0),
            selector=(scale.get("status") or {}).get("selector") or None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"{path}: the answer is no Scale of autoscaling/v1: {error!r}") from error

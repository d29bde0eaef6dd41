"""Ask the API server whose token it is, and what its owner may do: TokenReview and SubjectAccessReview."""

from dataclasses import dataclass, field
from typing import Any

from .client import KubeClient
from .paths import collection

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io/v1", "authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody the API server knows; `extra` goes back to it as it came."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


async def owner_of(client: KubeClient, token: str) -> Subject | None:
    """Whose token this is, None if it is nobody's. Raises ApiError."""
    body = {"apiVersion": AUTHENTICATION, "kind": "TokenReview", "spec": {"token": token}}
    answer = await client.request("POST", collection(AUTHENTICATION, "tokenreviews"), body=body)
    status = answer.get("status") or {}
    user = status.get("user") or {}
    if status.get("authenticated") is not True or not user.get("username"):
        return None
    return Subject(user["username"], user.get("uid", ""), tuple(user.get("groups") or ()), user.get("extra") or {})


async def may(client: KubeClient, subject: Subject, verb: str, group: str, plural: str, namespace: str) -> bool:
    """Whether `subject` may do that to every object of a resource in a namespace, "" for all. Raises ApiError."""
    attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
    spec = {"user": subject.name, "uid": subject.uid, "groups": list(subject.groups), "extra": subject.extra}
    body = {
        "apiVersion": AUTHORIZATION,
        "kind": "SubjectAccessReview",
        "spec": {**{key: value for key, value in spec.items() if value}, "resourceAttributes": attributes},
    }
    answer = await client.request("POST", collection(AUTHORIZATION, "subjectaccessreviews"), body=body)
    return (answer.get("status") or {}).get("allowed") is True

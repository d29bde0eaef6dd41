"""Ask the API server whose token it is, and what its owner may do: TokenReview and SubjectAccessReview."""

from collections.abc import Collection
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


async def owner_of(client: KubeClient, token: str, audiences: Collection[str] = ()) -> Subject | None:
    """Whose token this is, None if it is nobody's, or for none of these audiences (none given: the API server's own).

    Raises ApiError.
    """
    asked = {"token": token, **({"audiences": sorted(audiences)} if audiences else {})}
    body = {"apiVersion": AUTHENTICATION, "kind": "TokenReview", "spec": asked}
    answer = await client.request("POST", collection(AUTHENTICATION, "tokenreviews"), body=body)
    status = answer.get("status") or {}
    user = status.get("user") or {}
    if status.get("authenticated") is not True or not user.get("username"):
        return None
    if audiences and not set(audiences) & set(status.get("audiences") or ()):
        return None  # it came from a server that has not looked for whom the token is
    return Subject(user["username"], user.get("uid", ""), tuple(user.get("groups") or ()), user.get("extra") or {})


async def may(client: KubeClient, subject: Subject, verb: str, group: str, plural: str, namespace: str) -> bool:
    """Whether `subject` may do that to every object of a resource in a namespace, "" for all. Raises ApiError."""
    attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
    return await _reviewed(client, subject, {"resourceAttributes": attributes})


async def may_get_path(client: KubeClient, subject: Subject, path: str) -> bool:
    """Whether `subject` may get a path that is of no object, as `nonResourceURLs` grants it. Raises ApiError."""
    return await _reviewed(client, subject, {"nonResourceAttributes": {"verb": "get", "path": path}})


async def _reviewed(client: KubeClient, subject: Subject, asked: dict[str, Any]) -> bool:
    who = {"user": subject.name, "uid": subject.uid, "groups": list(subject.groups), "extra": subject.extra}
    spec = {**{key: value for key, value in who.items() if value}, **asked}
    body = {"apiVersion": AUTHORIZATION, "kind": "SubjectAccessReview", "spec": spec}
    answer = await client.request("POST", collection(AUTHORIZATION, "subjectaccessreviews"), body=body)
    return (answer.get("status") or {}).get("allowed") is True

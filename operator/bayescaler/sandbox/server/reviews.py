"""Requests that answer a question instead of storing something: access reviews, who am I, and ServiceAccount tokens."""

from datetime import UTC, datetime

from bayescaler.sandbox.clock import rfc3339

from .authz import Guard, User, service_account
from .errors import Json, StatusError
from .kinds import Kind
from .request import Request
from .resources import Registry

ACCESS, IDENTITY = "selfsubjectaccessreviews", "selfsubjectreviews"
REVIEW_KINDS = (
    Kind("authorization.k8s.io", "v1", "SelfSubjectAccessReview", ACCESS, namespaced=False, verbs=("create",)),
    Kind("authentication.k8s.io", "v1", "SelfSubjectReview", IDENTITY, namespaced=False, verbs=("create",)),
)


def access(guard: Guard, user: User, body: Json) -> Json:
    """Whether `user` may do what the review asks."""
    spec = body.get("spec") or {}
    asked, path = spec.get("resourceAttributes") or {}, (spec.get("nonResourceAttributes") or {}).get("path", "")
    verb = asked.get("verb") or (spec.get("nonResourceAttributes") or {}).get("verb", "")
    request = Request(
        "",
        path,
        verb,
        group=asked.get("group", ""),
        namespace=asked.get("namespace", ""),
        resource=asked.get("resource", ""),
        name=asked.get("name", ""),
        subresource=asked.get("subresource", ""),
    )
    return {**body, "metadata": {}, "status": {"allowed": guard.allows(user, request)}}


def identity(user: User) -> Json:
    """Who `user` is."""
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": {"username": user.name, "groups": list(user.groups)}},
    }


def token(registry: Registry, guard: Guard, request: Request, body: Json) -> Json:
    """A token of an existing ServiceAccount. It does not expire by itself: `guard.revoke` ends it."""
    kind = registry.kinds.find("", "v1", "serviceaccounts")
    registry.read(kind, request.namespace, request.name)
    seconds = (body.get("spec") or {}).get("expirationSeconds", 3600)
    if seconds < 600:
        raise StatusError(
            422, "Invalid", "spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes"
        )
    issued = guard.issue(service_account(request.namespace, request.name))
    until = rfc3339(datetime.now(UTC).timestamp() + seconds)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": request.name},
        "spec": body.get("spec") or {},
        "status": {"token": issued, "expirationTimestamp": until},
    }

"""Requests that answer a question instead of storing something: reviews of access and of tokens, who am I, and
ServiceAccount tokens.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from bayescaler.sandbox.clock import rfc3339

from .authz import API_AUDIENCE, Guard, User, service_account
from .errors import FieldError, Json, StatusError, bad_request, invalid
from .kinds import Kind
from .request import Request
from .resources import Registry

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
SUBJECT = "SubjectAccessReview"
REVIEW_KINDS = tuple(
    Kind(group, "v1", kind, f"{kind.lower()}s", namespaced=False, verbs=("create",))
    for group, kind in (
        (AUTHORIZATION, f"Self{SUBJECT}"),
        (AUTHORIZATION, SUBJECT),
        (AUTHENTICATION, "SelfSubjectReview"),
        (AUTHENTICATION, "TokenReview"),
    )
)


def review(guard: Guard, kind: Kind, user: User, body: Json) -> Json:
    """Answer a review of `kind` that `user` asks for."""
    answers: dict[str, Callable[[], Json]] = {
        f"Self{SUBJECT}": lambda: _reviewed(body, {"allowed": guard.allows(user, _asked(body))}),
        SUBJECT: lambda: _of_subject(guard, body),
        "SelfSubjectReview": lambda: identity(user),
        "TokenReview": lambda: _of_token(guard, body),
    }
    return answers[kind.kind]()


def _reviewed(body: Json, status: Json) -> Json:
    return {**body, "metadata": {}, "status": status}


def _asked(body: Json) -> Request:
    """The request that a review asks about."""
    spec = body.get("spec") or {}
    asked, other = spec.get("resourceAttributes") or {}, spec.get("nonResourceAttributes") or {}
    return Request(
        "",
        other.get("path", ""),
        asked.get("verb") or other.get("verb", ""),
        group=asked.get("group", ""),
        namespace=asked.get("namespace", ""),
        resource=asked.get("resource", ""),
        name=asked.get("name", ""),
        subresource=asked.get("subresource", ""),
    )


def _of_subject(guard: Guard, body: Json) -> Json:
    """Whether the subject of a review may do what it asks; the roles say so, whether or not they are enforced."""
    spec = body.get("spec") or {}
    errors, wrong = [], "FieldValueInvalid"
    if (spec.get("resourceAttributes") is None) is (spec.get("nonResourceAttributes") is None):
        said = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.append(FieldError("spec", wrong, said))
    if not spec.get("user") and not spec.get("groups"):
        said = "at least one of user or group must be specified"
        errors.append(FieldError("spec.user", wrong, f'Invalid value: "": {said}'))
    if errors:
        raise invalid(SUBJECT, AUTHORIZATION, "", errors)
    subject = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
    return _reviewed(body, {"allowed": guard.permits(subject, _asked(body))})


def _of_token(guard: Guard, body: Json) -> Json:
    """Whose token it is, if it is for an audience that is asked about."""
    spec = body.get("spec") or {}
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    user, audiences = guard.owner_of(spec["token"])
    shared = [one for one in spec.get("audiences") or (API_AUDIENCE,) if one in audiences]
    if user is None or not shared:
        return _reviewed(body, {"user": {}, "error": "[invalid bearer token, token lookup failed]"})
    told = {"username": user.name, "groups": list(user.groups)}
    return _reviewed(body, {"authenticated": True, "user": told, "audiences": shared})


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
    audiences = (body.get("spec") or {}).get("audiences") or (API_AUDIENCE,)
    issued = guard.issue(service_account(request.namespace, request.name), audiences)
    until = rfc3339(datetime.now(UTC).timestamp() + seconds)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": request.name},
        "spec": body.get("spec") or {},
        "status": {"token": issued, "expirationTimestamp": until},
    }

"""Who may do what: bearer tokens, and RBAC evaluated over the stored roles and bindings."""

import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .errors import Json, StatusError, forbidden, unauthorized
from .request import Request
from .store import Store

API_AUDIENCE = "https://kubernetes.default.svc.cluster.local"
_RBAC = "rbac.authorization.k8s.io"
_OPEN_PATHS = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")
_REVIEWS = frozenset({"selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews"})


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated user."""

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("admin", ("system:masters", "system:authenticated"))


def service_account(namespace: str, name: str) -> User:
    """The user that a ServiceAccount is."""
    return User(
        f"system:serviceaccount:{namespace}:{name}",
        ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"),
    )


class Guard:
    """Authentication and authorization; with `enforced` False everybody is the admin."""

    def __init__(self, store: Store, *, enforced: bool) -> None:
        self._store = store
        self._tokens: dict[str, tuple[User, frozenset[str]]] = {}
        self.enforced = enforced
        self.admin_token = self.issue(ADMIN)

    def issue(self, user: User, audiences: Collection[str] = (API_AUDIENCE,)) -> str:
        """A new bearer token of `user`, for this server or for others."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = user, frozenset(audiences)
        return token

    def revoke(self, token: str) -> None:
        """Refuse this token from now on."""
        self._tokens.pop(token, None)

    def authenticate(self, header: str) -> User:
        """The user of an Authorization header, or 401."""
        if not self.enforced:
            return ADMIN
        scheme, _, token = header.partition(" ")
        user = self.user_of(token.strip()) if scheme == "Bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def user_of(self, token: str) -> User | None:
        """The user whose token for this server this is, None if it is nobody's."""
        user, audiences = self.owner_of(token)
        return user if API_AUDIENCE in audiences else None

    def owner_of(self, token: str) -> tuple[User | None, frozenset[str]]:
        """The user whose token this is, None if it is nobody's, and for whom it is."""
        return self._tokens.get(token, (None, frozenset()))

    def authorize(self, user: User, request: Request) -> None:
        """403 unless a role of `user` allows `request`."""
        if not self.allows(user, request):
            raise _refusal(user, request)

    def allows(self, user: User, request: Request) -> bool:
        """Whether `user` may do `request` here: what a role allows, and reviews of oneself."""
        return not self.enforced or request.resource in _REVIEWS or self.permits(user, request)

    def permits(self, user: User, request: Request) -> bool:
        """Whether a role of `user` allows `request`, enforced or not."""
        if "system:masters" in user.groups:
            return True
        if not request.is_resource and request.path.startswith(_OPEN_PATHS):
            return True
        return any(_rule_allows(rule, request) for rule in self._rules(user, request.namespace))

    def _rules(self, user: User, namespace: str) -> Iterator[Json]:
        for _, record in self._store.items((_RBAC, "clusterrolebindings")):
            if _names(record.object, user, ""):
                yield from self._role("clusterroles", "", record.object["roleRef"]["name"])
        if not namespace:
            return
        for _, record in self._store.items((_RBAC, "rolebindings"), namespace):
            if _names(record.object, user, namespace):
                reference = record.object["roleRef"]
                is_cluster = reference["kind"] == "ClusterRole"
                yield from self._role(
                    "clusterroles" if is_cluster else "roles", "" if is_cluster else namespace, reference["name"]
                )

    def _role(self, plural: str, namespace: str, name: str) -> list[Json]:
        record = self._store.get((_RBAC, plural), namespace, name)
        return record.object.get("rules") or [] if record else []


def _names(binding: Json, user: User, namespace: str) -> bool:
    for subject in binding.get("subjects") or ():
        kind, name = subject["kind"], subject["name"]
        if kind == "ServiceAccount":
            if user.name == f"system:serviceaccount:{subject.get('namespace', namespace)}:{name}":
                return True
        elif (kind == "User" and name == user.name) or (kind == "Group" and name in user.groups):
            return True
    return False


def _rule_allows(rule: Json, request: Request) -> bool:
    if not {"*", request.verb} & set(rule.get("verbs") or ()):
        return False
    if not request.is_resource:
        return any(
            url in {"*", request.path} or (url.endswith("*") and request.path.startswith(url[:-1]))
            for url in rule.get("nonResourceURLs") or ()
        )
    if not {"*", request.group} & set(rule.get("apiGroups") or ()):
        return False
    wanted = {"*", _resource(request)} | ({f"*/{request.subresource}"} if request.subresource else set())
    if not wanted & set(rule.get("resources") or ()):
        return False
    named = rule.get("resourceNames")
    return not named or (request.name or _selected_name(request)) in named


def _selected_name(request: Request) -> str:
    """The one name that a list or watch selects: for RBAC it is a request of that name."""
    field, _, name = request.query.get("fieldSelector", "").partition("=")
    return name.lstrip("=") if field == "metadata.name" and "," not in name else ""


def _resource(request: Request) -> str:
    return f"{request.resource}/{request.subresource}" if request.subresource else request.resource


def _refusal(user: User, request: Request) -> StatusError:
    if not request.is_resource:
        return StatusError(
            403, "Forbidden", f'forbidden: User "{user.name}" cannot {request.verb} path "{request.path}"'
        )
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    what = f'resource "{_resource(request)}" in API group "{request.group}"'
    why = f'User "{user.name}" cannot {request.verb} {what} {scope}'
    return forbidden(request.resource, request.group, request.name, why)

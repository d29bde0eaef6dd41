"""What the API server, or the way to it, can answer instead of what was asked for.

ClusterError                    everything below; `reason` is its own name, for conditions, events and metrics
+-- BadConfiguration            no usable kubeconfig, context or service account
+-- BadName                     a namespace or name that is no path segment
+-- NoSuchKind                  discovery knows no such apiVersion and kind
+-- NoScale                     the kind is there, but has no /scale subresource
+-- Moved                       the object is not the one, or not as, decided on: read again, decide again
+-- BadSecret                   a Secret whose content cannot be read
+-- ApiError                    the server refused, or did not answer; `status` is 0 where there was no answer
    +-- Unreachable             refused, cut, timed out, or an answer that is not Kubernetes' JSON
    +-- Unauthorized      401   after the credentials were read anew
    +-- Forbidden         403   a missing rule, or a server that has not loaded its rules yet: try again
    +-- NotFound          404
    +-- Conflict          409
    +-- Gone              410   the list or watch is too old: list again
    +-- Unprocessable     422
    +-- TooManyRequests   429   `retry_after_seconds` is always set
    +-- ServerError       5xx
"""
# ruff: noqa: N818 (the names are those of HTTP and of Kubernetes' own reasons)

import json
from collections.abc import Mapping
from typing import Any

from .rights import missing_rule

DEFAULT_RETRY_AFTER_SECONDS = 1.0
# Kubernetes asks for seconds; a proxy in between may ask for hours, and would have them.
LONGEST_RETRY_AFTER_SECONDS = 60.0
MESSAGE_LIMIT = 500
REASON_LIMIT = 64


class ClusterError(Exception):
    """Anything that kept us from reading or writing the cluster; `reason` names it in one CamelCase word."""

    reason = "ClusterError"


class BadConfiguration(ClusterError):
    """No usable kubeconfig, context or service account."""

    reason = "BadConfiguration"


class BadName(ClusterError, ValueError):
    """A namespace or name that cannot be part of a path."""

    reason = "BadName"


class NoSuchKind(ClusterError):
    """Discovery knows no such apiVersion and kind."""

    reason = "NoSuchKind"


class NoScale(ClusterError):
    """The kind has no /scale subresource."""

    reason = "NoScale"


class Moved(ClusterError):
    """The object is not the one, or not as, it was when it was decided on: read again, decide again."""

    reason = "Moved"


class BadSecret(ClusterError):
    """A Secret whose content cannot be read."""

    reason = "BadSecret"


class ApiError(ClusterError):
    """The API server refused, or did not answer.

    `status` is the HTTP status (0: no answer), `reason` the name of the class, one of a handful, while
    `server_reason` is whatever word the server chose. `causes` are the fields it found wrong,
    `retry_after_seconds` is the patience it asked for, if it did.
    """

    def __init__(
        self,
        status: int,
        server_reason: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = type(self).__name__
        self.server_reason = server_reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.causes = causes


class Unreachable(ApiError):
    """No answer, or none that can be understood."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)


class Unauthorized(ApiError):
    """401, after the credentials were read anew."""


class Forbidden(ApiError):
    """403: a missing rule, or a server whose rules are not loaded yet."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the object has changed, or is there already."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old."""


class Unprocessable(ApiError):
    """422: a failed test of a JSON Patch (no `causes`), or an invalid object (with `causes`)."""


class TooManyRequests(ApiError):
    """429, as a Status or as the plain text of priority and fairness."""

    retry_after_seconds: float

    def __init__(
        self,
        status: int,
        server_reason: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> None:
        seconds = DEFAULT_RETRY_AFTER_SECONDS if retry_after_seconds is None else retry_after_seconds
        super().__init__(status, server_reason, message, retry_after_seconds=seconds, causes=causes)


class ServerError(ApiError):
    """5xx."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Unprocessable,
    429: TooManyRequests,
}


def api_error(status: int, body: bytes | Mapping[str, Any], *, asked: str, retry_after: str | None = None) -> ApiError:
    """The error for an answer of `status`: `body` is a Status object, its bytes, or plain text; `asked` says
    what was asked.
    """
    told = body if isinstance(body, Mapping) else _status_object(body)
    details = told.get("details") or {}
    causes = tuple(f"{c.get('field', '')}: {c.get('message', '')}".strip(": ") for c in details.get("causes") or ())
    text = str(told.get("message") or "no message")[:MESSAGE_LIMIT]
    if status == 403 and (lacking := missing_rule(text)):
        text = f"{text}; {lacking}"
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    return kind(
        status,
        str(told.get("reason") or kind.__name__)[:REASON_LIMIT],
        f"{asked}: {status} {text}",
        retry_after_seconds=_seconds(retry_after, details.get("retryAfterSeconds")),
        causes=causes,
    )


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, Mapping):
        return told
    return {"message": body.decode("utf-8", "replace").strip()}


def _seconds(*candidates: object) -> float | None:
    """The first candidate that is a whole, non-negative number of seconds, which is all Kubernetes sends; capped."""
    for candidate in candidates:
        text = str(candidate)
        if candidate is not None and text.isdecimal():
            return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    return None

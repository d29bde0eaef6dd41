"""Failures as a Kubernetes API server phrases them: `StatusError` carries one `Status` object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of one field: `path` in dotted form, `type` as in field.ErrorType, `message` without the path."""

    path: str
    type: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '<nil>'}: {self.message}"

    @property
    def cause(self) -> Json:
        """The entry of `details.causes`."""
        return {"reason": self.type, "message": self.message, "field": self.path or "<nil>"}


class StatusError(Exception):
    """A request refused; `status` is the body that the client gets."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: Json | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = dict(details or {})
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    @property
    def status(self) -> Json:
        """The `Status` object."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        return status | {"code": self.code}


def qualified(plural: str, group: str) -> str:
    """`deployments.apps`, or the bare plural for the core group."""
    return f"{plural}.{group}" if group else plural


def _details(plural: str, group: str, name: str) -> Json:
    details = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in details.items() if value}


def not_found(plural: str, group: str, name: str) -> StatusError:
    """404 of one object."""
    return StatusError(
        404, "NotFound", f'{qualified(plural, group)} "{name}" not found', details=_details(plural, group, name)
    )


def no_such_path() -> StatusError:
    """404 of a path that nothing serves."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def already_exists(plural: str, group: str, name: str) -> StatusError:
    """409 of a create."""
    return StatusError(
        409,
        "AlreadyExists",
        f'{qualified(plural, group)} "{name}" already exists',
        details=_details(plural, group, name),
    )


def conflict(plural: str, group: str, name: str, why: str) -> StatusError:
    """409 of a write whose precondition does not hold."""
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}',
        details=_details(plural, group, name),
    )


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def uid_mismatch(given: str, actual: str) -> str:
    """Why a write with another uid is a conflict."""
    return f"Precondition failed: UID in precondition: {given}, UID in object meta: {actual}"


def deletion_conflict(kind: str, group: str, name: str, what: str, given: str, actual: str) -> StatusError:
    """409 of a delete whose precondition (`what`: UID or ResourceVersion) does not hold."""
    cure = "deleted and then recreated" if what == "UID" else "modified"
    return conflict(
        kind,
        group,
        name,
        f"the {what} in the precondition ({given}) does not match the {what} in record "
        f"({actual}). The object might have been {cure}",
    )


def expired(message: str) -> StatusError:
    """410 of a resourceVersion or continue token that the history no longer covers."""
    return StatusError(410, "Expired", message)


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def invalid(kind: str, plural_group: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """422 with one cause a field."""
    said = str(errors[0]) if len(errors) == 1 else f"[{', '.join(map(str, errors))}]"
    details = {"name": name, "group": plural_group, "kind": kind, "causes": [error.cause for error in errors]}
    return StatusError(
        422,
        "Invalid",
        f'{qualified(kind, plural_group)} "{name}" is invalid: {said}',
        details={key: value for key, value in details.items() if value},
    )


def invalid_field(kind: str, group: str, name: str, error: FieldError) -> StatusError:
    """422 of one field."""
    return invalid(kind, group, name, [error])


def patch_test_failed() -> StatusError:
    """422 of a JSON Patch that cannot be applied, a failing `test` among them."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request")


def forbidden(plural: str, group: str, name: str, why: str) -> StatusError:
    """403."""
    what = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return StatusError(403, "Forbidden", f"{what} is forbidden: {why}", details=_details(plural, group, name))


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> StatusError:
    """405."""
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """415 of a body or patch type that this resource does not take."""
    return StatusError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted),
    )

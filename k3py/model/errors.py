"""Errors a caller can act on; the class decides HTTP status, reason and the command line's exit code.

Problem
├── BadRequest            400   the request cannot be understood
├── Unauthorized          401   say who you are
├── Forbidden             403
├── NotFound              404
├── MethodNotAllowed      405
├── NotAcceptable         406
├── AlreadyExists         409
├── Conflict              409   someone wrote first: read again, decide again
├── Expired               410   that version is no longer kept: list again
├── RequestTooLarge       413
├── UnsupportedMediaType  415
├── Invalid               422   change the object; `causes` says everything that is wrong
├── TooManyRequests       429   try again after a while
├── InternalError         500
├── Unavailable           503   try again later
└── Timeout               504   the outcome is unknown

Words and shapes are those of Kubernetes' ``Status`` (apimachinery ``pkg/api/errors``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong: ``FieldValueRequired`` and its kin, said of one field path."""

    reason: str
    message: str
    field: str


@dataclass(frozen=True)
class Details:
    """What the problem is about: resource name (plural, or the kind for ``Invalid``), group, object name and uid."""

    name: str = ""
    group: str = ""
    kind: str = ""
    uid: str = ""
    causes: Sequence[Cause] = field(default_factory=tuple)
    retry_after_seconds: int = 0


class Problem(Exception):
    """A refusal that says what, on what, why."""

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, details: Details | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        """The problem as a Kubernetes ``Status`` object, ready for JSON."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if not self.reason:
            del body["reason"]
        if self.details is not None:
            body["details"] = _details(self.details)
        return body


def _details(details: Details) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, value in (
        ("name", details.name),
        ("group", details.group),
        ("kind", details.kind),
        ("uid", details.uid),
    ):
        if value:
            body[key] = value
    if details.causes:
        body["causes"] = [_cause(c) for c in details.causes]
    if details.retry_after_seconds:
        body["retryAfterSeconds"] = details.retry_after_seconds
    return body


def _cause(cause: Cause) -> dict[str, str]:
    body = {"reason": cause.reason, "message": cause.message, "field": cause.field}
    return {key: value for key, value in body.items() if value}


class BadRequest(Problem):
    code, reason = 400, "BadRequest"


class Unauthorized(Problem):
    code, reason = 401, "Unauthorized"

    def __init__(self, message: str = "Unauthorized", details: Details | None = None) -> None:
        super().__init__(message, details)


class Forbidden(Problem):
    code, reason = 403, "Forbidden"


class NotFound(Problem):
    code, reason, exit_code = 404, "NotFound", 3


class MethodNotAllowed(Problem):
    code, reason = 405, "MethodNotAllowed"

    def __init__(
        self,
        message: str = "the server does not allow this method on the requested resource",
        details: Details | None = Details(),
    ) -> None:
        super().__init__(message, details)


class NotAcceptable(Problem):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(Problem):
    code, reason, exit_code = 409, "AlreadyExists", 4


class Conflict(Problem):
    code, reason, exit_code = 409, "Conflict", 4


class Expired(Problem):
    code, reason = 410, "Expired"


class RequestTooLarge(Problem):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(Problem):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(Problem):
    code, reason = 422, "Invalid"


class TooManyRequests(Problem):
    code, reason, exit_code = 429, "TooManyRequests", 5


class InternalError(Problem):
    code, reason = 500, "InternalError"


class Unavailable(Problem):
    code, reason, exit_code = 503, "ServiceUnavailable", 5


class Timeout(Problem):
    code, reason, exit_code = 504, "Timeout", 5


_BY_REASON: dict[str, type[Problem]] = {cls.reason: cls for cls in Problem.__subclasses__()}
_BY_CODE: dict[int, type[Problem]] = {cls.code: cls for cls in reversed(Problem.__subclasses__())}


def from_status(body: Mapping[str, Any], code: int = 0) -> Problem:
    """The problem that a ``Status`` object received from a server speaks of.

    ``code`` is the HTTP status, used when the body names no reason that is known.
    """
    details = body.get("details") or {}
    known = Details(
        name=details.get("name", ""),
        group=details.get("group", ""),
        kind=details.get("kind", ""),
        uid=details.get("uid", ""),
        causes=tuple(
            Cause(c.get("reason", ""), c.get("message", ""), c.get("field", "")) for c in details.get("causes") or ()
        ),
        retry_after_seconds=details.get("retryAfterSeconds", 0),
    )
    cls = _BY_REASON.get(body.get("reason", "")) or _BY_CODE.get(code or body.get("code", 0), InternalError)
    return cls(body.get("message", "") or f"the server answered with HTTP status {code}", known)


def resource_name(resource: str, group: str) -> str:
    """``deployments.apps``: how messages name a resource (``GroupResource.String``)."""
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, group: str, name: str) -> NotFound:
    return NotFound(f'{resource_name(resource, group)} "{name}" not found', Details(name, group, resource))


def already_exists(resource: str, group: str, name: str) -> AlreadyExists:
    return AlreadyExists(f'{resource_name(resource, group)} "{name}" already exists', Details(name, group, resource))


def name_conflict(resource: str, group: str, name: str) -> AlreadyExists:
    """A name that the server drew is taken, as were those before it: another attempt may be luckier."""
    said = f'{resource_name(resource, group)} "{name}" already exists'
    return AlreadyExists(
        f"{said}, the server was not able to generate a unique name for the object",
        Details(name, group, resource, retry_after_seconds=1),
    )


def conflict(resource: str, group: str, name: str, why: str) -> Conflict:
    return Conflict(
        f'Operation cannot be fulfilled on {resource_name(resource, group)} "{name}": {why}',
        Details(name, group, resource),
    )


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def forbidden(resource: str, group: str, name: str, why: str) -> Forbidden:
    what = (
        f'{resource_name(resource, group)} "{name}" is forbidden'
        if name
        else f"{resource_name(resource, group)} is forbidden"
    )
    return Forbidden(f"{what}: {why}", Details(name, group, resource))


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Invalid:
    """Everything that is wrong with an object, in one answer (``errors.NewInvalid``); the message repeats nothing."""
    lines = list(dict.fromkeys(f"{c.field}: {c.message}" for c in causes))
    said = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    return Invalid(
        f'{resource_name(kind, group)} "{name}" is invalid: {said}', Details(name, group, kind, causes=causes)
    )

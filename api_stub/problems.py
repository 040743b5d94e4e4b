"""What goes wrong, told as RFC 9457 problem documents."""

import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from fastapi import Request, Response

from models.contract import Contract
from models.errors import FieldError, Refusal, ValidationFailed
from models.outcome import OutcomeError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

KINDS: dict[str, tuple[int, str]] = {
    "malformed_request": (400, "The request cannot be read"),
    "malformed_json": (400, "The body is not JSON"),
    "malformed_header": (400, "A header cannot be read"),
    "unauthorized": (401, "The API key is missing or wrong"),
    "forbidden": (403, "The API key may only read"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "The method is not allowed here"),
    "already_exists": (409, "It exists already"),
    "illegal_transition": (409, "The job group's status does not allow it"),
    "dead_lettered": (409, "The command was set aside, and waits for somebody to replay it"),
    "position_gone": (410, "Events after this position are not kept any more"),
    "version_conflict": (412, "The job group has changed since"),
    "payload_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body has an unsupported type"),
    "validation_failed": (422, "Some fields are wrong"),
    "position_ahead": (422, "No event has this position yet"),
    "command_id_reused": (422, "The idempotency key was used for another request"),
    "rate_limited": (429, "Too many requests with this API key"),
    "too_many_wrong_keys": (429, "Too many wrong API keys from this address"),
    "internal_error": (500, "Something went wrong on our side"),
    "unavailable": (503, "The service cannot do this now"),
}
"""HTTP status and title of every problem, by its code; the domain's own codes are among them."""


class ProblemDocument(Contract):
    """A problem document (RFC 9457): `code` says what happened to programs, `detail` to people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    success: Literal[False]
    code: str
    errors: list[FieldError] | None = None
    current_version: int | None = None
    earliest: int | None = None
    latest: int | None = None


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer that says why there is no other; `code` is one of KINDS, `members` are the document's optional ones."""

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers
        self.members = members

    @classmethod
    def of_refusal(cls, refusal: Refusal) -> "Problem":
        """Return the problem that tells why the domain refused something."""
        return cls(refusal.code, refusal.detail, **refusal.facts)

    @classmethod
    def of_rejection(cls, error: OutcomeError) -> "Problem":
        """Return the problem that tells why a command was rejected."""
        if error.errors:
            return cls.of_refusal(ValidationFailed([_as_sent(wrong) for wrong in error.errors]))
        return cls(error.code, error.detail, current_version=error.current_version)

    @classmethod
    def wrong_fields(cls, message: str, *fields: str) -> "Problem":
        """Return the problem that all `fields` or parameters have."""
        return cls.of_refusal(ValidationFailed([FieldError(field=field, message=message) for field in fields]))

    @classmethod
    def unavailable(cls, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> "Problem":
        """Return the problem of a server that is away for a while."""
        return cls(
            "unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS), **(headers or {})}, **members
        )


def problem_type(code: str) -> str:
    """Return the URI that stands for problems of this `code`."""
    return f"urn:ocr-invoice-job-groups:problem:{code}"


def answer(request: Request, problem: Problem) -> Response:
    """Return the response that tells `problem`."""
    status, title = KINDS[problem.code]
    document = ProblemDocument(
        type=problem_type(problem.code),
        title=title,
        status=status,
        detail=problem.detail,
        instance=quote(request.scope["path"]),
        success=False,
        code=problem.code,
        **problem.members,
    )
    # ASCII: what is quoted from a request may hold what UTF-8 cannot.
    return Response(json.dumps(document.model_dump(exclude_none=True)), status, problem.headers, MEDIA_TYPE)


def _as_sent(wrong: FieldError) -> FieldError:
    """A patch travels inside its command; over HTTP it is the whole body."""
    return FieldError(field=wrong.field.removeprefix("patch."), message=wrong.message)

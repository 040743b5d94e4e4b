"""Request bodies: read up to a limit, as JSON, and only then checked."""

from email.message import Message
from functools import lru_cache, partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from fastapi import Request as HttpRequest
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from api_stub.problems import Problem
from models.commands import MAX_COMMAND_BYTES
from models.contract import MAX_JSON_DEPTH, Request, storable_json, storable_text
from models.deciding import merge_patch as patched
from models.errors import ValidationFailed
from models.fields import JobGroupFields
from models.job_commands import MAX_JOBS_COUNT, JobsFields, ReviewFields

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

_Key = Annotated[str, AfterValidator(storable_text)]
_Value = Annotated[Any, AfterValidator(partial(storable_json, depth=MAX_JSON_DEPTH - 1))]
_ANY_GROUP = {"name": "any", "template": "any"}
_patch = TypeAdapter(dict[_Key, _Value])  # key by key, so that what is wrong has a name


class RetryFields(Request):
    """Which jobs to retry; absent: all that can be."""

    job_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_JOBS_COUNT)] | None = None


def checked_body(contract: type[BaseModel], *, optional: bool = False) -> Any:
    """Return the dependency that reads a body which `contract` describes, and gives it as it was sent.

    As sent, without defaults, because a repeated request must make the same command even after a default has changed.
    It raises Problem or ValidationFailed.
    """

    async def read(request: HttpRequest) -> dict[str, Any]:
        body = await _read_object(request, JSON, optional=optional)
        try:
            contract.model_validate(body)
        except ValidationError as error:
            raise ValidationFailed.of(error) from None
        return body

    return Depends(read)


async def merge_patch(request: HttpRequest) -> dict[str, Any]:
    """Return a JSON merge patch. Whether the group stays small enough is checked where the group is known."""
    body = await _read_object(request, MERGE_PATCH, JSON)
    try:
        patch = _patch.validate_python(body)
        # No field depends on another: a patch that is right for one group is right for all.
        JobGroupFields.model_validate(patched(_ANY_GROUP, patch))
        return patch
    except ValidationError as error:
        raise ValidationFailed.of(error) from None


GroupFields = Annotated[dict[str, Any], checked_body(JobGroupFields)]
JobsToAdd = Annotated[dict[str, Any], checked_body(JobsFields)]
ReviewBody = Annotated[dict[str, Any], checked_body(ReviewFields)]
RetryBody = Annotated[dict[str, Any], checked_body(RetryFields, optional=True)]
MergePatch = Annotated[dict[str, Any], Depends(merge_patch)]


async def _read_object(request: HttpRequest, *media_types: str, optional: bool = False) -> dict[str, Any]:
    raw = await _read(request)
    if optional and not raw:
        return {}
    _require_type(request, media_types)
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Problem("malformed_json", f"the body is not JSON in UTF-8: {error}") from None
    if not isinstance(body, dict):
        raise Problem.wrong_fields("the body must be a JSON object", "")
    return body


def _require_type(request: HttpRequest, media_types: tuple[str, ...]) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if _media_type(request.headers.get("content-type", "")) not in media_types or encoding != "identity":
        raise Problem("unsupported_media_type", f"send {' or '.join(media_types)}, not compressed")


@lru_cache
def _media_type(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type
    return header.get_content_type()


async def _read(request: HttpRequest) -> bytes:
    """Counts what arrives: a sender may leave Content-Length out."""
    body = bytearray()
    _require_size(int(request.headers.get("content-length", 0)))  # before a sender that asks first is told to go on
    async for chunk in request.stream():
        body += chunk
        _require_size(len(body))
    return bytes(body)


def _require_size(size_bytes: int) -> None:
    if size_bytes > MAX_COMMAND_BYTES:
        raise Problem("payload_too_large", f"a body may have {MAX_COMMAND_BYTES} bytes at most")

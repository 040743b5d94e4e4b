"""`/openapi.json` where FastAPI cannot find it in a signature: bodies that routes read themselves, and problems."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api_stub import event_stream, samples
from api_stub.bodies import JSON, MERGE_PATCH, RetryFields
from api_stub.headers import LAST_EVENT_ID
from api_stub.links import Links
from api_stub.merge_patches import merge_patch_of
from api_stub.problems import KINDS, MEDIA_TYPE, ProblemDocument, problem_type
from models.events import EventDocument
from models.fields import JobGroupFields
from models.job_commands import JobsFields, ReviewFields

Responses = dict[int | str, dict[str, Any]]

# A body has its own names, because answers show the same models with other rules: all defaults given, no secrets.
_BODY = "#/components/schemas/{model}Body"
_ANSWER = "#/components/schemas/{model}"
_PATCH = "JobGroupPatch"
_PATCHING = "A JSON merge patch (RFC 7396) of the group's writable fields; null puts a field back to its default."


_BODIES: tuple[type[BaseModel], ...] = (JobGroupFields, JobsFields, ReviewFields, RetryFields)


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


ETAG = {"ETag": _header("The group's version, for `If-Match` and `If-None-Match`.", '"1"')}
LINK = {
    "Link": _header(
        "The pages beside this one (RFC 8288), where there are any: `next` and `prev`.",
        '</ocr-invoice-job-groups?limit=50&cursor=abc>; rel="next"',
    )
}
LOCATION = {"Location": _header("Where the result is.", "/ocr-invoice-job-groups/0186071a-5d40-7000-8000-000000000001")}
COMMAND_LOCATION = {"Location": _header("Tells the outcome.", "/commands/0186071a-5d40-7000-8000-000000000001")}
DELIVERY_LOCATION = {
    "Location": _header(
        "Tells what becomes of it.",
        "/ocr-invoice-job-groups/0186071a-5d40-7000-8000-000000000001/deliveries/0186071a-5d40-7000-8000-000000000004",
    )
}
RATE_LIMIT = {
    "RateLimit-Policy": _header(
        "Of the caller's key (or of wrong keys from one address): the quota, and its window in seconds; "
        "draft-ietf-httpapi-ratelimit-headers-09.",
        '"key";q=600000;w=60',
    ),
    "RateLimit": _header("What is left of the quota, and for how many seconds.", '"key";r=599999;t=42'),
}
RETRY_AFTER = {"Retry-After": _header("After how many seconds to try again.", "2")}
_PROBLEM_HEADERS = {429: RATE_LIMIT | RETRY_AFTER, 503: RETRY_AFTER}
APPLIED = {"Preference-Applied": _header("What of `Prefer` was honoured.", "respond-async")}


def answer(
    status: int, description: str, example: str, headers: dict[str, Any] | None = None, links: Links | None = None
) -> Responses:
    """Document a success beyond its schema, which FastAPI takes from the model; `example` is one of the samples."""
    headers = RATE_LIMIT | (headers or {})
    told = {"description": description, "headers": headers, "content": {JSON: _examples(example)}}
    return {status: {**told, "links": links or {}}}


def stream(status: int, description: str, example: str) -> Responses:
    """Document Server-Sent Events, which `example` is a beginning of. OpenAPI 3.1 does not say how: as 3.2 does it, the
    schema is that of one event."""
    document = {"$ref": _ANSWER.format(model=EventDocument.__name__)}
    fields = {
        "id": {"type": "string", "pattern": LAST_EVENT_ID, "description": "The event's position, for `Last-Event-ID`."},
        "event": {"type": "string", "description": "The event's name, for instance `job.dispatched.high`."},
        "data": {"type": "string", "contentMediaType": JSON, "contentSchema": document},
        "retry": {"type": "integer", "description": "Milliseconds before a reconnection."},
    }
    schema = {"type": "object", "required": ["id", "event", "data"], "properties": fields}
    content = {event_stream.MEDIA_TYPE: {"schema": schema, "example": example}}
    return {status: {"description": description, "headers": RATE_LIMIT, "content": content}}


def problems(*codes: str) -> Responses:
    """Document the problems that a route answers with."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code][0], []).append(code)
    return {
        status: _problem_response(alike) | {"headers": _PROBLEM_HEADERS.get(status, {})}
        for status, alike in by_status.items()
    }


def body(model: type[BaseModel], example: Any, *, required: bool = True) -> dict[str, Any]:
    """Document a JSON body (`openapi_extra`)."""
    content = {"schema": {"$ref": _BODY.format(model=model.__name__)}, "example": example}
    return {"requestBody": {"required": required, "content": {JSON: content}}}


def patch_body(example: str) -> dict[str, Any]:
    """Document a merge patch of the writable fields (`openapi_extra`)."""
    content = {"schema": {"$ref": _BODY.format(model=_PATCH)}, **_examples(example)}
    return {"requestBody": {"required": True, "content": dict.fromkeys((MERGE_PATCH, JSON), content)}}


def components() -> dict[str, dict[str, Any]]:
    """Return what documented operations refer to: schemas and examples, by their names."""
    return {"schemas": _schemas(), "examples": {name: {"value": value} for name, value in samples.answers().items()}}


def _examples(name: str) -> dict[str, Any]:
    # By reference, since FastAPI leaves nulls out of what it writes itself.
    return {"examples": {name: {"$ref": f"#/components/examples/{name}"}}}


def _schemas() -> dict[str, Any]:
    bodies: list[Any] = [(model, "validation") for model in _BODIES]
    _, sent = models_json_schema(bodies, ref_template=_BODY)
    shown: list[Any] = [(ProblemDocument, "serialization"), (EventDocument, "serialization")]
    _, answered = models_json_schema(shown, ref_template=_ANSWER)
    named: dict[str, Any] = {f"{name}Body": schema for name, schema in sent["$defs"].items()}
    patch = merge_patch_of(named[f"{JobGroupFields.__name__}Body"], named)
    return {**named, f"{_PATCH}Body": {**patch, "title": _PATCH, "description": _PATCHING}, **answered["$defs"]}


def _problem_response(codes: Sequence[str]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": _ANSWER.format(model=ProblemDocument.__name__)},
        "examples": {code: {"summary": KINDS[code][1], "value": _problem(code)} for code in codes},
    }
    return {"description": "; or: ".join(KINDS[code][1] for code in codes), "content": {MEDIA_TYPE: content}}


def _problem(code: str) -> dict[str, Any]:
    status, title = KINDS[code]
    told: dict[str, Any] = {
        "type": problem_type(code),
        "title": title,
        "status": status,
        "detail": "what exactly, for people",
    }
    told |= {"instance": "/ocr-invoice-job-groups", "success": False, "code": code}
    members: dict[str, dict[str, Any]] = {
        "validation_failed": {"errors": [{"field": "name", "message": "Field required"}]},
        "position_gone": {"earliest": 4711},
        "position_ahead": {"latest": 4711},
    }
    return told | members.get(code, {})

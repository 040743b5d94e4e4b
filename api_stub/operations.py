"""How each route is documented, beside what its signature says."""

from typing import Any

from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel

from api_stub import links, samples
from api_stub.bodies import RetryFields
from api_stub.documents import (
    CommandAccepted,
    CommandAnswer,
    DeadLetterAnswer,
    DeadLetterList,
    Deleted,
    DeliveryAnswer,
    DeliveryList,
    EventList,
    ExplanationAnswer,
    Health,
    JobAnswer,
    JobGroupAnswer,
    JobGroupList,
    JobList,
)
from api_stub.openapi import (
    APPLIED,
    COMMAND_LOCATION,
    DELIVERY_LOCATION,
    ETAG,
    LINK,
    LOCATION,
    Responses,
    answer,
    body,
    patch_body,
    problems,
    stream,
)
from models.fields import JobGroupFields
from models.job_commands import JobsFields, ReviewFields

Operation = dict[str, Any]


def name_of(route: APIRoute) -> str:
    """Return the operation's id, by which generated clients call it."""
    return to_camel(route.name)


_CALLER = ("unauthorized", "rate_limited", "too_many_wrong_keys", "unavailable")
_READ = (*_CALLER, "validation_failed")
_WRITE = (
    *_CALLER,
    "forbidden",
    "malformed_header",
    "validation_failed",
    "command_id_reused",
    "dead_lettered",
)
_BODY = ("malformed_json", "payload_too_large", "unsupported_media_type")
_CHANGE = ("not_found", "version_conflict", *_WRITE)

_ACCEPTED: Responses = answer(
    202,
    "The command is under way: `Prefer: respond-async` was sent, or the wait is over.",
    "pending",
    COMMAND_LOCATION | APPLIED,
    links.TO_COMMAND,
)
_ACCEPTED[202]["model"] = CommandAccepted

LIST_GROUPS: Operation = {
    "response_model": JobGroupList,
    "responses": answer(200, "A page of groups.", "groups", LINK) | problems(*_READ),
}
CREATE_GROUP: Operation = {
    "status_code": 201,
    "response_model": JobGroupAnswer,
    "responses": answer(201, "The new group.", "group", ETAG | LOCATION | APPLIED, links.TO_GROUP)
    | _ACCEPTED
    | problems("already_exists", *_WRITE, *_BODY),
    "openapi_extra": body(JobGroupFields, samples.GROUP),
}
GET_GROUP: Operation = {
    "response_model": JobGroupAnswer,
    "responses": answer(200, "The group.", "group", ETAG)
    | {304: {"description": "The caller has this version already.", "headers": ETAG}}
    | problems("not_found", *_READ),
}
REPLACE_GROUP: Operation = {
    "response_model": JobGroupAnswer,
    "responses": answer(200, "The group as it is now.", "group", ETAG | APPLIED)
    | _ACCEPTED
    | problems(*_CHANGE, *_BODY),
    "openapi_extra": body(JobGroupFields, samples.GROUP),
}
PATCH_GROUP: Operation = {**REPLACE_GROUP, "openapi_extra": patch_body("patch")}
DELETE_GROUP: Operation = {
    "response_model": Deleted,
    "responses": answer(200, "The group is gone.", "deleted", APPLIED) | _ACCEPTED | problems(*_CHANGE),
}
ACT: Operation = {
    "response_model": JobGroupAnswer,
    "responses": answer(200, "The group as it is now.", "groupWithJobs", ETAG | APPLIED)
    | _ACCEPTED
    | problems("illegal_transition", *_CHANGE),
}
RETRY: Operation = {
    **ACT,
    "responses": ACT["responses"] | problems("illegal_transition", *_CHANGE, *_BODY),
    "openapi_extra": body(RetryFields, samples.RETRY, required=False),
}
HISTORY: Operation = {
    "response_model": EventList,
    "responses": answer(200, "A page of the group's events.", "events", LINK) | problems("not_found", *_READ),
}
EXPLAIN: Operation = {
    "response_model": ExplanationAnswer,
    "responses": answer(200, "The status, and the reasons for it.", "explanation") | problems("not_found", *_READ),
}
LIST_JOBS: Operation = {
    "response_model": JobList,
    "responses": answer(200, "A page of the group's jobs.", "jobs", LINK, links.TO_JOB) | problems("not_found", *_READ),
}
ADD_JOBS: Operation = {
    "status_code": 201,
    "response_model": JobGroupAnswer,
    "responses": answer(
        201, "The group as it is now, with its new jobs.", "groupWithJobs", ETAG | LOCATION | APPLIED, links.TO_JOBS
    )
    | _ACCEPTED
    | problems("already_exists", "illegal_transition", *_CHANGE, *_BODY),
    "openapi_extra": body(JobsFields, samples.JOBS),
}
GET_JOB: Operation = {
    "response_model": JobAnswer,
    "responses": answer(200, "The job.", "job") | problems("not_found", *_READ),
}
REVIEW_JOB: Operation = {
    "response_model": JobAnswer,
    "responses": answer(200, "The job as it is now.", "job", APPLIED)
    | _ACCEPTED
    | problems("illegal_transition", *_CHANGE, *_BODY),
    "openapi_extra": body(ReviewFields, samples.REVIEW),
}
LIST_DELIVERIES: Operation = {
    "response_model": DeliveryList,
    "responses": answer(200, "A page of deliveries.", "deliveries", LINK, links.TO_DELIVERY)
    | problems("not_found", *_READ),
}
GET_DELIVERY: Operation = {
    "response_model": DeliveryAnswer,
    "responses": answer(200, "The delivery.", "delivery") | problems("not_found", *_READ),
}
REDELIVER: Operation = {
    "status_code": 202,
    "response_model": DeliveryAnswer,
    "responses": answer(202, "It is tried again.", "delivery", DELIVERY_LOCATION)
    | problems("not_found", "forbidden", *_READ),
}
GET_COMMAND: Operation = {
    "response_model": CommandAnswer,
    "responses": answer(200, "The command's outcome, or that it is pending.", "outcome")
    | problems("not_found", *_READ),
}
FEED: Operation = {
    "responses": stream(200, "The events, from then on without an end.", samples.stream())
    | problems("malformed_header", "position_gone", "position_ahead", *_READ),
}
LIST_DEAD_LETTERS: Operation = {
    "response_model": DeadLetterList,
    "responses": answer(200, "A page of dead letters.", "deadLetters", LINK) | problems(*_READ),
}
GET_DEAD_LETTER: Operation = {
    "response_model": DeadLetterAnswer,
    "responses": answer(200, "The dead letter.", "deadLetter") | problems("not_found", *_READ),
}
ALIVE: Operation = {"response_model": Health}
READY: Operation = {"response_model": Health, "responses": problems("unavailable")}

"""The documents that the HTTP stub answers with, and how they are written."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import Response
from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from models.contract import Contract
from models.dead_letter_resource import DeadLetterDocument, DeadLetterResource
from models.delivery import DeliveryResource
from models.outcome import Outcome
from models.resources import Explanation, JobGroupResource, JobResource


class Answer(Contract):
    """Every answer but a problem says that it is none."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    success: Literal[True] = True


class JobGroupAnswer(Answer):
    """One job group."""

    data: JobGroupResource


class ToldJobGroup(Answer):
    """The same, of a group that is JSON already."""

    data: dict[str, Any]


class List(Answer):
    """A page; `total` counts what is on all pages."""

    total: int | SkipJsonSchema[None] = Field(
        None, description="Left out with `count=none`.", exclude_if=lambda total: total is None
    )


class JobGroupList(List):
    """A page of job groups."""

    data: list[JobGroupResource]


class JobList(List):
    """A page of a group's jobs."""

    data: list[JobResource]


class JobAnswer(Answer):
    """One job."""

    data: JobResource


class EventList(List):
    """A page of a group's events, as CloudEvents."""

    data: list[dict[str, Any]]


class DeadLetterList(List):
    """A page of dead letters, without what is in them."""

    data: list[DeadLetterResource]


class DeadLetterAnswer(Answer):
    """One dead letter, with what is in it."""

    data: DeadLetterDocument


class DeliveryList(List):
    """A page of a group's deliveries."""

    data: list[DeliveryResource]


class DeliveryAnswer(Answer):
    """One delivery."""

    data: DeliveryResource


class ExplanationAnswer(Answer):
    """Why a group or a job is in its status."""

    data: Explanation


class Deleted(Answer):
    """What was asked for is gone."""

    message: str = "OCR invoice job group deleted successfully"


class PendingCommand(Contract):
    """A command that was sent and has no outcome yet."""

    command_id: str
    status: Literal["pending"] = "pending"
    type: str


class CommandAccepted(Answer):
    """The command is under way; `/commands/{commandId}` tells what becomes of it."""

    data: PendingCommand


class CommandAnswer(Answer):
    """A command: pending, or its outcome."""

    data: PendingCommand | Outcome = Field(discriminator="status")


class Health(Answer):
    """The process runs, and where it says so, its servers answer."""

    status: Literal["alive", "ready"]


def json_response(
    document: Answer,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    exclude_none: bool = False,
) -> Response:
    """Write `document` straight from its model: what the service made itself is not validated once more."""
    body = document.model_dump_json(exclude_none=exclude_none)
    return Response(body, status, headers, "application/json")

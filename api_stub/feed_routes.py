"""`GET /events`: what happens, as it happens, and what happened since."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from api_stub import headers, operations
from api_stub.auth import KEY_HEADER, admitted
from api_stub.backends import OpenBackends
from api_stub.event_stream import MEDIA_TYPE
from api_stub.listings import repeated
from api_stub.problems import Problem
from models.interest import check_pattern, interest_in

MAX_FILTERS_COUNT = 50
STREAM_HEADERS = {
    # Starlette would add a charset to a type that has only one.
    "Content-Type": MEDIA_TYPE,
    # nginx keeps answers back to send them whole, unless it is told.
    "X-Accel-Buffering": "no",
}
_TYPE = """Only events whose name matches: words joined by dots, `*` for any one word, `#` for any number of them.
`job_group.*`, `job.#`, `*.completed`. Of several one has to match."""
_AFTER = "From the event after this position; 0: from the oldest that is kept. Absent: from now on."
_LAST_EVENT_ID = "The `id` of the last event seen, as every client for such streams sends it; goes before `after`."

PATTERN_FORMAT = "event-pattern"
MAX_POSITION = 10**18 - 1

Pattern = Annotated[
    str, AfterValidator(check_pattern), Field(max_length=255, json_schema_extra={"format": PATTERN_FORMAT})
]
# That it may be absent is no type of its own.
Position = Annotated[int | None, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_POSITION})]


class FeedQuery(BaseModel):
    """Which events, from where on."""

    model_config = ConfigDict(extra="forbid")

    group: list[UUID] = Field(
        [], max_length=MAX_FILTERS_COUNT, description="Only events of this group, or of any of these."
    )
    type: list[Pattern] = Field([], max_length=MAX_FILTERS_COUNT, description=_TYPE)
    after: Position = Field(None, ge=0, le=MAX_POSITION, description=_AFTER)


LastEventId = Annotated[
    str | SkipJsonSchema[None],
    Header(alias="Last-Event-ID", description=_LAST_EVENT_ID, json_schema_extra={"pattern": headers.LAST_EVENT_ID}),
]


async def _one_position(request: Request) -> None:
    if "after" in repeated(request):
        raise Problem.wrong_fields("must not be given twice", "after")


router = APIRouter(tags=["events"], dependencies=[admitted], generate_unique_id_function=operations.name_of)


@router.get("/events", response_class=StreamingResponse, dependencies=[Depends(_one_position)], **operations.FEED)
async def follow_events(
    asked: Annotated[FeedQuery, Query()], request: Request, backends: OpenBackends, last_event_id: LastEventId = None
) -> Response:
    """Follow what happens, as Server-Sent Events; a stream ends with its connection, its key, or the process."""
    seen = headers.parse_last_event_id(last_event_id)
    position = await backends.streams.start_of(asked.after if seen is None else seen)
    keys, key = request.app.state.known_keys, request.headers[KEY_HEADER]
    interest = interest_in(asked.group, asked.type)
    stream = backends.streams.follow(position, interest, lambda: keys.find(key) is not None)
    return StreamingResponse(stream, headers=STREAM_HEADERS)

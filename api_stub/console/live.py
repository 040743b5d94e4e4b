"""`/console/events`: the live feed for pages, which have a session and no key to send."""

import time
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api_stub import headers
from api_stub.backends import OpenBackends
from api_stub.console.visitors import Visiting
from api_stub.feed_routes import MAX_FILTERS_COUNT, MAX_POSITION, STREAM_HEADERS
from models import names
from models.interest import Interest

STREAM_SECONDS = 60
"""Then a page comes back, and its session is looked up anew."""
_FOR_EVERY_PAGE = frozenset({names.JOB_GROUP_CREATED, names.COMMAND_REJECTED})

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Watching(Interest):
    """What a page must know of: all that happens to the groups on it, and what may belong on it."""

    shown: frozenset[UUID] = frozenset()

    def takes(self, group_id: UUID, name: str) -> bool:
        """Return whether the page must know of this."""
        return group_id in self.shown or name in _FOR_EVERY_PAGE


@router.get("/events")
async def follow(
    request: Request,
    visitor: Visiting,
    backends: OpenBackends,
    group: Annotated[list[UUID], Query(max_length=MAX_FILTERS_COUNT)] = [],  # noqa: B006 - FastAPI copies it
    after: Annotated[int | None, Query(ge=0, le=MAX_POSITION)] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """Follow what happens to the groups on a page."""
    seen = headers.parse_last_event_id(last_event_id)
    position = await backends.streams.start_of(after if seen is None else seen)
    keys, ends_at = request.app.state.known_keys, time.monotonic() + STREAM_SECONDS

    def is_welcome() -> bool:
        return time.monotonic() < ends_at and keys.find_by_digest(visitor.key_digest) is not None

    stream = backends.streams.follow(position, Watching(shown=frozenset(group)), is_welcome)
    return StreamingResponse(stream, headers=STREAM_HEADERS)

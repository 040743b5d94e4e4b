"""Following the live feed: `GET /events` (Server-Sent Events, as the WHATWG's HTML standard has them), over every
interruption.

The position of the last event is all there is to keep: it is where to go on.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse, connect_sse

from client.pauses import growing_pause

CONNECT_TIMEOUT_SECONDS = 10.0
SILENCE_SECONDS = 45.0
"""Three heartbeats. After so long without a byte the connection is dead."""
LONGEST_RETRY_AFTER_SECONDS = 60.0
_TIMEOUT = httpx.Timeout(CONNECT_TIMEOUT_SECONDS, read=SILENCE_SECONDS)
_TOO_MANY = 429
_GONE = 410

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event, its name (`job_group.created`), and its place among all: to go on behind it, follow `after` it."""

    position: int
    name: str
    document: dict[str, Any]


class FeedRefused(Exception):  # noqa: N818 - a state, not a fault
    """The service does not answer this request (wrong key, wrong filter): do not ask again. `status` is HTTP's."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"the feed was refused ({status}): {detail}")
        self.status = status


class PositionGone(FeedRefused):
    """What came after the position that was asked for is not kept any more. What is kept begins at `earliest`."""

    def __init__(self, earliest: int | None, detail: str) -> None:
        super().__init__(_GONE, detail)
        self.earliest = earliest


class Feed:
    """The events of the service at `url`, of these groups and with names that match one of `types` (AMQP's patterns,
    `job_group.*`); of all, where none are named."""

    def __init__(self, url: str, api_key: str, *, groups: Sequence[UUID | str] = (), types: Sequence[str] = ()) -> None:
        self._address = f"{url.rstrip('/')}/events"
        self._headers = {"X-API-Key": api_key}
        self._filters = [("group", str(group)) for group in groups] + [("type", pattern) for pattern in types]

    def follow(self, after: int | None = None) -> Generator[FeedEvent, None, None]:
        """Give the events behind the position `after`, and those to come, for ever; each once, in order.

        0 begins with the first that is kept, None with the next that happens. Raises FeedRefused, or PositionGone.
        """
        place = _Place(after)
        with httpx.Client(headers=self._headers, timeout=_TIMEOUT) as client:
            while True:
                try:
                    with connect_sse(client, "GET", self._address, **self._request(after, place)) as source:
                        if source.response.is_error:
                            source.response.read()
                        place.check(source.response)
                        yield from filter(None, map(place.take, source.iter_sse()))
                except httpx.TransportError as error:
                    place.note(error)
                time.sleep(place.pause_seconds())

    async def follow_async(self, after: int | None = None) -> AsyncGenerator[FeedEvent, None]:
        """Do as `follow` does. Whoever ends early closes it (`contextlib.aclosing`), and with it the connection."""
        place = _Place(after)
        async with httpx.AsyncClient(headers=self._headers, timeout=_TIMEOUT) as client:
            while True:
                try:
                    async with aconnect_sse(client, "GET", self._address, **self._request(after, place)) as source:
                        if source.response.is_error:
                            await source.response.aread()
                        place.check(source.response)
                        async for message in source.aiter_sse():
                            if event := place.take(message):
                                yield event
                except httpx.TransportError as error:
                    place.note(error)
                await asyncio.sleep(place.pause_seconds())

    def _request(self, after: int | None, place: "_Place") -> dict[str, Any]:
        filters = self._filters if after is None else [*self._filters, ("after", str(after))]
        return {"params": filters, "headers": {"Last-Event-ID": str(place.position)} if place.was_told else {}}


class _Place:
    """Where a reader has got to, and what it knows of the way on."""

    def __init__(self, after: int | None) -> None:
        self.position = -1 if after is None else after
        self.was_told = False
        self._failures = 0
        self._retry_seconds = 0.0

    def check(self, answer: httpx.Response) -> None:
        """Raise what to do about an answer that is no feed: TransportError to try again, FeedRefused to give up."""
        status = answer.status_code
        if answer.is_success:
            return
        if status == _TOO_MANY or answer.is_server_error:
            self._retry_seconds = _retry_after(answer) or self._retry_seconds
            raise httpx.RemoteProtocolError(f"the feed answers {status}", request=answer.request)
        problem = _problem_in(answer)
        detail = str(problem.get("detail") or answer.reason_phrase)
        raise PositionGone(problem.get("earliest"), detail) if status == _GONE else FeedRefused(status, detail)

    def take(self, message: ServerSentEvent) -> FeedEvent | None:
        """Return the event in `message`; None where it has none, or one that came before."""
        self._failures = 0
        if message.retry is not None:
            self._retry_seconds = message.retry / 1000
        if not message.id.isdecimal():
            return None
        position, self.was_told = int(message.id), True
        if position <= self.position or not message.data:
            self.position = max(position, self.position)
            return None
        self.position = position
        return FeedEvent(position, message.event, json.loads(message.data))

    def note(self, error: httpx.TransportError) -> None:
        """Log why the reader has to come back."""
        log.warning("the feed was interrupted behind position %s: %r", self.position, error)

    def pause_seconds(self) -> float:
        """Return how long to wait before the next request: what the service asks for, and more with each failure."""
        self._failures += 1
        return self._retry_seconds + growing_pause(self._failures)


def _retry_after(answer: httpx.Response) -> float:
    seconds = answer.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_RETRY_AFTER_SECONDS) if seconds.isdecimal() else 0.0


def _problem_in(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}

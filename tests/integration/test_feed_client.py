"""The client library's feed reader against a real server of the wire format, which is as unkind as networks are."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

import client.feed
from client.feed import Feed, FeedEvent, FeedRefused, PositionGone
from tests.commands import eventually

KEY = "key"
Script = Callable[[int], Iterator[str | float]]
"""What the server says at the request with this number, counted from 1; a number is a silence in seconds."""


def said(position: int, **more: Any) -> str:
    document = json.dumps({"id": str(position), "data": {"name": "March\u2028April", **more}}, ensure_ascii=False)
    return f"id: {position}\nevent: job_group.updated\ndata: {document}\n\n"


class FeedServer:
    """Says what `script` says, whatever it is asked, and notes that."""

    def __init__(self) -> None:
        self.script: Script = lambda _: iter(())
        self.refusal: Callable[[int], Response | None] = lambda _: None
        self.asked: list[Request] = []
        app = FastAPI()
        app.add_api_route("/events", self._answer)
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=0))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        eventually(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def resumed_after(self) -> list[str | None]:
        return [request.headers.get("last-event-id") for request in self.asked]

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        number = len(self.asked)
        if refusal := self.refusal(number):
            return refusal

        async def speak() -> Any:
            for each in self.script(number):
                if isinstance(each, str):
                    yield each.encode()
                else:
                    await asyncio.sleep(each)

        return StreamingResponse(speak(), media_type="text/event-stream")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    server = FeedServer()
    yield server
    server.close()


Follow = Callable[..., list[FeedEvent]]


@pytest.fixture(params=["thread", "coroutine"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """Read so many events, in either way."""

    def by_thread(feed: Feed, count: int, after: int | None = None) -> list[FeedEvent]:
        events = feed.follow(after)
        found = list(islice(events, count))
        events.close()
        return found

    def by_coroutine(feed: Feed, count: int, after: int | None = None) -> list[FeedEvent]:
        async def read() -> list[FeedEvent]:
            async with aclosing(feed.follow_async(after)) as events:
                return [await anext(events) for _ in range(count)]

        return asyncio.run(read())

    return by_thread if request.param == "thread" else by_coroutine


def positions(events: list[FeedEvent]) -> list[int]:
    return [event.position for event in events]


def test_events_come_as_they_were_sent(server: FeedServer, follow: Follow) -> None:
    server.script = lambda _: iter(["retry: 10\n\n", ": heartbeat\n\n", said(7), said(9)])
    feed = Feed(server.url + "/", KEY, groups=["g1", "g2"], types=["job_group.*", "job.#"])
    first, second = follow(feed, 2, after=5)
    document = {"id": "7", "data": {"name": "March\u2028April"}}
    assert first == FeedEvent(7, "job_group.updated", document)
    assert second.position == 9
    [request] = server.asked
    assert request.headers["x-api-key"] == KEY
    asked = [("group", "g1"), ("group", "g2"), ("type", "job_group.*"), ("type", "job.#"), ("after", "5")]
    assert request.query_params.multi_items() == asked


def test_a_reader_goes_on_where_it_was_and_tells_nothing_twice(server: FeedServer, follow: Follow) -> None:
    """Connections end in the midst of an event, and what comes after them begins too early."""
    told = [said(position) for position in range(1, 31)]

    def script(number: int) -> Iterator[str]:
        first = max(0, 10 * (number - 1) - 3)
        yield "retry: 1\n\n"
        yield from told[first : first + 13]
        yield said(99)[:-1]  # never dispatched: its blank line is missing

    server.script = script
    assert positions(follow(Feed(server.url, KEY), 30, after=0)) == list(range(1, 31))
    assert server.resumed_after()[:3] == [None, "13", "20"]


def test_a_reader_of_what_is_to_come_misses_nothing_between_two_connections(server: FeedServer, follow: Follow) -> None:
    """The service says at once where "now" is."""
    server.script = lambda number: iter(["id: 41\n\n"] if number == 1 else [said(42)])
    assert positions(follow(Feed(server.url, KEY), 1)) == [42]
    assert server.resumed_after() == [None, "41"]


def test_a_silent_connection_is_left(server: FeedServer, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.feed, "_TIMEOUT", httpx.Timeout(5, read=0.5))
    beats: list[str | float] = [said(1), 0.3, ": heartbeat\n\n", 0.3, ": heartbeat\n\n", 0.3, said(2), 30.0]
    server.script = lambda number: iter(beats if number == 1 else [said(3)])
    began_at = time.monotonic()
    assert positions(follow(Feed(server.url, KEY), 3, after=0)) == [1, 2, 3]
    assert len(server.asked) == 2
    assert time.monotonic() - began_at < 10


def test_a_service_that_is_away_or_busy_is_asked_again(server: FeedServer, follow: Follow) -> None:
    answers = {1: Response(status_code=503), 2: Response(status_code=429, headers={"Retry-After": "1"})}
    server.refusal = answers.get
    server.script = lambda _: iter([said(1)])
    began_at = time.monotonic()
    assert positions(follow(Feed(server.url, KEY), 1)) == [1]
    assert time.monotonic() - began_at >= 1
    assert len(server.asked) == 3


def test_who_asks_for_what_is_gone_is_told_where_to_begin(server: FeedServer, follow: Follow) -> None:
    problem = {"status": 410, "detail": "events before 500 are not kept", "earliest": 500}
    server.refusal = lambda _: JSONResponse(problem, 410, media_type="application/problem+json")
    with pytest.raises(PositionGone, match="not kept") as refused:
        follow(Feed(server.url, KEY), 1, after=3)
    assert refused.value.earliest == 500


@pytest.mark.parametrize(
    "answer", [JSONResponse({"detail": "no such key"}, 401), Response("no such key", 403), JSONResponse([], 404)]
)
def test_who_is_refused_is_told_so(server: FeedServer, follow: Follow, answer: Response) -> None:
    server.refusal = lambda _: answer
    with pytest.raises(FeedRefused) as refused:
        follow(Feed(server.url, KEY), 1)
    assert refused.value.status == answer.status_code
    assert len(server.asked) == 1

"""`GET /events` as its readers meet it."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api_stub.known_keys import REVOCATION_SECONDS
from tests.commands import eventually
from tests.contract.http_api import (
    GROUPS,
    Service,
    address,
    client_of,
    new_group,
    problem_of,
    stub_of,
    wrong_fields,
)
from tests.contract.test_http_keys import create, run
from tests.event_source import Told, following

QUICK_HEARTBEATS = (
    sys.executable,
    "-c",
    "from api_stub import __main__, feed_streams; feed_streams.HEARTBEAT_SECONDS = 0.3; __main__.main()",
)


def published(api: httpx.Client, group: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the group's events once they are `count`."""
    history = f"{address(group)}/events"
    eventually(lambda: api.get(history).json()["total"] == count)
    events: list[dict[str, Any]] = api.get(history).json()["data"]
    return events


def documents(told: list[Told]) -> list[dict[str, Any]]:
    return [each.document for each in told]


def test_a_reader_is_told_what_happens_as_it_was_published(api: httpx.Client) -> None:
    with following(api) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert "ratelimit" in stream.response.headers
        stream.begin()
        group = new_group(api)
        api.patch(address(group), json={"priority": "urgent"})
        told = stream.take(2)
    assert [each.name for each in told] == ["job_group.created", "job_group.updated"]
    assert documents(told) == published(api, group, 2)
    assert told[1].position == told[0].position + 1


def test_two_readers_are_told_the_same(api: httpx.Client) -> None:
    with following(api) as one, following(api) as other:
        for stream in (one, other):
            stream.begin()
        for _ in range(5):
            new_group(api)
        assert one.take(5) == other.take(5)


def test_who_comes_back_goes_on_where_it_was(api: httpx.Client) -> None:
    with following(api) as stream:
        stream.begin()
        new_group(api)
        stream.take(1)
    missed = [new_group(api)["id"] for _ in range(3)]
    with following(api, last_event_id=stream.state.last_event_id, after="0") as stream:
        assert [each.document["subject"] for each in stream.take(3)] == missed


def test_who_was_cut_off_before_the_first_event_misses_none(api: httpx.Client) -> None:
    with following(api) as stream:
        assert stream.begin()[0] == "retry: 1000"
    group = new_group(api)
    published(api, group, 1)
    with following(api, last_event_id=stream.state.last_event_id) as stream:
        assert stream.take(1)[0].document["subject"] == group["id"]


def test_from_the_beginning_to_now_without_a_gap(api: httpx.Client) -> None:
    group = new_group(api)
    published(api, group, 1)
    with following(api, after=0) as stream:
        told: list[Told] = []
        while not told or told[-1].document.get("subject") != group["id"]:
            told += stream.take(1)
        later = new_group(api)
        told += stream.take(1)
    assert told[-1].document["subject"] == later["id"]
    assert [each.position for each in told] == list(range(1, len(told) + 1))


@pytest.mark.parametrize("replayed", [False, True], ids=["live", "replayed"])
def test_filters_by_group_and_by_type(api: httpx.Client, replayed: bool) -> None:
    one, two, three = (new_group(api) for _ in range(3))
    position = 0 if replayed else latest(api)
    with ExitStack() as stack:
        if replayed:
            delete_all(api, one, two, three)
        of_types, of_groups, of_both = (
            stack.enter_context(following(api, after=position, **asked))
            for asked in (
                {"type": ["job_group.deleted", "job.cancelled"]},
                {"group": [one["id"], three["id"]], "type": "#"},
                {"group": two["id"], "type": "*.deleted"},
            )
        )
        if not replayed:
            delete_all(api, one, two, three)
        subjects = {group["id"] for group in (one, two, three)}
        deleted = (each for each in of_types if each.document["subject"] in subjects)
        assert [(each.name, each.document["subject"]) for each in islice(deleted, 3)] == [
            ("job_group.deleted", group["id"]) for group in (one, two, three)
        ]
        (only,) = of_both.take(1)
        assert (only.name, only.document["subject"]) == ("job_group.deleted", two["id"])
        told = [(each.name, each.document["subject"]) for each in of_groups.take(4 if replayed else 2)]
        assert told[-2:] == [("job_group.deleted", one["id"]), ("job_group.deleted", three["id"])]
        assert [name for name, _ in told[:-2]] == ["job_group.created"] * (len(told) - 2)


def delete_all(api: httpx.Client, *groups: dict[str, Any]) -> None:
    for group in groups:
        published(api, group, 1)
        assert api.delete(address(group)).status_code == 200


def latest(api: httpx.Client) -> int:
    """Return the position of what was published last, once all of the above is."""
    marker = new_group(api)
    published(api, marker, 1)
    with following(api, group=marker["id"], after=0) as stream:
        return stream.take(1)[0].position


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"after": "-1"}, "after"),
        ({"after": "latest"}, "after"),
        ({"after": ["1", "2"]}, "after"),
        ({"after": str(10**30)}, "after"),
        ({"group": "none"}, "group.0"),
        ({"type": "job_group.complete"}, "type.0"),
        ({"type": ["job.#", "job..x"]}, "type.1"),
        ({"since": "1"}, "since"),
        ({"type": ["job.#"] * 51}, "type"),
    ],
)
def test_wrong_parameters_are_named(api: httpx.Client, asked: dict[str, Any], field: str) -> None:
    assert wrong_fields(api.get("/events", params=asked)) == {field}


@pytest.mark.parametrize("seen", ["x", "-1", "1.5", "", "9" * 40])
def test_a_last_event_id_that_is_none_is_refused(api: httpx.Client, seen: str) -> None:
    problem_of(api.get("/events", headers={"Last-Event-ID": seen}), 400, "malformed_header")


def test_a_position_that_no_event_has_is_not_waited_for(api: httpx.Client) -> None:
    """Such as a reader has from before the database was restored: events that it never saw will have it."""
    with following(api) as stream:
        stream.begin()
        new_group(api)
        (last,) = stream.take(1)
    told = problem_of(api.get("/events", params={"after": last.position + 1000}), 422, "position_ahead")
    assert last.position <= told["latest"] < last.position + 1000


def test_nothing_is_told_without_a_key(service: Service) -> None:
    with client_of(service.url, None) as anybody:
        problem_of(anybody.get("/events"), 401, "unauthorized")


def test_a_revoked_key_loses_its_stream(service: Service) -> None:
    name = f"reader {uuid4()}"
    made = create(service, name, "--read-only")
    with client_of(service.url, made["key"]) as api, following(api) as stream:
        stream.begin()
        revoked_at = time.monotonic()
        run(service, "revoke", name)
        assert list(stream) == []
        assert time.monotonic() - revoked_at < REVOCATION_SECONDS + 2  # the command's own start included
        problem_of(api.get("/events"), 401, "unauthorized")


@pytest.fixture(scope="module")
def small(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A stub that takes two readers and says quickly that it lives."""
    directory = tmp_path_factory.mktemp("small")
    with stub_of(service, directory, program=QUICK_HEARTBEATS, feed_readers_max_count=2) as url:
        yield url


def test_one_reader_too_many_is_told_to_come_again(service: Service, small: str) -> None:
    with client_of(small, service.api_key) as api:
        with following(api) as one, following(api) as other:
            for stream in (one, other):
                stream.begin()
            refused = api.get("/events")
            problem_of(refused, 503, "unavailable")
            assert int(refused.headers["retry-after"]) > 0
            assert api.get(GROUPS).status_code == 200
            assert api.get("/readyz").status_code == 200

        def admitted() -> bool:
            with api.stream("GET", "/events") as response:
                return response.status_code == 200

        assert eventually(admitted)


def test_a_heartbeat_moves_a_reader_past_what_it_does_not_want(service: Service, small: str) -> None:
    with client_of(small, service.api_key) as api, following(api, type="job_group.expired") as stream:
        stream.begin()
        group = new_group(api)
        published(api, group, 1)
        with following(api, group=group["id"], after=0) as other:
            (created,) = other.take(1)
        for line in stream.lines:
            stream.state.read(line)
            if stream.state.last_event_id and int(stream.state.last_event_id) >= created.position:
                break
        assert "heartbeat" in stream.state.comments


def test_streams_end_with_their_process(service: Service, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        with stub_of(service, tmp_path) as url:
            reading = threads.submit(read_to_the_end, url, service.api_key)
            eventually(lambda: reading.running())
            time.sleep(0.5)
            stopped_at = time.monotonic()
        assert time.monotonic() - stopped_at < 3
        assert reading.result(5) is None
    assert "Cancel" not in (tmp_path / "api_stub.log").read_text()


def read_to_the_end(url: str, api_key: str) -> None:
    """Raises httpx.RemoteProtocolError where the stream is cut off and does not end."""
    with client_of(url, api_key) as api, following(api) as stream:
        assert list(stream) == []


def test_the_history_of_a_group_in_both_directions(api: httpx.Client) -> None:
    group = new_group(api)
    for priority in ("urgent", "low"):
        api.patch(address(group), json={"priority": priority})
    events = published(api, group, 3)
    history = f"{address(group)}/events"
    first = api.get(history, params={"order": "desc", "limit": 2})
    assert first.json()["data"] == [events[2], events[1]]
    assert api.get(first.links["next"]["url"]).json()["data"] == [events[0]]
    cursor = httpx.URL(first.links["next"]["url"]).params["cursor"]
    assert wrong_fields(api.get(history, params={"cursor": cursor})) == {"cursor"}

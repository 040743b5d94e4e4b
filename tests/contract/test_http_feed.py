"""`GET /events` as its readers meet it."""

from contextlib import ExitStack
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.commands import eventually
from tests.contract.http_api import (
    address,
    new_group,
    problem_of,
    wrong_fields,
)
from tests.event_source import Told, following

pytestmark = pytest.mark.usefixtures("quiet")


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

"""The client library's feed reader at the service's own feed, over a network that breaks."""

import threading
import time
from itertools import takewhile
from uuid import UUID

import pytest

from client.feed import Feed, FeedEvent, FeedRefused, PositionGone
from tests.commands import eventually, select
from tests.contract.http_api import client_of, new_group
from tests.tcp_proxy import proxy_to
from workers.supervision.supervisor import Supervisor

GROUP_COUNT = 60


def published(service: Supervisor, after: int) -> list[tuple[int, UUID]]:
    sql = "SELECT position, id FROM events WHERE position > :after ORDER BY position"
    rows = select(service.settings.require("database_url"), sql, after=after)
    return [(row["position"], row["id"]) for row in rows]


def makes(event: FeedEvent, name: str) -> bool:
    return event.name == "job_group.created" and event.document["data"]["group"]["name"] == name


def latest(service: Supervisor) -> int:
    return published(service, 0)[-1][0]


def test_connections_that_break_cost_no_event_and_repeat_none(service: Supervisor) -> None:
    with client_of(service.url, service.api_key) as api, proxy_to(service.url) as proxy:
        new_group(api)
        after = eventually(lambda: published(service, 0) and latest(service))
        feed = Feed(f"http://127.0.0.1:{proxy.port}", service.api_key)

        def write() -> None:
            for number in range(GROUP_COUNT):
                new_group(api)
                if number % 15 == 7:
                    proxy.cut()
                    time.sleep(0.1)
            new_group(api, name="the last")

        writer = threading.Thread(target=write)
        writer.start()
        followed = feed.follow(after)
        found = list(takewhile(lambda event: not makes(event, "the last"), followed))
        followed.close()
        writer.join()
    told = [(event.position, UUID(event.document["id"])) for event in found]
    assert len(told) >= GROUP_COUNT
    assert told == [each for each in published(service, after) if each[0] <= told[-1][0]]


def test_a_reader_of_what_is_to_come_misses_nothing_though_it_has_seen_nothing(service: Supervisor) -> None:
    with client_of(service.url, service.api_key) as api, proxy_to(service.url) as proxy:
        feed = Feed(f"http://127.0.0.1:{proxy.port}", service.api_key, types=["job_group.created"])

        def write() -> None:
            time.sleep(1)  # the reader is connected by then, and was told where "now" is
            proxy.refuse()
            new_group(api, name="missed")
            proxy.admit()

        writer = threading.Thread(target=write)
        writer.start()
        followed = feed.follow()
        assert makes(next(followed), "missed")
        followed.close()
        writer.join()


def test_a_wrong_key_and_a_wrong_place_are_refused(service: Supervisor) -> None:
    with pytest.raises(FeedRefused) as refused:
        next(Feed(service.url, "wrong").follow())
    assert refused.value.status == 401
    with pytest.raises(FeedRefused) as ahead:
        next(Feed(service.url, service.api_key).follow(after=10**12))
    assert not isinstance(ahead.value, PositionGone)

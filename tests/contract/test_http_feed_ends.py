"""Who may read the feed, how many, and when their streams end."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from api_stub.known_keys import REVOCATION_SECONDS
from tests.commands import eventually
from tests.contract.http_api import GROUPS, Service, client_of, new_group, problem_of, stub_of
from tests.contract.test_http_feed import published
from tests.contract.test_http_keys import create, run
from tests.event_source import following

NOBODYS = str(uuid4())
"""A group that nobody made: what other tests began goes on meanwhile, and is not told."""
QUICK_HEARTBEATS = (
    sys.executable,
    "-c",
    "from api_stub import __main__, feed_streams; feed_streams.HEARTBEAT_SECONDS = 0.3; __main__.main()",
)


def test_nothing_is_told_without_a_key(service: Service) -> None:
    with client_of(service.url, None) as anybody:
        problem_of(anybody.get("/events"), 401, "unauthorized")


def test_a_revoked_key_loses_its_stream(service: Service) -> None:
    name = f"reader {uuid4()}"
    made = create(service, name, "--read-only")
    with client_of(service.url, made["key"]) as api, following(api, group=NOBODYS) as stream:
        stream.begin()
        run(service, "revoke", name)
        revoked_at = time.monotonic()
        assert list(stream) == []
        assert time.monotonic() - revoked_at < REVOCATION_SECONDS + 2
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
    with client_of(url, api_key) as api, following(api, group=NOBODYS) as stream:
        assert list(stream) == []

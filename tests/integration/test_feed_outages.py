"""Readers of the feed while what is behind it goes away, comes back, or comes back as it was earlier."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from api_stub.event_stream import opening
from api_stub.feed import Feed
from api_stub.feed_streams import FeedStreams
from api_stub.problems import Problem
from models.interest import EVERYTHING
from models.store.engine import make_async_engine
from models.store.migrations import upgrade
from settings import Settings
from tests.commands import select
from tests.contract.http_api import Service, client_of, problem_of
from tests.event_source import following
from tests.integration.feed_stage import Stage, publish_beforehand, stage
from tests.integration.relaying import publish_everything, row, write
from workers.supervision import embedded_postgres


def test_a_database_that_went_back_ends_streams_rather_than_keep_them_waiting(staged: Stage) -> None:
    staged.publish(10)
    with client_of(staged.url, staged.api_key) as api:
        with following(api, after=0) as stream:
            assert len(stream.take(10)) == 10
            staged.scalar("DELETE FROM events WHERE position > 6 RETURNING 1")
            lose_connections(staged)
            assert list(stream) == []
        told = problem_of(
            api.get("/events", headers={"Last-Event-ID": stream.state.last_event_id}), 422, "position_ahead"
        )
        assert told["latest"] == 6
        with following(api, after=6) as stream:
            staged.publish(1)
            assert stream.take(1)[0].position == 7


def lose_connections(stage: Stage) -> None:
    stage.scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'jobgroups' AND pid <> pg_backend_pid()"
    )


def test_what_is_not_kept_is_gone(service: Service, clean_database: str, tmp_path: Path) -> None:
    publish_beforehand(clean_database, 3_000)
    select(clean_database, "DELETE FROM events WHERE position <= 100 RETURNING 1")
    with stage(service, clean_database, tmp_path) as late, client_of(late.url, late.api_key) as api:
        told = problem_of(api.get("/events", params={"after": 99}), 410, "position_gone")
        assert told["earliest"] == 101
        assert "after=100" in told["detail"]
        for after in (0, 100):
            with following(api, after=after) as stream:
                assert [each.position for each in stream.take(3)] == [101, 102, 103]


@pytest.fixture
def doomed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: below a long one, PostgreSQL would have another address with each start."""
    home = tmp_path_factory.mktemp("pg")
    postgres = embedded_postgres.start(home)
    upgrade(Settings(database_url=postgres.url).require("database_url"))
    postgres.stop()
    return home


@contextmanager
def postgres_at(home: Path) -> Iterator[str]:
    postgres = embedded_postgres.start(home)
    try:
        yield Settings(database_url=postgres.url).require("database_url")
    finally:
        postgres.stop()


def test_a_reader_outlives_the_database(service: Service, doomed_home: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with postgres_at(doomed_home) as url:
            quick = "feed_streams.HEARTBEAT_SECONDS = 0.3"
            doomed = stack.enter_context(stage(service, url, tmp_path, patch=quick))
            api = stack.enter_context(client_of(doomed.url, doomed.api_key))
            doomed.publish(3)
            stream = stack.enter_context(following(api, after=0))
            assert len(stream.take(3)) == 3
        assert next(line for line in stream.lines if line == ": heartbeat")
        with following(api, last_event_id="2") as another:  # from what the process still holds
            assert another.take(1)[0].position == 3
        with postgres_at(doomed_home):
            doomed.engine.dispose()
            assert doomed.publish(1) == 4
            assert stream.take(1)[0].position == 4
            stack.close()


def test_a_reader_outlives_the_relay(staged: Stage, redis_url: str) -> None:
    with client_of(staged.url, staged.api_key) as api, following(api) as stream:
        for number in range(3):
            write(staged.engine, [row(1, uuid4()), row(1, uuid4())])
            publish_everything(staged.engine, redis_url)  # by a relay of its own
            assert [each.position for each in stream.take(2)] == [2 * number + 1, 2 * number + 2]


def test_who_is_overtaken_by_retention_is_not_led_past_what_it_missed(clean_database: str) -> None:
    """The one who reads ahead is not there, so that the reader has all of its way before it when it begins."""
    publish_beforehand(clean_database, 50)

    async def follow() -> list[bytes]:
        engine = make_async_engine(clean_database).execution_options(isolation_level="AUTOCOMMIT")
        feed = Feed(engine)
        feed.ring.empty(50)
        feed.ready.set()
        streams = FeedStreams(feed, engine, max_count=1)
        start = await streams.start_of(10)
        select(clean_database, "DELETE FROM events WHERE position <= 20 RETURNING 1")
        told = [chunk async for chunk in streams.follow(start, EVERYTHING, lambda: True)]
        with pytest.raises(Problem) as gone:
            await streams.start_of(10)
        assert (gone.value.code, gone.value.members) == ("position_gone", {"earliest": 21})
        await engine.dispose()
        return told

    assert asyncio.run(follow()) == [opening(10)]

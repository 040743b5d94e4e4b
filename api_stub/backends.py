"""What a process of the HTTP stub keeps open for all its requests."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import AsyncEngine

from api_stub.feed import Feed
from api_stub.feed_streams import CATCH_UPS_COUNT, FeedStreams
from api_stub.gathering import Gathering
from api_stub.outcomes import OutcomeWaiter
from client.producer import CommandProducer
from models.commands import CommandEnvelope
from models.job_group import JobGroup
from models.outcome import Outcome
from models.store import queries
from models.store.engine import make_async_engine
from settings import Settings

REDIS_TIMEOUT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Backends:
    """The servers behind the HTTP stub. Reads go to `engine`, those of one group to `groups`, commands to `producer`;
    outcomes come from `outcomes`, events from `streams`, which `feed` feeds."""

    settings: Settings
    engine: AsyncEngine
    redis: Redis
    producer: CommandProducer
    outcomes: OutcomeWaiter
    groups: Gathering[UUID, JobGroup]
    feed: Feed
    streams: FeedStreams


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """Open everything. A server that is away does not keep the process from starting: `/readyz` tells of it."""
    async with AsyncExitStack() as stack:
        # Each read is one statement: a transaction around it would be two round trips for nothing.
        engine = make_async_engine(settings.require("database_url")).execution_options(isolation_level="AUTOCOMMIT")
        stack.push_async_callback(engine.dispose)
        redis = await stack.enter_async_context(_connect(settings.require("redis_url")))
        producer = await stack.enter_async_context(
            CommandProducer(settings.require("broker_url"), timeout_seconds=settings.publish_timeout_seconds)
        )
        outcomes = await stack.enter_async_context(_listening(redis, engine))
        feed, streams = await stack.enter_async_context(_feeding(settings))
        groups = Gathering(partial(_read_groups, engine))
        yield Backends(settings, engine, redis, producer, outcomes, groups, feed, streams)


def _connect(redis_url: str) -> Redis:
    return Redis.from_url(
        redis_url,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),  # enough for a connection that had gone stale; a request cannot wait for more
    )


async def _read_groups(engine: AsyncEngine, ids: Collection[UUID]) -> dict[UUID, JobGroup]:
    async with engine.connect() as connection:
        return await queries.get_groups(connection, ids)


@asynccontextmanager
async def _listening(redis: Redis, engine: AsyncEngine) -> AsyncIterator[OutcomeWaiter]:
    async def read_inbox(envelope: CommandEnvelope) -> Outcome | None:
        async with engine.connect() as connection:
            handled = await queries.get_handled(connection, envelope.id)
        return handled.outcome_for(envelope) if handled else None

    outcomes = OutcomeWaiter(redis, read_inbox)
    async with outcomes.listening():
        yield outcomes


@asynccontextmanager
async def _feeding(settings: Settings) -> AsyncIterator[tuple[Feed, FeedStreams]]:
    """On connections of its own, which a rush of requests cannot keep busy, nor a rush of readers those of requests."""
    engine = make_async_engine(settings.require("database_url"), pool_size=1 + CATCH_UPS_COUNT)
    engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    feed = Feed(engine)
    reading = asyncio.create_task(feed.run())
    try:
        yield feed, FeedStreams(feed, engine, settings.feed_readers_max_count)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await engine.dispose()


async def _of_request(request: Request) -> Backends:
    backends: Backends = request.app.state.backends
    return backends


OpenBackends = Annotated[Backends, Depends(_of_request)]

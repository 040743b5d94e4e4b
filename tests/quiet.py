"""A service in which nothing happens by itself, for tests that watch all that happens in it."""

from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from models.store.due import groups_due
from tests.commands import eventually, select
from tests.contract.http_api import GROUPS, Service, client_of
from tests.event_source import following

LIFETIME = timedelta(days=400)
"""Longer than any lease, backoff or term that a group may have."""


def quieten(service: Service) -> None:
    """Delete every group in which a lease would lapse, a retry come due or a term end, and wait for its events.

    Where files of tests share a service, those are of jobs that an earlier one left at work.
    """
    url = service.settings.require("database_url")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        ids = groups_due(connection, datetime.now(UTC) + LIFETIME, limit=10_000)
    with client_of(service.url, service.api_key) as api:
        for id_ in ids:
            api.delete(f"{GROUPS}/{id_}").raise_for_status()
        last = last_position(service)
        eventually(lambda: _feed_stands_at(api) >= last)


def last_position(service: Service) -> int:
    """Return the position of the last event, once nothing waits to be published."""
    url = service.settings.require("database_url")
    eventually(lambda: not select(url, "SELECT FROM events WHERE position IS NULL"))
    (row,) = select(url, "SELECT coalesce(max(position), 0) AS last FROM events")
    last: int = row["last"]
    return last


def _feed_stands_at(api: httpx.Client) -> int:
    with following(api) as stream:
        stream.begin()
    return int(stream.state.last_event_id)

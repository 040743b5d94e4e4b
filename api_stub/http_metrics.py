"""What is counted of HTTP, and what a process of the stub has in hand."""

import time
from typing import cast

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.pool import AsyncAdaptedQueuePool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_stub.backends import Backends

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter(
    "jobgroups_http_requests",
    "Requests that were answered, by the template of their route.",
    ["method", "route", "status"],
)
SECONDS = Histogram(
    "jobgroups_http_request_duration_seconds",
    "Seconds until the answer to a request began, by the template of its route. A stream goes on after that.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
READERS = Gauge("jobgroups_feed_readers", "Open streams of the feed of events.")
AWAITED = Gauge("jobgroups_outcomes_awaited", "Requests that wait for the outcome of their command.")
CONNECTIONS = Gauge(
    "jobgroups_database_connections_in_use", "Connections to PostgreSQL that requests use at the moment."
)
CONNECTIONS_MAX = Gauge(
    "jobgroups_database_connections_max", "Connections to PostgreSQL that requests can use at once."
)


class CountRequests:
    """Counts every request that comes to be answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began_at = time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, route = _of(scope)
                REQUESTS.labels(method, route, message["status"]).inc()
                SECONDS.labels(method, route).observe(time.perf_counter() - began_at)
            await send(message)

        return await self._app(scope, receive, count)


def watch(backends: Backends) -> None:
    """Let the gauges show what `backends` have in hand."""
    pool = cast(AsyncAdaptedQueuePool, backends.engine.sync_engine.pool)
    READERS.set_function(lambda: backends.streams.readers_count)
    AWAITED.set_function(lambda: backends.outcomes.awaited_count)
    CONNECTIONS.set_function(pool.checkedout)
    # What lies beyond the size, SQLAlchemy tells nobody.
    CONNECTIONS_MAX.set(pool.size() + pool._max_overflow)


def _of(scope: Scope) -> tuple[str, str]:
    """The labels of a request. What nobody serves is one route, and what HTTP does not know one method: both are for
    callers to make up."""
    route = getattr(scope.get("route"), "path", "unknown")
    return scope["method"] if scope["method"] in METHODS else "unknown", route

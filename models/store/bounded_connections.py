"""Connections to PostgreSQL that give up on a server that says nothing.

The server's own timeouts bound what it does. They cannot be heard from one that hangs, or through a connection whose
other end is gone: without a bound of its own a client reads for ever.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event


def bound(engine: Engine, answer_timeout_seconds: float) -> None:
    """Let the connections of `engine` raise OperationalError, and close, where the server does not answer in time."""

    class BoundedConnection(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, answer_timeout_seconds if timeout is None else timeout)
            except psycopg.OperationalError:
                if timeout is None and _is_unanswered(self):
                    self.close()
                raise

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        return BoundedConnection.connect(*arguments, **parameters)


def bounded_async_connect(answer_timeout_seconds: float) -> Callable[..., Any]:
    """Return the same for SQLAlchemy's argument `async_creator_fn`."""

    class BoundedConnection(psycopg.AsyncConnection[Any]):
        async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return await super().wait(gen, interval, answer_timeout_seconds if timeout is None else timeout)
            except psycopg.OperationalError:
                if timeout is None and _is_unanswered(self):
                    await self.close()
                raise

    return BoundedConnection.connect


def _is_unanswered(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server still owes an answer, which nobody will read: the connection is of no more use."""
    return connection.pgconn.transaction_status == TransactionStatus.ACTIVE

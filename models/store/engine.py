"""Connections to PostgreSQL, each wait on them bounded."""

from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from models.store.bounded_connections import bound, bounded_async_connect

CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 10
ANSWER_MARGIN_SECONDS = 2
"""How much longer than its statement may take the server has for its answer."""
IDLE_TRANSACTION_TIMEOUT_SECONDS = 20
POOL_TIMEOUT_SECONDS = 10
LOST_PEER_SECONDS = 20
"""When the server lets go of a client whose machine is gone, and of its locks: the lead of the relay is one."""

APPLICATION_NAME = "jobgroups"

DatabaseUnavailable = OperationalError
"""What a lost, refused or timed-out connection raises, and a deadlock: all of them mean "the same again, later"."""


def make_engine(
    url: str,
    *,
    pool_size: int = 1,
    statement_timeout_seconds: int = STATEMENT_TIMEOUT_SECONDS,
    name: str = APPLICATION_NAME,
) -> Engine:
    """Return an engine for a worker or relay process, whose work is one transaction at a time.

    PostgreSQL knows its connections by `name`. Whoever uses it tries again where the database is unavailable. To find
    that out beforehand, for each transaction, costs a small one an eighth of its time.
    """
    arguments = _connect_args(statement_timeout_seconds) | {"application_name": name}
    engine = create_engine(url, connect_args=arguments, **_options(pool_size))
    bound(engine, statement_timeout_seconds + ANSWER_MARGIN_SECONDS)
    _take_lost_for_unavailable(engine)
    return engine


def make_async_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine for the HTTP stub's reads, `pool_size` at once."""
    connect = bounded_async_connect(STATEMENT_TIMEOUT_SECONDS + ANSWER_MARGIN_SECONDS)
    arguments = _connect_args(STATEMENT_TIMEOUT_SECONDS) | {"async_creator_fn": connect}
    engine = create_async_engine(url, connect_args=arguments, pool_pre_ping=True, **_options(pool_size))
    _take_lost_for_unavailable(engine.sync_engine)
    return engine


def _take_lost_for_unavailable(engine: Engine) -> None:
    """Let the end of a connection be DatabaseUnavailable, whatever the driver calls it.

    It has an InternalError for the transaction that the server ended because it idled, as it does in a process that was
    frozen for a while: a fault of no command. A task that is cancelled amid a question loses its connection as well,
    and is to end all the same.
    """

    @event.listens_for(engine, "handle_error")
    def rename(context: ExceptionContext) -> OperationalError | None:
        lost = context.original_exception
        is_lost = context.is_disconnect and isinstance(lost, Exception)
        if not is_lost or isinstance(context.sqlalchemy_exception, OperationalError):
            return None
        return OperationalError(context.statement, None, lost, hide_parameters=True, connection_invalidated=True)


def _options(pool_size: int) -> dict[str, Any]:
    return {
        "pool_size": pool_size,
        "pool_timeout": POOL_TIMEOUT_SECONDS,
        # The text of an error would otherwise show the rows, and the secrets in them, to every log.
        "hide_parameters": True,
        # Rows hold several JSON values each, and the standard library takes longer over one than the rest of the row.
        "json_deserializer": orjson.loads,
    }


def _connect_args(statement_timeout_seconds: int) -> dict[str, Any]:
    limits = {
        "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s",
        "statement_timeout": f"{statement_timeout_seconds}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION_TIMEOUT_SECONDS}s",
        "tcp_keepalives_idle": f"{LOST_PEER_SECONDS // 2}s",
        "tcp_keepalives_interval": f"{LOST_PEER_SECONDS // 4}s",
        "tcp_keepalives_count": "2",
        "tcp_user_timeout": f"{LOST_PEER_SECONDS}s",
        "timezone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    return {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options, "application_name": APPLICATION_NAME}

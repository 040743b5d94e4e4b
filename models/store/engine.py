"""Connections to PostgreSQL, each wait on them bounded."""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 30
LOCK_TIMEOUT_SECONDS = 10
IDLE_TRANSACTION_TIMEOUT_SECONDS = 60
POOL_TIMEOUT_SECONDS = 10

DatabaseUnavailable = OperationalError
"""What a lost, refused or timed-out connection raises, and a deadlock: all of them mean "the same again, later"."""


def make_engine(url: str, *, pool_size: int = 1) -> Engine:
    """Return an engine for a worker or relay process, whose work is one transaction at a time."""
    return create_engine(url, **_options(pool_size))


def make_async_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine for the HTTP stub's reads, `pool_size` at once."""
    return create_async_engine(url, **_options(pool_size))


def _options(pool_size: int) -> dict[str, Any]:
    return {
        "pool_size": pool_size,
        "pool_pre_ping": True,
        "pool_timeout": POOL_TIMEOUT_SECONDS,
        "connect_args": _connect_args(),
        # The text of an error would otherwise show the rows, and the secrets in them, to every log.
        "hide_parameters": True,
    }


def _connect_args() -> dict[str, Any]:
    limits = {
        "statement_timeout": STATEMENT_TIMEOUT_SECONDS,
        "lock_timeout": LOCK_TIMEOUT_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT_SECONDS,
    }
    options = " ".join(["-c timezone=UTC", *(f"-c {name}={seconds}s" for name, seconds in limits.items())])
    return {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options, "application_name": "jobgroups"}

"""The connections of this process: one to PostgreSQL, one to Redis, made on first use and never taken over a fork."""

from functools import cache

from celery.signals import worker_process_init
from redis import Redis
from sqlalchemy import Engine

from models.store.engine import make_engine
from settings import Settings

REDIS_TIMEOUT_SECONDS = 2


@cache
def engine() -> Engine:
    """Return this process's engine."""
    return make_engine(Settings().require("database_url"))


@cache
def redis() -> Redis:
    """Return this process's client of the Redis that carries outcomes."""
    return Redis.from_url(
        Settings().require("redis_url"),
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    )


@worker_process_init.connect
def forget_inherited_connections(**_: object) -> None:
    """A socket shared with the parent would mix two conversations. Dropped, not closed: the parent owns it."""
    if engine.cache_info().currsize:
        engine().dispose(close=False)
    engine.cache_clear()
    redis.cache_clear()

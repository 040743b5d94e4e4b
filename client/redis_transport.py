"""kombu's Redis transport, with one client for all that a channel sends.

kombu makes a client for each command to Redis, which takes as long as the command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from kombu.transport.redis import Channel as RedisChannel
from kombu.transport.redis import Transport as RedisTransport
from redis import Redis


class OneClientChannel(RedisChannel):
    """A channel of the producer, the worker or the relay."""

    @cached_property
    def own_client(self) -> Redis:
        """The client; its connections are the pool's."""
        client: Redis = self._create_client()
        return client

    @contextmanager
    def conn_or_acquire(self, client: Redis | None = None) -> Iterator[Redis]:
        """Give the client to whoever brings none."""
        yield client or self.own_client


class OneClientRedis(RedisTransport):
    """The transport of whoever only sends."""

    Channel = OneClientChannel

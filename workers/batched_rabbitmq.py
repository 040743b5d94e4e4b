"""kombu's RabbitMQ transport, but for when it waits for confirmations: once for a batch, not after each message.

kombu has batches (`Producer.batch`) and leaves them to its transports; that for RabbitMQ sends each message at once.
"""

import socket
from time import monotonic
from typing import Any

from amqp.exceptions import MessageNacked, RecoverableConnectionError
from kombu.transport import pyamqp

CONFIRM_TIMEOUT_SECONDS = 10
_CORK = getattr(socket, "TCP_CORK", None)  # Linux has it


class _Batch:
    """Messages on their way, by the numbers that RabbitMQ confirms them under."""

    def __init__(self, channel: "_Channel") -> None:
        self.channel = channel
        self._unconfirmed: set[int] = set()
        self._refused = False
        channel.events["basic_ack"].add(self._on_confirmed)
        channel.events["basic_nack"].add(self._on_refused)
        self._cork(1)

    def publish(self, message: Any, **options: Any) -> None:
        """Send `message`; its confirmation may come while later ones are sent."""
        self.channel.published_count += 1
        self._unconfirmed.add(self.channel.published_count)
        self.channel.basic_publish(message, **options)

    def flush(self) -> None:
        """Return when RabbitMQ has confirmed every message.

        Raises MessageNacked where it refuses one, TimeoutError, or what the channel or the connection was closed with.
        """
        self._cork(0)
        deadline = monotonic() + CONFIRM_TIMEOUT_SECONDS
        while self._unconfirmed:
            if self._refused:
                raise MessageNacked
            if self.channel.connection is None:
                raise RecoverableConnectionError("the channel was closed")
            if (left_seconds := deadline - monotonic()) <= 0:
                raise TimeoutError(f"{len(self._unconfirmed)} messages are still not confirmed")
            self.channel.connection.drain_events(timeout=left_seconds)

    def discard(self) -> None:
        """What was sent cannot be taken back."""

    def close(self) -> None:
        """Hear no more confirmations."""
        self.channel.events["basic_ack"].discard(self._on_confirmed)
        self.channel.events["basic_nack"].discard(self._on_refused)

    def _cork(self, on: int) -> None:
        """Have the kernel fill whole packets: py-amqp writes each message by itself, which costs a system call that
        wakes RabbitMQ up. A batch that fails stays corked for 200 ms at most (tcp(7))."""
        connection = self.channel.connection
        if _CORK is not None and connection is not None and connection.connected:
            connection.sock.setsockopt(socket.IPPROTO_TCP, _CORK, on)

    def _on_confirmed(self, number: int, and_all_before: bool) -> None:
        if and_all_before:
            self._unconfirmed = {each for each in self._unconfirmed if each > number}
        else:
            self._unconfirmed.discard(number)

    def _on_refused(self, *_: Any) -> None:
        self._refused = True


class _Channel(pyamqp.Channel):
    published_count = 0
    """RabbitMQ numbers what is published on a channel from 1, and says no numbers but in its confirmations."""

    def create_publish_batch(self, **_: Any) -> _Batch:
        """Begin a batch; kombu's bound on its size is for transports that hold messages back."""
        if not self.published_count:
            self.confirm_select()
        return _Batch(self)


class _Connection(pyamqp.Connection):
    Channel = _Channel

    def __init__(self, *args: Any, **options: Any) -> None:
        # With this option py-amqp waits after each message.
        super().__init__(*args, **options | {"confirm_publish": False})


class BatchedRabbitMQ(pyamqp.Transport):
    """kombu's RabbitMQ transport, with batches. What is published outside of one is not confirmed."""

    Connection = _Connection


class BatchedRabbitMQOverTls(pyamqp.SSLTransport):
    """The same for amqps://."""

    Connection = _Connection

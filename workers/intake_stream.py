"""The intake on Redis: a stream, read by a consumer group."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from redis import Redis, ResponseError

from client.broker import CONNECT_TIMEOUT_SECONDS, SOCKET_TIMEOUT_SECONDS
from models import names
from workers.intake_source import BATCH_COUNT, WAIT_SECONDS, Received

ABANDONED_AFTER_SECONDS = 30
"""When an entry that another intake read and never acknowledged is taken over: that process is dead by then."""

FIELD = b"command"


class StreamSource:
    """Entries with one field, `command`, that holds the document."""

    def __init__(self, broker_url: str) -> None:
        self._redis = Redis.from_url(
            broker_url,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            client_name=names.INTAKE_CLIENT,
        )
        self._consumer = f"{socket.gethostname()}-{os.getpid()}"
        try:
            self._redis.xgroup_create(names.INTAKE, names.INTAKE_GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def receive(self) -> Sequence[Received]:
        return self._abandoned() or self._new()

    def acknowledge(self, messages: Sequence[Received]) -> None:
        receipts = [message.receipt for message in messages]
        with self._redis.pipeline() as pipeline:
            pipeline.xack(names.INTAKE, names.INTAKE_GROUP, *receipts)
            pipeline.xdel(names.INTAKE, *receipts)
            pipeline.execute()

    def close(self) -> None:
        self._redis.close()

    def _abandoned(self) -> list[Received]:
        claimed: Any = self._redis.xautoclaim(
            names.INTAKE,
            names.INTAKE_GROUP,
            self._consumer,
            min_idle_time=ABANDONED_AFTER_SECONDS * 1000,
            count=BATCH_COUNT,
        )
        return _received(claimed[1])

    def _new(self) -> list[Received]:
        streams: Any = self._redis.xreadgroup(
            names.INTAKE_GROUP,
            self._consumer,
            {names.INTAKE: ">"},
            count=BATCH_COUNT,
            block=int(WAIT_SECONDS * 1000),
        )
        return [message for _, entries in streams or () for message in _received(entries)]


def _received(entries: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Received]:
    # An entry without the field is no document: its empty body is what the reader objects to.
    return [Received((fields or {}).get(FIELD, b""), receipt) for receipt, fields in entries]

"""Commands as tests send them, and what can be watched of them: rows, dead letters, events at a subscriber."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

import orjson
from celery import Celery
from kombu import Connection, Consumer, Exchange, Message, Queue, binding, pools
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from uuid_utils.compat import uuid7

from client.broker import celery_settings
from models import names
from models.commands import CommandEnvelope

PATIENCE_SECONDS = 20.0
"""How long anything asynchronous may take before its test fails."""

T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Return what `look` gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds:g} s"
        time.sleep(0.02)
    return found


def new_id() -> str:
    """Return an id for a command or a group."""
    return str(uuid7())


def fields(**more: Any) -> dict[str, Any]:
    """Return the writable fields of a group."""
    return {"name": "March invoices", "template": "standard-invoice", **more}


def command(type_: str, data: dict[str, Any], id_: str | None = None, **more: Any) -> CommandEnvelope:
    """Return a command; its id is its own where none is given."""
    return CommandEnvelope(id=id_ or new_id(), type=type_, data=data, **more)


def create(group_id: str, id_: str | None = None, **more: Any) -> CommandEnvelope:
    """Return the command that makes the group `group_id`."""
    return command(names.JOB_GROUP_CREATE, {"id": group_id, **fields(**more)}, id_)


def update(group_id: str, id_: str | None = None, **more: Any) -> CommandEnvelope:
    """Return the command that replaces every field of the group `group_id`."""
    return command(names.JOB_GROUP_UPDATE, {"id": group_id, **fields(**more)}, id_)


def patch(group_id: str, changes: dict[str, Any], id_: str | None = None, **more: Any) -> CommandEnvelope:
    """Return the command that changes what `changes` names."""
    return command(names.JOB_GROUP_PATCH, {"id": group_id, "patch": changes, **more}, id_)


def delete(group_id: str, id_: str | None = None, **more: Any) -> CommandEnvelope:
    """Return the command that removes the group `group_id`."""
    return command(names.JOB_GROUP_DELETE, {"id": group_id, **more}, id_)


def item(envelope: CommandEnvelope) -> dict[str, Any]:
    """Return `envelope` as an item of a batch."""
    return envelope.model_dump(mode="json", exclude_none=True)


def document(envelope: CommandEnvelope) -> bytes:
    """Return `envelope` as the plain JSON document that the intake reads."""
    attributes = {"id": envelope.id, "type": envelope.type, "data": envelope.data, "replyto": envelope.reply_to}
    return orjson.dumps({"specversion": "1.0", "source": "/tests", **attributes})


def select(database_url: str, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return the rows that `sql` finds, on a connection of its own."""
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        return [dict(row) for row in connection.execute(text(sql), parameters).mappings()]


def group_count(database_url: str, id_: str) -> int:
    """Return 1 if there is, or was, a group of this id, else 0."""
    return len(select(database_url, "SELECT FROM job_groups WHERE id = CAST(:id AS uuid)", id=id_))


class Graveyard:
    """The dead letters from now on."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._start = str(uuid7())

    def letters(self) -> list[dict[str, Any]]:
        """Return them, oldest first."""
        sql = "SELECT * FROM dead_letters WHERE id > CAST(:start AS uuid) ORDER BY id"
        return select(self._url, sql, start=self._start)

    def next_letter(self) -> dict[str, Any]:
        """Return the first, once it is there."""
        return eventually(self.letters)[0]


@contextmanager
def celery_client(broker_url: str, redis_url: str) -> Iterator[Celery]:
    """Give a Celery app as a client of the service would make it."""
    app = Celery("client", backend=redis_url, set_as_current=False)
    app.conf.update(celery_settings(broker_url))
    try:
        yield app
    finally:
        app.backend.result_consumer.stop()
        app.backend.client.connection_pool.disconnect()
        app.close()
        # Pooled for all apps, a connection to RabbitMQ breaks when a later test forks: kombu closes it in the child.
        pools.reset()


def ask(client: Celery, envelope: CommandEnvelope, seconds: float = PATIENCE_SECONDS, **more: Any) -> dict[str, Any]:
    """Send `envelope` as a task of its own and return the task's result."""
    sent = client.send_task(envelope.type, kwargs=envelope.data, task_id=envelope.id, **more)
    try:
        outcome: dict[str, Any] = sent.get(timeout=seconds)
        return outcome
    finally:
        sent.backend = None  # a result that is still awaited when it is forgotten asks Redis, which may be gone by then


class Subscriber:
    """Receives the events whose names match `patterns`. Made with nothing but kombu; a context manager."""

    def __init__(self, broker_url: str, *patterns: str) -> None:
        self._connection = Connection(broker_url)
        exchange = Exchange("ocr_invoice.events", type="topic", durable=True)
        bindings = [binding(exchange, routing_key=pattern) for pattern in patterns]
        self._queue = Queue(f"tests.{uuid4()}", bindings=bindings, durable=False, exclusive=True, auto_delete=True)
        self.messages: list[Message] = []
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        Consumer(self._connection.channel(), [self._queue], on_message=self._take, accept=None).consume()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.release()
        # On RabbitMQ the queue went with the connection. On Redis kombu leaves it bound, to be filled for ever, and
        # knows the bindings of those queues only that the same connection has declared.
        with self._connection.clone() as connection:
            queue = self._queue(connection.channel())
            queue.declare()
            queue.delete()

    def _take(self, message: Message) -> None:
        self.messages.append(message)
        self._events.append(orjson.loads(message.body))
        message.ack()

    def receive(self, count: int, wanted: Callable[[dict[str, Any]], bool] = bool) -> list[dict[str, Any]]:
        """Return the wanted events so far, once they are `count` or more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found := [event for event in self._events if wanted(event)]) < count:
            assert time.monotonic() < deadline, f"{len(found)} events instead of {count}: {found}"
            self._drain(0.2)
        return found

    def of_group(self, group_id: str | UUID, count: int) -> list[dict[str, Any]]:
        """Return the events of one group, once they are `count` or more."""
        return self.receive(count, lambda event: event.get("subject") == str(group_id))

    def nothing_more(self, seconds: float = 0.3) -> bool:
        """Say whether nothing arrives for a while."""
        before = len(self.messages)
        self._drain(seconds)
        return len(self.messages) == before

    def _drain(self, seconds: float) -> None:
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=seconds)


def ids_of(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the ids of `events`."""
    return [event["id"] for event in events]

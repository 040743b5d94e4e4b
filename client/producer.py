"""Sending commands: many in one message, confirmed by the broker, without a timer.

While one message is on its way to the broker the next batch gathers, and goes when the way is free: an idle producer
adds no wait, a busy one fills its messages.
"""

import asyncio
import json
import queue
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from celery import Celery
from kombu.messaging import Producer
from kombu.utils.uuid import uuid
from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, wait_random_exponential

from client import message_spans, tracing
from client.broker import COMMAND_QUEUE, broker_errors, celery_settings, is_redis
from models import names
from models.commands import MAX_BATCH_BYTES, MAX_BATCH_COUNT, CommandEnvelope

MAX_WAITING_COUNT = 10_000
CLOSE_TIMEOUT_SECONDS = 10
LONGEST_PAUSE_SECONDS = 2.0
"""Between attempts to hand a message over; before that, pauses grow from a tenth of a second, each drawn by lot."""
MAX_NESTING = 100
"""Levels of lists and objects in one command. Celery's worker pickles what it reads, and dies of some three hundred."""
_CONTAINER = (dict, list)  # `dict | list` would be made anew for every value of every message
_MARGIN_BYTES = 1024  # the batch message's own envelope
_BODY = '[[], {"commands": [%s]}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
"""A task's arguments in version 2 of Celery's protocol, around commands that are JSON already: as they were when they
were measured, and without the time that spelling them twice would take from the process's other threads."""


class BrokerUnavailable(Exception):  # noqa: N818 - a state, not a fault
    """The broker did not confirm. The command may have arrived; sending it again under the same id is safe."""


class Confirmation(Future[None]):
    """The broker's word on one command: to be asked for its `result` by a thread, or awaited by a coroutine."""

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self).__await__()


@dataclass(frozen=True, slots=True)
class _Waiting:
    command: str
    """JSON in ASCII: as many bytes as characters."""
    give_up_at: float
    confirmed: Confirmation


class CommandProducer:
    """Sends commands, from any number of threads or coroutines, over one connection.

    Use it as a context manager, `with` or `async with`, or `close` it: what was sent before is still handed over.

    While the broker is away, or refuses, a command is tried again under its id for `patience_seconds` from its sending.
    `timeout_seconds` bound the wait for one confirmation.
    """

    def __init__(self, broker_url: str, *, timeout_seconds: float = 5.0, patience_seconds: float = 0.0) -> None:
        self._celery = Celery("ocr_invoice.producer", set_as_current=False)
        self._celery.conf.update(celery_settings(broker_url))
        if is_redis(broker_url):
            self._celery.conf.broker_transport = "client.redis_transport:OneClientRedis"
        self._producer: Producer | None = None
        # Through RabbitMQ's default exchange whoever may write writes to any queue. On Redis it is the safe way: kombu
        # drops what it finds no binding for, and says nothing.
        self._exchange = "" if is_redis(broker_url) else names.COMMAND_QUEUE
        self._timeout_seconds = timeout_seconds
        self._patience_seconds = patience_seconds
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(MAX_WAITING_COUNT)
        self._held_back: _Waiting | None = None
        self._closing = threading.Event()
        self._ended = False
        self._give_up_at = 0.0
        self._retrying = Retrying(
            retry=retry_if_exception_type(broker_errors(broker_url)),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_SECONDS),
            stop=self._is_over,
            sleep=sleep_using_event(self._closing),
            before_sleep=lambda _: self._disconnect(),
            reraise=True,
        )
        self._thread = threading.Thread(target=self._run, name="command-producer", daemon=True)
        self._thread.start()

    def send(self, envelope: CommandEnvelope) -> Confirmation:
        """Return at once what will be done when the broker has confirmed the command.

        It fails with BrokerUnavailable. Cancel it, or whoever awaits it, to withdraw a command that is still waiting
        for its turn.

        Raises ValueError for data that no message can carry, alone or in a batch with the commands of others.
        """
        if nests_deeper(envelope.data, MAX_NESTING):
            raise ValueError(f"data must not nest deeper than {MAX_NESTING} levels")
        confirmed = Confirmation()
        if tracing.is_on():
            envelope = message_spans.sending(envelope, self._celery.conf.broker_url, confirmed)
        command = json.dumps(envelope.model_dump(mode="json", exclude_none=True))
        waiting = _Waiting(command, time.monotonic() + self._patience_seconds, confirmed)
        if self._closing.is_set():
            waiting.confirmed.set_exception(BrokerUnavailable("this producer was closed"))
            return waiting.confirmed
        try:
            self._waiting.put_nowait(waiting)
        except queue.Full:
            waiting.confirmed.set_exception(BrokerUnavailable(f"{MAX_WAITING_COUNT} commands wait for the broker"))
        return waiting.confirmed

    def close(self) -> None:
        """Hand over what is waiting and end, within a bounded time: nothing is tried again from here on."""
        self._closing.set()
        with suppress(queue.Full):  # the broker is away: what waits has no future but its own timeouts
            self._waiting.put(None, timeout=CLOSE_TIMEOUT_SECONDS)
        self._thread.join(CLOSE_TIMEOUT_SECONDS)
        self._celery.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._publish([waiting for waiting in batch if waiting.confirmed.set_running_or_notify_cancel()])
        self._disconnect()

    def _next_batch(self) -> list[_Waiting]:
        """Wait for a command, then take along what waits behind it and fits. Empty at the end."""
        first = None if self._ended else self._held_back or self._waiting.get()
        self._held_back = None
        if first is None:
            return []
        batch, room = [first], MAX_BATCH_BYTES - _MARGIN_BYTES - len(first.command)
        while len(batch) < MAX_BATCH_COUNT:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._ended = True
                break
            room -= len(following.command) + len(", ")
            if room < 0:
                self._held_back = following
                break
            batch.append(following)
        return batch

    def _publish(self, batch: list[_Waiting]) -> None:
        try:
            if batch:
                self._give_up_at = max(waiting.give_up_at for waiting in batch)
                self._retrying(self._send_task, [waiting.command for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, each sender must learn of it
            self._disconnect()
            for waiting in batch:
                waiting.confirmed.set_exception(BrokerUnavailable(f"the broker did not confirm: {error!r}"))
        else:
            for waiting in batch:
                waiting.confirmed.set_result(None)

    def _is_over(self, _: RetryCallState) -> bool:
        return self._closing.is_set() or time.monotonic() >= self._give_up_at

    def _send_task(self, commands: list[str]) -> None:
        task = self._celery.amqp.as_task_v2(
            uuid(),
            names.HANDLE_BATCH,
            ignore_result=True,
            # What a header says is in every log, and the data hold secrets.
            kwargsrepr=f"<{len(commands)} commands>",
        )
        self._connect().publish(
            _BODY % ", ".join(commands),
            content_type="application/json",
            content_encoding="utf-8",
            headers=task.headers,
            exchange=self._exchange,
            routing_key=names.COMMAND_QUEUE,
            declare=[COMMAND_QUEUE],
            # RabbitMQ answers with an error where it would otherwise drop a message that no queue takes.
            mandatory=True,
            confirm_timeout=self._timeout_seconds,
            retry=True,
            retry_policy=self._celery.conf.task_publish_retry_policy,
            **task.properties,
        )

    def _connect(self) -> Producer:
        """On a connection of its own: Celery's pool is shared by all apps of a process, and waits for a connection
        without end."""
        if self._producer is None:
            self._producer = Producer(self._celery.connection_for_write(), auto_declare=False)
        return self._producer

    def _disconnect(self) -> None:
        """Begin anew after a failure: a new connection also declares the queue again, should that be gone."""
        if self._producer is not None:
            with suppress(Exception):
                self._producer.connection.release()
        self._producer = None


def nests_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and objects nest more than `levels` deep in `value`. Level by level: it cannot overflow."""
    containers = _containers([value])
    while containers and levels:
        containers = [inner for outer in containers for inner in _containers(_children(outer))]
        levels -= 1
    return bool(containers)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, _CONTAINER)]


def _children(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container

"""The three mistakes that the suite must notice: each takes one promise away from a process of the service."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from threading import Event
from typing import Any

from sqlalchemy import Connection, Table, select

import models.store.unit_of_work as unit_of_work
import workers.relay
import workers.worker
from models.store.tables import commands
from workers.publisher import EventPublisher

Rows = Mapping[Table, Sequence[dict[str, Any]]]


def no_inbox() -> None:
    """Look for no outcome of a command before it takes effect; of two effects the first one's outcome is kept."""
    write_rows = unit_of_work.write_rows

    def keep_first_outcomes(connection: Connection, new: Rows, *changed: Rows, **more: Any) -> None:
        known = set(connection.scalars(select(commands.c.id)))
        unknown = [row for row in new[commands] if row["id"] not in known]
        write_rows(connection, {**new, commands: unknown}, *changed, **more)

    def find_nothing(self: unit_of_work.UnitOfWork, command_ids: Iterable[str]) -> None:
        list(command_ids)

    unit_of_work.write_rows = keep_first_outcomes
    unit_of_work.UnitOfWork.load_handled = find_nothing  # type: ignore[method-assign]


def ack_early() -> None:
    """Acknowledge a message when its task begins."""
    configure = workers.worker.configure

    def configure_carelessly(celery: Any, settings: Any) -> None:
        configure(celery, settings)
        celery.conf.update(task_acks_late=False, task_reject_on_worker_lost=False)

    workers.worker.configure = configure_carelessly


def stamp_before_confirm() -> None:
    """Call events published before they are."""

    def relay(connection: Connection, publisher: EventPublisher, stop: Event) -> None:
        workers.relay.listen(connection)
        position = workers.relay.last_position(connection)
        while not stop.is_set():
            if batch := workers.relay.unpublished(connection, workers.relay.BATCH_COUNT):
                position = workers.relay.stamp(connection, batch, after=position)
                publisher.publish(batch)
            else:
                workers.relay.wait_for_events(connection, workers.relay.POLL_SECONDS)

    workers.relay._relay = relay


def commit_late() -> None:
    """No mistake, but bad luck: a transaction that has written stays open for a while, so that later ones overtake."""
    save = unit_of_work.UnitOfWork.save

    def save_and_linger(self: unit_of_work.UnitOfWork) -> None:
        save(self)
        time.sleep(random.choice([0.0, 0.0, 0.2]))

    unit_of_work.UnitOfWork.save = save_and_linger  # type: ignore[method-assign]


MUTATIONS = {
    "no_inbox": no_inbox,
    "ack_early": ack_early,
    "stamp_before_confirm": stamp_before_confirm,
    "commit_late": commit_late,
}

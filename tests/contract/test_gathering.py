"""Messages that wait together: each sender gets what it would have got alone."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import Celery
from celery.result import AsyncResult

from models import names
from models.commands import CommandEnvelope
from tests.commands import PATIENCE_SECONDS, Graveyard, celery_client, create, item, new_id, select, update
from workers.supervision.supervisor import Supervisor


@pytest.fixture
def client(either_service: Supervisor) -> Iterator[Celery]:
    settings = either_service.settings
    with celery_client(settings.require("broker_url"), settings.require("redis_url")) as app:
        yield app


@contextmanager
def frozen_worker(service: Supervisor) -> Iterator[None]:
    """Let messages pile up."""
    os.kill(service.pids["worker"], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pids["worker"], signal.SIGCONT)


def send(client: Celery, command: CommandEnvelope) -> AsyncResult:
    return client.send_task(command.type, kwargs=command.data, task_id=command.id)


def result(sent: AsyncResult) -> dict[str, object]:
    found: dict[str, object] = sent.get(timeout=PATIENCE_SECONDS, propagate=False)
    sent.backend = None
    return found


def test_what_waits_together_shares_transactions(either_service: Supervisor, client: Celery) -> None:
    creations = [create(new_id()) for _ in range(200)]
    with frozen_worker(either_service):
        sent = [send(client, command) for command in creations]
    outcomes = [result(each) for each in sent]
    assert [(each["commandId"], each["status"]) for each in outcomes] == [(c.id, "succeeded") for c in creations]
    sql = "SELECT count(DISTINCT handled_at) AS count FROM commands WHERE id = ANY(:ids)"
    (row,) = select(str(either_service.settings.database_url), sql, ids=[command.id for command in creations])
    assert row["count"] < len(creations) / 2


def test_commands_on_a_group_keep_their_order(either_service: Supervisor, client: Celery) -> None:
    groups = [new_id() for _ in range(8)]
    with frozen_worker(either_service):
        sent = [send(client, create(group)) for group in groups]
        for version in range(1, 11):
            sent += [send(client, update(group, expectedVersion=version)) for group in groups]
    assert {str(result(each)["status"]) for each in sent} == {"succeeded"}


def test_one_that_is_no_command_dies_alone(either_service: Supervisor, client: Celery) -> None:
    faulty, sound = create(new_id(), name=""), [create(new_id()) for _ in range(5)]
    unreadable = "x" * 220
    with frozen_worker(either_service):
        sent = [send(client, command) for command in [*sound[:2], faulty, *sound[2:]]]
        nobodys = client.send_task(names.JOB_GROUP_CREATE, kwargs=faulty.data, task_id=unreadable)
    assert [result(each)["status"] for each in sent] == ["succeeded"] * 2 + ["rejected"] + ["succeeded"] * 3
    assert type(result(nobodys)).__name__ == "CommandDied"


def test_nobody_outside_can_say_what_was_gathered(either_service: Supervisor, client: Celery) -> None:
    graveyard = Graveyard(str(either_service.settings.database_url))
    commands = [item(create(new_id()))]
    client.send_task(names.HANDLE_GATHERED, kwargs={"commands": commands, "askers": []}, ignore_result=True)
    assert graveyard.next_letter()["reason"] == "unknown_task"

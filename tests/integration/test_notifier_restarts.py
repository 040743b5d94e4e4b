"""Notifiers and receivers are killed while they are at it, and nothing is lost."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from tests.commands import eventually, select
from tests.contract.http_api import free_port
from tests.integration.notifying import (
    deliveries,
    delivery,
    dispatcher_of,
    group_with,
    let_time_pass,
    send_due,
    url_of,
    webhook,
)
from tests.webhook_receiver import SECRET, answer, hang, in_turn, receiving

GROUP_COUNT = 20


@contextmanager
def killed_at_the_end(start: Callable[[], subprocess.Popen[bytes]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Give a list with one running process, whose place may be taken by others."""
    running = [start()]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait(10)


def notifier(engine: Engine, log: Path) -> Callable[[], subprocess.Popen[bytes]]:
    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "workers.command_line", "notifier"],
                stdout=file,
                stderr=file,
                env=os.environ | {"JOBGROUPS_DATABASE_URL": url_of(engine).replace("+psycopg", "")},
            )

    return start


def receiver(port: int, taken: Path) -> Callable[[], subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.webhook_receiver", str(port), str(taken), SECRET]
    return lambda: subprocess.Popen(command, stderr=subprocess.DEVNULL)


def statuses(engine: Engine) -> set[str]:
    return {each["status"] for each in deliveries(engine)}


def test_nothing_is_lost_through_kills_on_both_sides(engine: Engine, tmp_path: Path) -> None:
    """Four kills, and a receiver that answers what it sees for the first time with 500."""
    taken, port = tmp_path / "taken", free_port()
    taken.touch()
    start_notifier, start_receiver = notifier(engine, tmp_path / "log"), receiver(port, taken)
    with killed_at_the_end(start_receiver) as receivers, killed_at_the_end(start_notifier) as notifiers:
        for processes, start in ((notifiers, start_notifier), (receivers, start_receiver)) * 2:
            for _ in range(GROUP_COUNT):
                group_with(engine, webhook(f"http://127.0.0.1:{port}/hook"))
            before = count_of(taken)
            as_time_passes(engine, lambda before=before: count_of(taken) > before)
            processes[-1].kill()
            processes[-1].wait(10)
            processes.append(start())
        as_time_passes(engine, lambda: statuses(engine) == {"delivered"})
    told = [row["id"] for row in select(url_of(engine), "SELECT CAST(id AS text) AS id FROM events")]
    assert len(told) == 4 * GROUP_COUNT
    assert set(taken.read_text().splitlines()) == set(told)


def as_time_passes(engine: Engine, look: Callable[[], bool]) -> None:
    """Wait for `look` to be true, while every second is as long as the next attempt takes. On a slow machine that makes
    more attempts than there are: how many there are is another test's affair."""
    moved_at = time.monotonic()
    due = "UPDATE deliveries SET attempts = 0, next_attempt_at = now() WHERE status = 'pending' RETURNING id"

    def look_again() -> bool:
        nonlocal moved_at
        if time.monotonic() - moved_at > 1:
            select(url_of(engine), due)
            moved_at = time.monotonic()
        return look()

    eventually(look_again, seconds=60)


def count_of(taken: Path) -> int:
    return len(taken.read_text().splitlines())


def test_a_delivery_whose_notifier_died_comes_again_after_its_lease(engine: Engine, tmp_path: Path) -> None:
    with receiving(slow=in_turn(hang, answer(204))) as receiver:
        group_with(engine, webhook(receiver.url("slow")))
        with killed_at_the_end(notifier(engine, tmp_path / "log")):
            eventually(lambda: receiver.ids("slow"))
        send_due(dispatcher_of(engine))
        assert len(receiver.ids("slow")) == 1, "it is on lease"
        let_time_pass(engine)
        send_due(dispatcher_of(engine))
    first, second = receiver.ids("slow")
    assert first == second
    assert (delivery(engine)["status"], delivery(engine)["attempts"]) == ("delivered", 2)


def test_a_notifier_that_is_told_to_end_sends_what_is_in_its_hands(engine: Engine, tmp_path: Path) -> None:
    with receiving(slow=lambda request: (receiver.over.wait(1), answer(204)(request))[-1]) as receiver:
        group_with(engine, webhook(receiver.url("slow")))
        with killed_at_the_end(notifier(engine, tmp_path / "log")) as (process,):
            eventually(lambda: receiver.ids("slow"))
            process.terminate()
            assert process.wait(10) == 0
    assert delivery(engine)["status"] == "delivered"


def test_a_notifier_is_woken_and_need_not_look(engine: Engine, tmp_path: Path) -> None:
    with receiving() as receiver, killed_at_the_end(notifier(engine, tmp_path / "log")):
        group_with(engine, webhook(receiver.url()))
        eventually(lambda: receiver.ids())
        for _ in range(5):
            group_with(engine, webhook(receiver.url()))
        eventually(lambda: statuses(engine) == {"delivered"})
    quick = sorted(each["attempted_at"] - each["created_at"] for each in deliveries(engine))
    assert quick[2].total_seconds() < 0.5, "half of the time to the next look"


def test_a_notifier_that_loses_its_connections_goes_on(engine: Engine, tmp_path: Path) -> None:
    with receiving() as receiver, killed_at_the_end(notifier(engine, tmp_path / "log")) as (process,):
        group_with(engine, webhook(receiver.url()))
        eventually(lambda: statuses(engine) == {"delivered"})
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        select(url_of(engine), f"{others} AND backend_type = 'client backend'")
        engine.dispose()
        group_with(engine, webhook(receiver.url()))
        eventually(lambda: len(receiver.ids()) == 2)
        assert process.poll() is None
    assert "unavailable" in (tmp_path / "log").read_text()

"""Groups with notification channels, and a notifier in the hands of the test: its time is moved, not waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from models.commands import CommandEnvelope
from settings import Settings
from tasks.handling import handle
from tests.commands import command, create, eventually, new_id, select
from tests.webhook_receiver import SECRET
from workers.notifying.dispatcher import Dispatcher

LOOPBACK: dict[str, Any] = {"webhook_allowed_hosts": "127.0.0.1", "webhook_allow_http": True}


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": url, "secret": SECRET, **more}


def email(*addresses: str, **more: Any) -> dict[str, Any]:
    return {"type": "email", "to": list(addresses), **more}


def apply(engine: Engine, envelope: CommandEnvelope) -> None:
    (outcome,) = handle(engine, [envelope])
    assert outcome.status == "succeeded", outcome


def group_with(engine: Engine, *channels: dict[str, Any], **more: Any) -> str:
    """Make a group with these channels; its creation is the first event that they are told of."""
    group_id = new_id()
    apply(engine, create(group_id, notifications={"channels": list(channels)}, **more))
    return group_id


def ask(engine: Engine, type_: str, group_id: str, **data: Any) -> None:
    apply(engine, command(f"job_group.{type_}", {"id": group_id, **data}))


def deliveries(engine: Engine) -> list[dict[str, Any]]:
    return select(url_of(engine), "SELECT * FROM deliveries ORDER BY id")


def delivery(engine: Engine) -> dict[str, Any]:
    (only,) = deliveries(engine)
    return only


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def let_time_pass(engine: Engine) -> None:
    """Let the next attempt of everything be due, however many hours it would take."""
    sql = "UPDATE deliveries SET next_attempt_at = now() - interval '1 second' WHERE status = 'pending' RETURNING id"
    select(url_of(engine), sql)


def dispatcher_of(engine: Engine, **settings: Any) -> Dispatcher:
    return Dispatcher(engine, Settings(**LOOPBACK | settings))


def send_due(dispatcher: Dispatcher) -> None:
    """Send what is due by now, and see it written down."""
    while dispatcher.work():
        pass
    eventually(lambda: not dispatcher.work() and not dispatcher._under_way)


@contextmanager
def at_work(dispatcher: Dispatcher) -> Iterator[None]:
    """Let what hangs at the end of a test come to its own end."""
    try:
        yield
    finally:
        dispatcher.finish(5)

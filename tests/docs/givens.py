"""What a page takes for granted, made for the block that says so: `given: a dead letter`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from client.broker import connect
from client.event_queue import event_queue
from models.dead_letter import DeadLetterReason
from models.store.engine import make_engine
from tasks.dead_letters import bury_command
from tests.commands import Graveyard, create, new_id
from tests.contract.http_api import free_port
from tests.docs.pages import ROOT
from tests.docs.terminal import MAKE
from workers.supervision.environment import ADDRESSES, of_process
from workers.supervision.supervisor import Supervisor

EXAMPLES = (
    "postgresql://jobgroups:SECRET@db.example.com/jobgroups",
    "amqp://jobgroups:SECRET@mq.example.com:5672//",
    "redis://:SECRET@redis.example.com:6379/0",
)
StandsFor = Mapping[str, str]
"""Words of a block, and what a reader would write in their places."""


@contextmanager
def given(what: str, service: Supervisor) -> Iterator[StandsFor]:
    """Let it be there meanwhile."""
    match what:
        case "a dead letter":
            yield _dead_letter(service)
        case "a subscriber's queue":
            with _queue(service):
                yield {}
        case "a home of its own":
            yield alone()
        case "servers of one's own":
            yield _addresses(service)
        case "passwords for Docker":
            yield {"docker": "POSTGRES_PASSWORD=some REDIS_PASSWORD=other docker"}
        case "a folder of scans":
            yield {"/srv/scans": f"{ROOT}/tests/invoices"}
        case _:
            raise ValueError(f"nothing here makes {what!r}")


def _dead_letter(service: Supervisor) -> StandsFor:
    """Of a command whose fault is mended: replayed, it succeeds."""
    database_url = service.settings.require("database_url")
    graveyard, command, engine = Graveyard(database_url), create(new_id()), make_engine(database_url)
    bury_command(engine, command, DeadLetterReason.HANDLING_FAILED, "KeyError in tasks/handling.py, mended meanwhile")
    engine.dispose()
    return {"COMMAND_ID": command.id, "ID": str(graveyard.next_letter()["id"])}


def alone() -> StandsFor:
    """Let a page start a service of which nobody knows yet, with servers and ports of its own, data in `../home`."""
    unset = " ".join(f"-u {address}" for address in ADDRESSES)
    alone = f"env {unset} JOBGROUPS_HOME=../home JOBGROUPS_PORT=0"
    return {"jobgroups run": f"{alone} jobgroups run", "make run": f"{alone} {MAKE} run", "9464": str(free_port())}


def _addresses(service: Supervisor) -> StandsFor:
    variables = of_process(service.settings)
    return dict(zip(EXAMPLES, (variables[address] for address in ADDRESSES), strict=True))


@contextmanager
def _queue(service: Supervisor) -> Iterator[None]:
    with connect(service.settings.require("broker_url")) as connection:
        queue = event_queue("accounting.job_groups", ["job_group.*"])(connection.channel())
        queue.declare()
        yield
        queue.delete()

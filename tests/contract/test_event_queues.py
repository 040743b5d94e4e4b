"""`jobgroups events queues` and `unsubscribe`."""

import json
from collections.abc import Iterator

import httpx
import pytest

from client.broker import is_redis
from client.subscriber import Subscriber
from models import names
from settings import Settings
from tests.command_line import jobgroups
from tests.commands import eventually
from tests.contract.http_api import free_port, new_group
from tests.integration.subscribing import queue_name
from workers.supervision.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def queue(either_service: Supervisor) -> Iterator[str]:
    """A queue of a subscriber that is not there."""
    broker_url = either_service.settings.require("broker_url")
    with queue_name(broker_url) as name:
        Subscriber(broker_url, name, print, patterns=["job_group.*"]).declare()
        yield name


def test_on_redis_they_are_listed_with_what_waits_in_them(
    either_service: Supervisor, api: httpx.Client, queue: str
) -> None:
    new_group(api)
    if not is_redis(either_service.settings.require("broker_url")):
        refused = jobgroups(either_service.settings, "events", "queues")
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "rabbitmqctl list_queues" in refused.stderr
        return
    eventually(lambda: listed(either_service).get(queue) == {"patterns": ["job_group.*"], "waitingCount": 1})
    for_people = jobgroups(either_service.settings, "events", "queues").stdout
    (line,) = [line for line in for_people.splitlines() if queue in line]
    assert line.split() == ["1", queue, "job_group.*"]


def test_a_name_is_never_broken_and_may_have_brackets(service: Supervisor) -> None:
    broker_url = service.settings.require("broker_url")
    name = f"accounting.[/of]{'.the_very_long_named' * 4}_department"
    patterns = ["job_group.*", "job.succeeded", "job.failed", "command.#"]
    Subscriber(broker_url, name, print, patterns=patterns).declare()
    try:
        assert name in jobgroups(service.settings, "events", "queues").stdout
    finally:
        assert jobgroups(service.settings, "events", "unsubscribe", name).stdout == "Deleted, with 0 events.\n"


def listed(service: Supervisor) -> dict[str, dict[str, object]]:
    run = jobgroups(service.settings, "events", "queues", "--json")
    assert run.exit_code == 0, run.stderr
    return {each.pop("queue"): each for each in json.loads(run.stdout)}


def test_a_queue_is_deleted_once(either_service: Supervisor, queue: str) -> None:
    run = jobgroups(either_service.settings, "events", "unsubscribe", queue, "--json")
    assert run.exit_code == 0, run.stderr
    assert json.loads(run.stdout) == {"queue": queue, "deletedCount": 0}
    again = jobgroups(either_service.settings, "events", "unsubscribe", queue)
    assert (again.exit_code, again.stdout) == (3, "")
    assert queue in again.stderr


@pytest.mark.parametrize("own", [names.COMMAND_QUEUE, names.INTAKE, names.DEAD_LETTER_QUEUE])
def test_no_queue_of_the_service_is_deleted(either_service: Supervisor, own: str) -> None:
    run = jobgroups(either_service.settings, "events", "unsubscribe", own)
    assert (run.exit_code, run.stdout) == (2, "")


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_is_status_7(scheme: str) -> None:
    nowhere = f"{scheme}://127.0.0.1:{free_port()}//"
    settings = Settings(broker_url=nowhere, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    run = jobgroups(settings, "events", "unsubscribe", "accounting.job_groups")
    assert (run.exit_code, run.stdout) == (7, "")
    assert "does not answer" in run.stderr

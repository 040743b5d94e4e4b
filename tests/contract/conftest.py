"""How a test speaks to the service: as an HTTP client, and as a Celery client, once with each broker."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from celery import Celery
from redis import Redis

from tests.commands import Graveyard, Subscriber, celery_client
from tests.contract.http_api import client_of
from tests.contract.importing import Importer
from tests.contract.told import Replies
from tests.quiet import quieten
from workers.supervision.supervisor import Supervisor


@pytest.fixture
def api(either_service: Supervisor) -> Iterator[httpx.Client]:
    with client_of(either_service.url, either_service.api_key) as client:
        yield client


@pytest.fixture
def quiet(request: pytest.FixtureRequest) -> None:
    """In the services that the test uses, nothing happens but what it does itself."""
    for name in {"service", "either_service"} & set(request.fixturenames):
        quieten(request.getfixturevalue(name))


@pytest.fixture
def client(either_service: Supervisor) -> Iterator[Celery]:
    settings = either_service.settings
    with celery_client(settings.require("broker_url"), settings.require("redis_url")) as app:
        yield app


@pytest.fixture
def graveyard(either_service: Supervisor) -> Graveyard:
    return Graveyard(either_service.settings.require("database_url"))


@pytest.fixture
def subscriber(either_service: Supervisor) -> Iterator[Subscriber]:
    with Subscriber(either_service.settings.require("broker_url"), "#") as subscriber:
        yield subscriber


@pytest.fixture
def replies(either_service: Supervisor) -> Iterator[Replies]:
    with Redis.from_url(either_service.settings.require("redis_url")) as redis:
        replies = Replies(redis)
        yield replies
        replies.close()


@pytest.fixture
def importer(service: Supervisor, tmp_path: Path) -> Importer:
    return Importer(service, tmp_path)


@pytest.fixture
def either_importer(either_service: Supervisor, tmp_path: Path) -> Importer:
    """To a service on Redis, and to one on RabbitMQ."""
    return Importer(either_service, tmp_path)

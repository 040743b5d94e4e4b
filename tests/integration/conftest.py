"""Servers that only the test itself talks to: the services of other tests have theirs, whose workers would take what a
test here wants to see."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.store.engine import make_engine
from tests.contract.http_api import Service
from tests.integration.feed_stage import Stage, stage
from tests.servers import rabbitmq_or_skip


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A node without workers; the tests that need it skip where RabbitMQ is not installed."""
    yield from rabbitmq_or_skip(tmp_path_factory.mktemp("rabbitmq-alone"))


@pytest.fixture(params=["redis", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Each broker in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def staged(service: Service, clean_database: str, tmp_path: Path) -> Iterator[Stage]:
    """A stub on a database without a row in it."""
    with stage(service, clean_database, tmp_path) as running:
        yield running


@pytest.fixture
def engine(clean_database: str) -> Iterator[Engine]:
    """Connections to a database without a row in it."""
    engine = make_engine(clean_database, pool_size=4)
    yield engine
    engine.dispose()

"""A broker for services that a module starts for itself."""

from collections.abc import Iterator

import pytest

from tests.servers import rabbitmq_or_skip


@pytest.fixture(scope="session")
def spare_rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ for one service after the other. Of two at once on one node, either may take the other's commands."""
    yield from rabbitmq_or_skip(tmp_path_factory.mktemp("spare-rabbitmq"))

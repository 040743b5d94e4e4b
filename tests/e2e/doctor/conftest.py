"""Servers to plant faults in."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from models.store.migrations import upgrade
from tests.commands import select
from tests.servers import RabbitMQ, rabbitmq_reason_to_skip, start_rabbitmq

USERS = {"allowed": ".*", "forbidden": "^$"}


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """A database of the test's own, without a schema; its URL."""
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE patient TEMPLATE template0"))
        try:
            yield make_url(database_url).set(database="patient").render_as_string(hide_password=False)
        finally:
            connection.execute(text("DROP DATABASE patient WITH (FORCE)"))


@pytest.fixture
def own_database(empty_database: str) -> str:
    """The same with the schema, and an API key, so that nothing else is wrong with it."""
    upgrade(empty_database)
    key = "INSERT INTO api_keys VALUES (gen_random_uuid(), 'k', 'o', 'd', '{read}', NULL, now(), NULL) RETURNING id"
    select(empty_database, key)
    return empty_database


@pytest.fixture(scope="session")
def own_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A node that no service uses, with the users `allowed` and `forbidden`, whose passwords are their names."""
    if reason := rabbitmq_reason_to_skip():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("doctor-rabbitmq")
    definitions = directory / "definitions.json"
    definitions.write_text(json.dumps(_definitions()))
    node = start_rabbitmq(directory, definitions)
    try:
        yield node
    finally:
        node.stop()


def rabbitmq_as(node: RabbitMQ, user: str) -> str:
    """Return the address of `node` for `user`."""
    return node.url.replace("guest:guest", f"{user}:{user}")


def _definitions() -> dict[str, object]:
    names = {"guest": ".*", **USERS}
    return {
        "vhosts": [{"name": "/"}],
        "users": [{"name": name, "password": name, "tags": ""} for name in names],
        "permissions": [
            {"user": name, "vhost": "/", "configure": which, "write": which, "read": which}
            for name, which in names.items()
        ],
    }

"""Handling on a real PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from tasks.handling import handle
from tests.commands import create, new_id


@pytest.fixture(autouse=True)
def _quick_logs() -> Iterator[None]:
    """Unconfigured, structlog paints every traceback, a second each."""
    with capture_logs():
        yield


@pytest.fixture
def group_id(engine: Engine) -> str:
    """A group at version 1."""
    id_ = new_id()
    handle(engine, [create(id_)])
    return id_

"""How often a transaction waits for PostgreSQL: for a small one it is what takes the time."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, event

from models.commands import CommandEnvelope
from tasks.handling import handle
from tests.commands import create, delete, new_id, patch
from tests.integration.handling.outcomes import told


@pytest.fixture
def statements(engine: Engine) -> list[str]:
    """The first word of each statement from now on."""
    executed: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *execution: executed.append(execution[2].split()[0]))
    return executed


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda _: create(new_id()), ["WITH"], id="a creation looks for nothing"),
        pytest.param(lambda id_: patch(id_, {"name": "x"}), ["SELECT", "WITH"], id="a change loads its group"),
        pytest.param(create, ["WITH", "SELECT", "SELECT", "WITH"], id="a group that is there shows when it is made"),
    ],
)
def test_a_new_command_is_one_exchange_beside_what_it_loads(
    engine: Engine, group_id: str, statements: list[str], make: Callable[[str], CommandEnvelope], expected: list[str]
) -> None:
    statements.clear()
    handle(engine, [make(group_id)])
    assert statements == expected


def test_a_group_that_is_made_and_changed_at_once_is_looked_for(engine: Engine, group_id: str) -> None:
    """In whatever order: the change is about the group that is there."""
    assert told(handle(engine, [patch(group_id, {"name": "x"}), create(group_id)])) == ["succeeded", "already_exists"]
    assert told(handle(engine, [create(group_id), delete(group_id)])) == ["already_exists", "succeeded"]


def test_a_batch_with_one_repeated_command_does_the_rest_once(engine: Engine, group_id: str) -> None:
    repeated = patch(group_id, {"name": "once"})
    (before,) = handle(engine, [repeated])
    outcomes = handle(engine, [create(new_id()), repeated, patch(group_id, {"name": "twice"})])
    assert [outcome.version for outcome in outcomes] == [1, before.version, 3]

"""A command that comes again, or an id that is used again."""

from sqlalchemy import Engine

from models import names
from tasks.handling import handle
from tests.commands import command, create, delete, new_id, patch
from tests.integration.handling.outcomes import counts, group, one, rows, sequences, told


def test_a_repeated_command_id_gives_the_stored_outcome(engine: Engine) -> None:
    envelope = create(new_id())
    first = one(engine, envelope)
    before = counts(engine)
    assert one(engine, envelope) == first
    assert counts(engine) == before == {"commands": 1, "job_groups": 1, "events": 1, "dead_letters": 0}


def test_a_command_repeated_within_one_batch_takes_effect_once(engine: Engine, group_id: str) -> None:
    envelope = patch(group_id, {"name": "once"})
    outcomes = handle(engine, [envelope, patch(group_id, {"tags": ["between"]}), envelope])
    assert outcomes[0] == outcomes[2]
    assert [outcome.version for outcome in outcomes] == [2, 3, 2]
    assert group(engine, group_id)["version"] == 3
    assert sequences(engine, group_id) == [1, 2, 3]


def test_a_repeated_rejection_is_given_again_and_published_once(engine: Engine) -> None:
    envelope = delete(new_id())
    first = one(engine, envelope)
    assert told([first]) == ["not_found"]
    handle(engine, [create(envelope.data["id"])])
    assert one(engine, envelope) == first
    assert [row["name"] for row in rows(engine, "events", "ordinal")] == ["command.rejected", "job_group.created"]


def test_a_rejection_of_a_command_that_names_no_group_is_given_again(engine: Engine) -> None:
    envelope = command(names.JOB_GROUP_DELETE, {})
    first = one(engine, envelope)
    assert (told([first]), first.group_id) == (["validation_failed"], None)
    assert one(engine, envelope) == first
    assert counts(engine)["dead_letters"] == 0


def test_the_order_of_keys_makes_no_other_command(engine: Engine) -> None:
    envelope = create(new_id(), metadata={"site": "Lyon", "line": {"a": 1, "b": 2}})
    data = {key: envelope.data[key] for key in reversed(envelope.data)}
    data["metadata"] = {"line": {"b": 2, "a": 1}, "site": "Lyon"}
    assert one(engine, command(envelope.type, data, envelope.id)) == one(engine, envelope)


def test_a_command_id_used_for_something_else_is_refused_and_the_first_outcome_stays(engine: Engine) -> None:
    envelope = create(new_id())
    first = one(engine, envelope)
    for other in (
        create(envelope.data["id"], envelope.id, name="other"),
        create(new_id(), envelope.id),
        delete(envelope.data["id"], envelope.id),
    ):
        assert told([one(engine, other)]) == ["command_id_reused"]
    assert one(engine, envelope) == first
    assert counts(engine) == {"commands": 1, "job_groups": 1, "events": 4, "dead_letters": 0}
    assert rows(engine, "commands")[0]["outcome"]["status"] == "succeeded"


def test_a_command_id_used_twice_within_one_batch_is_refused_the_second_time(engine: Engine) -> None:
    id_ = new_id()
    assert told(handle(engine, [create(new_id(), id_), create(new_id(), id_)])) == ["succeeded", "command_id_reused"]
    assert counts(engine)["job_groups"] == 1


def test_an_id_is_never_used_for_a_second_group(engine: Engine, group_id: str) -> None:
    living = one(engine, create(group_id))
    handle(engine, [delete(group_id)])
    deleted = one(engine, create(group_id))
    assert told([living, deleted]) == ["already_exists", "already_exists"]
    assert group(engine, group_id)["deleted_at"] is not None
    assert sequences(engine, group_id) == [1, 2]

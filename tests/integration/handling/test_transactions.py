"""Inbox, state and events in one transaction, in the order of the commands."""

import pytest
from sqlalchemy import Engine

import tasks.handling
from models.commands import CommandEnvelope
from tasks.handling import handle
from tests.commands import command, create, delete, new_id, patch, update
from tests.integration.handling.outcomes import counts, events_of, group, one, sequences, told, url
from tests.schema_changes import failing, for_a_while


@pytest.mark.parametrize(
    "when",
    [
        "BEFORE INSERT ON events",
        "AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED",
    ],
    ids=["at the insert", "at the commit"],
)
def test_inbox_state_and_events_are_written_together_or_not_at_all(engine: Engine, group_id: str, when: str) -> None:
    before = counts(engine)
    with failing(url(engine), when, "NEW.sequence IS NOT NULL"):
        outcomes = handle(engine, [create(new_id()), patch(group_id, {"name": "lost"}), delete(group_id)])
    assert told(outcomes) == ["dead_lettered"] * 3
    told_and_kept = ("commands", "events", "dead_letters")
    assert counts(engine) == before | {table: before[table] + 3 for table in told_and_kept}
    assert (group(engine, group_id)["version"], group(engine, group_id)["deleted_at"]) == (1, None)


def test_a_transaction_without_any_way_out_leaves_nothing(engine: Engine) -> None:
    nothing_at_all = for_a_while(
        url(engine),
        "ALTER TABLE events ADD CONSTRAINT nothing CHECK (false)",
        "ALTER TABLE events DROP CONSTRAINT nothing",
    )
    with nothing_at_all, pytest.raises(tasks.handling.IntegrityError):
        handle(engine, [create(new_id())])
    assert set(counts(engine).values()) == {0}


def test_outcomes_come_in_the_order_of_the_commands(engine: Engine) -> None:
    first, second = new_id(), new_id()
    batch = [
        create(second),
        patch(first, {"name": "too early"}),
        create(first),
        patch(second, {"name": "x"}),
        delete(second),
        patch(second, {"name": "too late"}),
        update(first),
    ]
    outcomes = handle(engine, batch)
    assert told(outcomes) == ["succeeded", "not_found", "succeeded", "succeeded", "succeeded", "not_found", "succeeded"]
    assert [outcome.command_id for outcome in outcomes] == [envelope.id for envelope in batch]
    assert [outcome.type for outcome in outcomes] == [envelope.type for envelope in batch]
    assert [outcome.version for outcome in outcomes] == [1, None, 1, 2, 3, None, 2]
    assert [str(outcome.group_id) for outcome in outcomes] == [envelope.data["id"] for envelope in batch]


def test_a_batch_and_its_commands_one_by_one_leave_the_same(engine: Engine) -> None:
    def life(id_: str) -> list[CommandEnvelope]:
        changes = [patch(id_, {"tags": [str(number)]}) for number in range(3)]
        return [create(id_), *changes, patch(id_, {"priority": "never"}), update(id_), delete(id_, expectedVersion=5)]

    together, apart = new_id(), new_id()
    outcomes = handle(engine, life(together))
    assert told(outcomes) == told([one(engine, envelope) for envelope in life(apart)])
    what = ("sequence", "name")
    shape = [[event[key] for key in what] for event in events_of(engine, together)]
    assert shape == [[event[key] for key in what] for event in events_of(engine, apart)]
    for column in ("version", "sequence", "tags", "status"):
        assert group(engine, together)[column] == group(engine, apart)[column]


def test_the_version_counts_the_applied_commands_and_the_sequence_has_no_gap(engine: Engine) -> None:
    id_ = new_id()
    good = [patch(id_, {"tags": [str(number)]}) for number in range(9)]
    bad = [patch(id_, {"tags": number}) for number in range(3)]
    handle(engine, [create(id_), *good[:3], *bad[:2]])
    handle(engine, [bad[2], good[3]])
    handle(engine, [*good, delete(id_)])
    assert group(engine, id_)["version"] == 1 + len(good) + 1
    assert sequences(engine, id_) == list(range(1, 1 + len(good) + 2))
    assert [event["data"]["version"] for event in events_of(engine, id_) if event["sequence"]] == sequences(engine, id_)


def test_a_group_without_an_id_takes_the_one_that_follows_from_the_command(engine: Engine) -> None:
    for command_id in (new_id(), "order 4711"):
        envelope = create(new_id(), command_id)
        without_id = {key: value for key, value in envelope.data.items() if key != "id"}
        outcome = one(engine, command(envelope.type, without_id, command_id))
        assert outcome == one(engine, command(envelope.type, without_id, command_id))
        assert group(engine, str(outcome.group_id))["version"] == 1
    assert counts(engine)["job_groups"] == 2

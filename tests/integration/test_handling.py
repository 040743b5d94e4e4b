"""The one transaction behind every command, on a real PostgreSQL."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

import tasks.handling
from models import names
from models.command import Command
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope
from models.deciding import decide
from models.loaded import Loaded
from models.outcome import Outcome
from models.resources import JobGroupResource
from models.store.engine import make_engine
from models.store.group_rows import group_of
from tasks.handling import handle
from tests.commands import command, create, delete, new_id, patch, select, update
from tests.schema_changes import failing, for_a_while

WRITERS = 8
SECRET = "whsec_dont_tell"
WEBHOOK = {"channels": [{"type": "webhook", "url": "https://accounting.example/hook", "secret": SECRET}]}


@pytest.fixture(autouse=True)
def _quick_logs() -> Iterator[None]:
    """Unconfigured, structlog paints every traceback, a second each."""
    with capture_logs():
        yield


@pytest.fixture
def engine(clean_database: str) -> Iterator[Engine]:
    engine = make_engine(clean_database)
    yield engine
    engine.dispose()


@pytest.fixture
def group_id(engine: Engine) -> str:
    """A group at version 1."""
    id_ = new_id()
    handle(engine, [create(id_)])
    return id_


def one(engine: Engine, envelope: CommandEnvelope) -> Outcome:
    """Handle one command."""
    (outcome,) = handle(engine, [envelope])
    return outcome


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def rows(engine: Engine, table: str, order: str = "1") -> list[dict[str, Any]]:
    return select(url(engine), f"SELECT * FROM {table} ORDER BY {order}")


def counts(engine: Engine) -> dict[str, int]:
    return {table: len(rows(engine, table)) for table in ("commands", "job_groups", "events", "dead_letters")}


def group(engine: Engine, id_: str) -> dict[str, Any]:
    (found,) = [row for row in rows(engine, "job_groups") if row["id"] == UUID(id_)]
    return found


def events_of(engine: Engine, id_: str) -> list[dict[str, Any]]:
    return [row for row in rows(engine, "events", "ordinal") if row["group_id"] == UUID(id_)]


def sequences(engine: Engine, id_: str) -> list[int]:
    return [row["sequence"] for row in events_of(engine, id_) if row["sequence"] is not None]


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """What became of each command: succeeded, or the error's code."""
    return [outcome.error.code.value if outcome.error else outcome.status for outcome in outcomes]


def refusing_groups_called(engine: Engine, name: str) -> AbstractContextManager[None]:
    """Let the database refuse what the contracts let through."""
    constraint = "ALTER TABLE job_groups {} CONSTRAINT not_this_name"
    return for_a_while(url(engine), constraint.format("ADD") + f" CHECK (name <> '{name}')", constraint.format("DROP"))


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


def test_a_caller_that_waits_gets_the_group_with_the_outcome(engine: Engine, group_id: str) -> None:
    waiting = {"reply_to": "ocr_invoice.outcomes.caller"}
    changed = one(engine, patch(group_id, {"name": "April", "notifications": WEBHOOK}).model_copy(update=waiting))
    (row,) = select(url(engine), "SELECT * FROM job_groups")
    assert changed.group == JobGroupResource.of(group_of(row)).model_dump(mode="json")
    assert changed.group["version"] == changed.version == 2
    assert SECRET not in changed.model_dump_json()
    (stored,) = select(url(engine), "SELECT outcome FROM commands WHERE id = :id", id=changed.command_id)
    assert "group" not in stored["outcome"]


def test_nobody_else_gets_the_group(engine: Engine, group_id: str) -> None:
    waiting = {"reply_to": "ocr_invoice.outcomes.caller"}
    refused = patch(group_id, {"name": "April"}, expectedVersion=7).model_copy(update=waiting)
    gone = delete(group_id).model_copy(update=waiting)
    outcomes = handle(engine, [patch(group_id, {"name": "May"}), refused, gone])
    assert [outcome.status for outcome in outcomes] == ["succeeded", "rejected", "succeeded"]
    assert [outcome.group for outcome in outcomes] == [None] * 3


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


def test_a_rejected_command_changes_nothing_but_inbox_and_history(engine: Engine, group_id: str) -> None:
    before, row = counts(engine), group(engine, group_id)
    refused = patch(group_id, {"priority": "never"}, new_id())
    outcome = one(engine, refused)
    assert told([outcome]) == ["validation_failed"]
    assert group(engine, group_id) == row
    assert counts(engine) == before | {"commands": before["commands"] + 1, "events": before["events"] + 1}
    event = events_of(engine, group_id)[-1]
    assert (event["name"], event["sequence"], event["causation_id"]) == ("command.rejected", None, refused.id)
    assert event["data"]["error"]["code"] == "validation_failed"
    assert event["data"]["error"]["errors"][0]["field"] == "patch.priority"


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


def test_an_id_is_never_used_for_a_second_group(engine: Engine, group_id: str) -> None:
    living = one(engine, create(group_id))
    handle(engine, [delete(group_id)])
    deleted = one(engine, create(group_id))
    assert told([living, deleted]) == ["already_exists", "already_exists"]
    assert group(engine, group_id)["deleted_at"] is not None
    assert sequences(engine, group_id) == [1, 2]


def test_a_group_that_is_not_there_cannot_be_changed(engine: Engine, group_id: str) -> None:
    handle(engine, [delete(group_id)])
    for id_ in (group_id, new_id()):
        outcomes = handle(engine, [update(id_), patch(id_, {}), delete(id_)])
        assert told(outcomes) == ["not_found"] * 3
    assert counts(engine)["job_groups"] == 1


def test_a_command_can_be_bound_to_the_version_that_was_seen(engine: Engine, group_id: str) -> None:
    outcomes = handle(
        engine,
        [
            patch(group_id, {"name": "b"}, expectedVersion=1),
            patch(group_id, {"name": "c"}, expectedVersion=1),
            delete(group_id, expectedVersion=3),
            delete(group_id, expectedVersion=2),
        ],
    )
    assert told(outcomes) == ["succeeded", "version_conflict", "version_conflict", "succeeded"]
    assert [outcome.error.current_version for outcome in outcomes[1:3] if outcome.error] == [2, 2]


def test_a_group_without_an_id_takes_the_one_that_follows_from_the_command(engine: Engine) -> None:
    for command_id in (new_id(), "order 4711"):
        envelope = create(new_id(), command_id)
        without_id = {key: value for key, value in envelope.data.items() if key != "id"}
        outcome = one(engine, command(envelope.type, without_id, command_id))
        assert outcome == one(engine, command(envelope.type, without_id, command_id))
        assert group(engine, str(outcome.group_id))["version"] == 1
    assert counts(engine)["job_groups"] == 2


def test_only_the_command_that_the_database_refuses_is_rejected(engine: Engine, group_id: str) -> None:
    batch = [create(new_id(), name=f"good {number}") for number in range(7)]
    guilty = create(new_id(), name="forbidden")
    batch.insert(4, guilty)
    batch.append(patch(group_id, {"name": "forbidden"}))
    with refusing_groups_called(engine, "forbidden"):
        outcomes = handle(engine, batch)
    assert told(outcomes) == ["succeeded"] * 4 + ["validation_failed"] + ["succeeded"] * 3 + ["validation_failed"]
    assert [outcome.command_id for outcome in outcomes] == [envelope.id for envelope in batch]
    assert group(engine, group_id)["version"] == 1
    assert handle(engine, batch) == outcomes
    assert counts(engine) == {"commands": 10, "job_groups": 8, "events": 10, "dead_letters": 0}


def test_what_the_database_says_of_a_refused_row_gives_no_secret_away(engine: Engine) -> None:
    channel = {"type": "webhook", "url": "http://a.b", "secret": SECRET}
    with refusing_groups_called(engine, "forbidden"):
        outcome = one(engine, create(new_id(), name="forbidden", notifications={"channels": [channel]}))
    assert outcome.error is not None
    assert "not_this_name" in outcome.error.detail
    assert "whsec" not in outcome.model_dump_json()
    assert "whsec" not in json.dumps(rows(engine, "events"), default=str)


def test_a_fault_of_ours_costs_only_the_command_that_meets_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(loaded: Loaded, asked: Command, now: datetime) -> Any:
        if getattr(asked, "name", "") == "unlucky":
            raise KeyError("a bug")
        return decide(loaded, asked, now)

    monkeypatch.setattr(tasks.handling, "decide", faulty)
    unlucky = create(new_id(), name="unlucky")
    batch = [create(new_id()), create(new_id()), unlucky, create(new_id())]
    outcomes = handle(engine, batch)
    assert told(outcomes) == ["succeeded", "succeeded", "dead_lettered", "succeeded"]
    assert [outcome.command_id for outcome in outcomes] == [envelope.id for envelope in batch]
    (letter,) = rows(engine, "dead_letters")
    assert letter["reason"] == "handling_failed"
    assert letter["detail"].startswith("KeyError in faulty, test_handling.py:")
    assert (letter["command_id"], letter["command_type"]) == (unlucky.id, unlucky.type)
    assert str(letter["group_id"]) == unlucky.data["id"]
    assert CommandEnvelope.model_validate_json(letter["body"]) == unlucky
    monkeypatch.undo()
    assert one(engine, unlucky) == outcomes[2]


def test_a_command_may_be_as_large_as_the_limit_and_no_larger(engine: Engine) -> None:
    room = MAX_COMMAND_BYTES - len(create(new_id(), metadata={"text": ""}).canonical)
    largest = create(new_id(), metadata={"text": "x" * room})
    too_large = create(new_id(), metadata={"text": "x" * (room + 1)})
    assert told(handle(engine, [largest, too_large])) == ["succeeded", "payload_too_large"]
    assert counts(engine) == {"commands": 2, "job_groups": 1, "events": 2, "dead_letters": 0}


def test_a_group_cannot_grow_beyond_the_limit_by_patches(engine: Engine, group_id: str) -> None:
    half = "x" * (MAX_COMMAND_BYTES // 2)
    outcomes = handle(engine, [patch(group_id, {"metadata": {key: half}}) for key in "abc"])
    assert told(outcomes) == ["succeeded", "payload_too_large", "payload_too_large"]


def test_a_webhook_secret_is_kept_in_the_group_and_nowhere_else(engine: Engine) -> None:
    id_ = new_id()
    channel = {"type": "webhook", "url": "https://example.com", "secret": SECRET}
    created = create(id_, notifications={"channels": [channel]})
    wrong = create(new_id(), notifications={"channels": [{**channel, "url": "ftp://example.com"}]})
    outcomes = handle(engine, [created, wrong, patch(id_, {"tags": ["later"]})])
    assert told(outcomes) == ["succeeded", "validation_failed", "succeeded"]
    assert group(engine, id_)["notifications"]["channels"][0]["secret"] == SECRET
    for table in ("events", "commands"):
        assert SECRET not in json.dumps(rows(engine, table), default=str)
    assert SECRET not in "".join(outcome.model_dump_json() for outcome in outcomes)


def test_a_patch_keeps_the_secret_until_it_replaces_the_channels(engine: Engine) -> None:
    id_, channel = new_id(), {"type": "webhook", "url": "https://example.com", "secret": SECRET}
    handle(engine, [create(id_, notifications={"channels": [channel]}), patch(id_, {"name": "x"})])
    handle(engine, [patch(id_, {"notifications": {"more": 1}})])
    assert group(engine, id_)["notifications"]["channels"][0]["secret"] == SECRET
    handle(engine, [patch(id_, {"notifications": {"channels": [{**channel, "secret": None}]}})])
    assert "secret" not in group(engine, id_)["notifications"]["channels"][0]


def at_once(engine: Engine, work: Sequence[Callable[[Engine], list[Outcome]]]) -> list[list[Outcome]]:
    """Run each of `work` in a thread and on a connection of its own, all starting together."""
    barrier = Barrier(len(work))

    def run(one_work: Callable[[Engine], list[Outcome]]) -> list[Outcome]:
        own = make_engine(url(engine))
        try:
            own.connect().close()
            barrier.wait()
            return one_work(own)
        finally:
            own.dispose()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def handling(batch: Sequence[CommandEnvelope]) -> Callable[[Engine], list[Outcome]]:
    return lambda engine: handle(engine, batch)


def test_of_many_who_create_the_same_id_at_once_exactly_one_succeeds(engine: Engine) -> None:
    for _ in range(10):
        id_ = new_id()
        answers = at_once(engine, [handling([create(id_, name=f"writer {n}")]) for n in range(WRITERS)])
        assert sorted(told([outcome for (outcome,) in answers])) == ["already_exists"] * (WRITERS - 1) + ["succeeded"]
        (winner,) = [n for n, (outcome,) in enumerate(answers) if outcome.error is None]
        assert group(engine, id_)["name"] == f"writer {winner}"
        assert sequences(engine, id_) == [1]


def test_a_command_that_arrives_many_times_at_once_takes_effect_once(engine: Engine) -> None:
    for _ in range(10):
        batch = [create(id_ := new_id()), patch(id_, {"tags": ["x"]})]
        answers = at_once(engine, [handling(batch)] * WRITERS)
        assert all(answer == answers[0] for answer in answers)
        assert told(answers[0]) == ["succeeded", "succeeded"]
        assert (group(engine, id_)["version"], sequences(engine, id_)) == (2, [1, 2])


def test_patches_of_many_writers_are_all_counted(engine: Engine, group_id: str) -> None:
    each = 15

    def patching(number: int) -> Callable[[Engine], list[Outcome]]:
        mine = [patch(group_id, {"metadata": {f"{number}-{n}": n}}) for n in range(each)]
        return lambda engine: [one(engine, envelope) for envelope in mine]

    answers = at_once(engine, [patching(number) for number in range(WRITERS)])
    versions = sorted(outcome.version or 0 for answer in answers for outcome in answer)
    assert versions == list(range(2, 2 + WRITERS * each))
    assert len(group(engine, group_id)["metadata"]) == WRITERS * each
    assert sequences(engine, group_id) == list(range(1, 2 + WRITERS * each))


def test_batches_over_the_same_groups_in_opposite_orders_never_deadlock(engine: Engine) -> None:
    before = deadlocks(engine)
    ids = [new_id() for _ in range(6)]
    handle(engine, [create(id_) for id_ in ids])
    rounds = 40

    def working(order: int) -> Callable[[Engine], list[Outcome]]:
        batches = [[patch(id_, {"tags": [str(n)]}) for id_ in ids[::order]] for n in range(rounds)]
        return lambda engine: [outcome for batch in batches for outcome in handle(engine, batch)]

    answers = at_once(engine, [working(1), working(-1)])
    assert set(told([outcome for answer in answers for outcome in answer])) == {"succeeded"}
    assert {group(engine, id_)["version"] for id_ in ids} == {1 + 2 * rounds}
    assert deadlocks(engine) == before


def test_batches_that_make_the_same_groups_in_opposite_orders_never_deadlock(engine: Engine) -> None:
    before = deadlocks(engine)
    rounds, size = 15, 6
    for _ in range(rounds):
        batch = [create(new_id()) for _ in range(size)]
        answers = at_once(engine, [handling(batch), handling(batch[::-1])])
        assert answers[0] == answers[1][::-1]
        assert told(answers[0]) == ["succeeded"] * size
    assert counts(engine) == dict.fromkeys(("commands", "job_groups", "events"), rounds * size) | {"dead_letters": 0}
    assert deadlocks(engine) == before


def deadlocks(engine: Engine) -> int:
    """The deadlocks that this PostgreSQL has broken up so far."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = connection.execute(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        return int(found.scalar_one())


@pytest.mark.parametrize("key", ["a\x00b", "a\ud800b"], ids=["U+0000", "surrogate"])
@pytest.mark.parametrize("where", ["", "processingSettings", "metadata"])
def test_a_key_that_no_table_can_hold_is_rejected_like_any_other(engine: Engine, key: str, where: str) -> None:
    wrong = create(new_id(), **({where: {key: "\x00"}} if where else {key: 1}))
    outcomes = handle(engine, [create(new_id()), wrong])
    assert told(outcomes) == ["succeeded", "validation_failed"]


@pytest.mark.parametrize("value", [2**70, 1e308, "\ud800", "\x00"], ids=repr)
def test_a_value_that_no_table_can_hold_is_rejected(engine: Engine, value: Any) -> None:
    wrong = [create(new_id(), metadata={"a": value}), create(new_id(), name=value), patch(new_id(), {"tags": [value]})]
    assert told(handle(engine, wrong)) == ["validation_failed", "validation_failed", "validation_failed"]


@pytest.mark.parametrize("depth", [40, 400])
def test_deep_data_are_rejected(engine: Engine, depth: int) -> None:
    deep: Any = {}
    for _ in range(depth):
        deep = {"a": deep}
    assert told([one(engine, create(new_id(), metadata=deep))]) == ["validation_failed"]

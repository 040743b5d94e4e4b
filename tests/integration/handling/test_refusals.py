"""Commands that are refused: by the domain, by the database, for their size, or for a fault of ours."""

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

import tasks.handling
from models.command import Command
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope
from models.deciding import decide
from models.loaded import Loaded
from tasks.handling import handle
from tests.commands import create, delete, new_id, patch, update
from tests.integration.handling.outcomes import (
    counts,
    events_of,
    group,
    one,
    refusing_groups_called,
    rows,
    told,
)

SECRET = "whsec_dont_tell"


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
    assert letter["detail"].startswith("KeyError in faulty, test_refusals.py:")
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

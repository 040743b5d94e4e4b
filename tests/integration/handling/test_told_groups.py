"""What of a group goes where: to whoever waits for an outcome, and never its secret."""

import json

from sqlalchemy import Engine

from models.resources import JobGroupResource
from models.store.group_rows import group_of
from tasks.handling import handle
from tests.commands import create, delete, new_id, patch, select
from tests.integration.handling.outcomes import (
    group,
    one,
    rows,
    told,
    url,
)

SECRET = "whsec_dont_tell"
WEBHOOK = {"channels": [{"type": "webhook", "url": "https://accounting.example/hook", "secret": SECRET}]}


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

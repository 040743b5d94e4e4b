"""The aggregate: what each command makes happen, and what it refuses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.command import Command
from models.commands import CommandEnvelope, parse_command
from models.deciding import decide, merge_patch
from models.errors import AlreadyExists, NotFound, PayloadTooLarge, ValidationFailed, VersionConflict
from models.event import GroupEvent
from models.events import JobGroupCreated, JobGroupDeleted, JobGroupUpdated
from models.fields import Notifications
from models.job_group import JobGroup, evolve
from models.lifecycle import Intent, Status
from models.loaded import Loaded

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MINIMAL = {"name": "January", "template": "standard"}


def command(type_: str, **data: Any) -> Command:
    return parse_command(CommandEnvelope(id=str(uuid4()), type=f"job_group.{type_}", data=data))


def decided(group: JobGroup | None, asked: Command) -> Sequence[GroupEvent]:
    return decide(Loaded(group), asked, LATER)


def made(**fields: Any) -> JobGroup:
    (created,) = decided(None, command("create", **{**MINIMAL, **fields}))
    return evolve(None, created, NOW)


def after(group: JobGroup, asked: Command) -> JobGroup:
    for event in decided(group, asked):
        group = evolve(group, event, LATER)
    return group


def test_a_new_group_starts_by_itself_with_every_default_in_force() -> None:
    group = made()
    assert (group.intent, group.status, group.started_at) == (Intent.ACTIVE, Status.QUEUED, NOW)
    assert (group.version, group.sequence, group.generation) == (1, 1, 1)
    assert group.fields.priority == "medium"
    assert group.fields.processing_settings.max_attempts == 3


def test_a_new_group_that_must_not_start_is_a_draft() -> None:
    group = made(processingSettings={"autoStart": False})
    assert (group.intent, group.status, group.started_at) == (Intent.DRAFT, Status.DRAFT, None)


def test_a_group_without_an_id_takes_its_commands() -> None:
    envelope = CommandEnvelope(id="0186071a-5d40-7000-8000-000000000001", type="job_group.create", data=dict(MINIMAL))
    assert parse_command(envelope).id == UUID(envelope.id)


def test_a_command_id_that_is_no_uuid_makes_the_same_group_id_each_time() -> None:
    first, again = (
        parse_command(CommandEnvelope(id="scanner-7/42", type="job_group.create", data=dict(MINIMAL))) for _ in "12"
    )
    assert first.id == again.id


def test_an_id_that_exists_or_existed_is_refused() -> None:
    group = made()
    with pytest.raises(AlreadyExists, match="exists already"):
        decided(group, command("create", id=str(group.id), **MINIMAL))
    with pytest.raises(AlreadyExists, match="was deleted"):
        decided(after(group, command("delete", id=str(group.id))), command("create", id=str(group.id), **MINIMAL))


def test_an_update_replaces_everything() -> None:
    group = made(description="scanned twice", tags=["urgent"])
    updated = after(group, command("update", id=str(group.id), name="February", template="standard"))
    assert (updated.fields.name, updated.fields.description, updated.fields.tags) == ("February", None, [])
    assert (updated.version, updated.sequence, updated.updated_at, updated.created_at) == (2, 2, LATER, NOW)


def test_an_update_tells_which_fields_changed() -> None:
    group = made(batchNumber="B-1")
    (event,) = decided(group, command("update", id=str(group.id), batchNumber="B-2", **MINIMAL))
    assert isinstance(event, JobGroupUpdated)
    assert event.changed == ["batchNumber"]


def test_a_patch_changes_what_it_names_and_null_means_the_default() -> None:
    group = made(description="scanned twice", metadata={"site": "Lyon", "floor": 2}, priority="high")
    patch = {
        "description": None,
        "metadata": {"site": "Paris", "floor": None},
        "processingSettings": {"maxAttempts": 5},
    }
    patched = after(group, command("patch", id=str(group.id), patch=patch))
    assert patched.fields.description is None
    assert patched.fields.metadata == {"site": "Paris"}
    assert patched.fields.priority == "high"
    assert patched.fields.processing_settings.max_attempts == 5


def test_a_patch_that_breaks_the_contract_names_each_field() -> None:
    group = made()
    with pytest.raises(ValidationFailed) as refused:
        decided(group, command("patch", id=str(group.id), patch={"name": None, "tags": [5], "nmae": "x"}))
    assert {error.field for error in refused.value.facts["errors"]} == {"patch.name", "patch.tags.0", "patch.nmae"}


def channels(*patterns: str) -> dict[str, Any]:
    return {"channels": [{"type": "webhook", "url": "https://example.com", "events": patterns}]}


@pytest.mark.parametrize(
    "pattern", ["job_group.complete", "job_group.*.*", "Job.failed", "job.dispatched.soon", "command.*"]
)
def test_a_channel_cannot_ask_for_events_that_there_are_not(pattern: str) -> None:
    asked = channels("job_group.completed", pattern)
    for group, refused, prefix in (
        (None, command("create", **MINIMAL, notifications=asked), ""),
        (made(), command("update", id=str(uuid4()), **MINIMAL, notifications=asked), ""),
        (made(), command("patch", id=str(uuid4()), patch={"notifications": asked}), "patch."),
    ):
        with pytest.raises(ValidationFailed, match="matches no event") as refusal:
            decided(group, refused)
        assert [error.field for error in refusal.value.facts["errors"]] == [
            f"{prefix}notifications.channels.0.events.1"
        ]


def test_what_a_channel_asked_for_before_is_in_the_way_of_nothing() -> None:
    group = made()
    old = group.fields.model_copy(update={"notifications": Notifications.model_validate(channels("job.old"))})
    group = replace(group, fields=old)
    assert after(group, command("patch", id=str(uuid4()), patch={"name": "New"})).fields.name == "New"
    with pytest.raises(ValidationFailed, match=r"events\.1"):
        decided(group, command("patch", id=str(uuid4()), patch={"notifications": channels("job.old", "job.older")}))


def test_patches_cannot_grow_a_group_without_end() -> None:
    group = made(metadata={"a": "x" * 200_000})
    with pytest.raises(PayloadTooLarge):
        decided(group, command("patch", id=str(group.id), patch={"metadata": {"b": "x" * 100_000}}))


@pytest.mark.parametrize("type_", ["update", "patch", "delete"])
def test_what_is_not_there_cannot_change(type_: str) -> None:
    group = made()
    extra = {"update": MINIMAL, "patch": {"patch": {}}, "delete": {}}[type_]
    asked = command(type_, id=str(group.id), **extra)
    with pytest.raises(NotFound, match="there is no job group"):
        decided(None, asked)
    with pytest.raises(NotFound, match="was deleted"):
        decided(after(group, command("delete", id=str(group.id))), asked)


@pytest.mark.parametrize("type_", ["update", "patch", "delete"])
def test_a_version_that_has_passed_is_refused_and_the_current_one_told(type_: str) -> None:
    group = after(made(), command("patch", id=str(made().id), patch={}))
    extra = {"update": MINIMAL, "patch": {"patch": {}}, "delete": {}}[type_]
    with pytest.raises(VersionConflict) as refused:
        decided(group, command(type_, id=str(group.id), expectedVersion=1, **extra))
    assert refused.value.facts == {"current_version": 2}
    assert decided(group, command(type_, id=str(group.id), expectedVersion=2, **extra))


def test_a_deleted_group_keeps_its_last_status() -> None:
    group = made()
    (event,) = decided(group, command("delete", id=str(group.id)))
    assert isinstance(event, JobGroupDeleted)
    assert evolve(group, event, LATER).deleted_at == LATER


def test_the_expiry_counts_from_the_creation_whenever_it_is_set() -> None:
    group = made(processingSettings={"expiresAfterSeconds": 60})
    assert group.expires_at == NOW + timedelta(seconds=60)
    patch = {"processingSettings": {"expiresAfterSeconds": 7200}}
    assert after(group, command("patch", id=str(group.id), patch=patch)).expires_at == NOW + timedelta(hours=2)


def test_the_created_event_carries_the_whole_group_but_no_secret() -> None:
    channel = {"type": "webhook", "url": "https://example.com/hook", "secret": "whsec_top"}
    (event,) = decided(None, command("create", **MINIMAL, notifications={"channels": [channel]}))
    assert isinstance(event, JobGroupCreated)
    assert "whsec_top" not in event.model_dump_json()
    assert "whsec_top" not in repr(event)
    assert event.model_dump(mode="json")["group"]["notifications"]["channels"][0]["url"] == channel["url"]


def test_a_patch_keeps_the_secrets_that_it_does_not_name() -> None:
    channel = {"type": "webhook", "url": "https://example.com/hook", "secret": "whsec_top"}
    group = made(notifications={"channels": [channel]})
    patched = after(group, command("patch", id=str(group.id), patch={"name": "February"}))
    assert patched.fields.notifications == group.fields.notifications


# RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_as_the_standard_has_it(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result

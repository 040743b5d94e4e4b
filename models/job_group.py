"""The job group: an aggregate that decides what a command does and evolves with what happened. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from models.commands import (
    MAX_COMMAND_BYTES,
    Command,
    CreateJobGroup,
    DeleteJobGroup,
    ExistingGroupCommand,
    PatchJobGroup,
    UpdateJobGroup,
)
from models.errors import AlreadyExists, NotFound, PayloadTooLarge, ValidationFailed, VersionConflict
from models.events import JobGroupCreated, JobGroupDeleted, JobGroupEvent, JobGroupUpdated
from models.fields import REVEAL_SECRETS, JobGroupFields
from models.lifecycle import NO_JOBS, Counts, Intent, Status, status_of


@dataclass(frozen=True, slots=True)
class JobGroup:
    """One batch of invoices.

    `version` counts the commands applied to the group, `sequence` its events, both from 1 without a gap.
    A deleted group stays as a tombstone, so that its id is never used again.
    """

    id: UUID
    fields: JobGroupFields
    intent: Intent
    created_at: datetime
    updated_at: datetime
    version: int
    sequence: int
    generation: int = 1
    sealed: bool = False
    counts: Counts = NO_JOBS
    status_reason: str | None = None
    started_at: datetime | None = None
    paused_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def status(self) -> Status:
        return status_of(self.intent, self.counts, sealed=self.sealed)


def decide(group: JobGroup | None, command: Command) -> Sequence[JobGroupEvent]:
    """Return what `command` makes happen to `group`, which is None where no group ever had that id.

    Raises a Refusal where the command cannot be carried out.
    """
    match command:
        case CreateJobGroup():
            return [_create(group, command)]
        case UpdateJobGroup():
            return [_update(_existing(group, command), _fields_of(command))]
        case PatchJobGroup():
            group = _existing(group, command)
            return [_update(group, _patched(group.fields, command.patch))]
        case DeleteJobGroup():
            group = _existing(group, command)
            return [JobGroupDeleted(group_id=group.id, version=group.version + 1, status=group.status)]
        case _:
            raise TypeError(f"no decision for {type(command).__name__}")


def evolve(group: JobGroup | None, event: JobGroupEvent, occurred_at: datetime) -> JobGroup:
    """Return `group` as it is after `event`, which happened at `occurred_at`."""
    if isinstance(event, JobGroupCreated):
        return _created(event, occurred_at)
    if group is None:
        raise TypeError(f"{type(event).__name__} has no group to happen to")
    group = replace(group, version=event.version, sequence=group.sequence + 1, updated_at=occurred_at)
    match event:
        case JobGroupUpdated():
            return replace(group, fields=event.group, expires_at=_expiry(event.group, group.created_at))
        case JobGroupDeleted():
            return replace(group, deleted_at=occurred_at)
        case _:
            raise TypeError(f"no evolution for {type(event).__name__}")


def _create(group: JobGroup | None, command: CreateJobGroup) -> JobGroupCreated:
    if group is not None:
        state = "exists already" if group.deleted_at is None else "existed and was deleted"
        raise AlreadyExists(f"job group {group.id} {state}; ids are not used twice")
    fields = _fields_of(command)
    status = status_of(_first_intent(fields), NO_JOBS, sealed=False)
    return JobGroupCreated(group_id=command.id, version=1, status=status, group=fields)


def _created(event: JobGroupCreated, occurred_at: datetime) -> JobGroup:
    intent = _first_intent(event.group)
    return JobGroup(
        id=event.group_id,
        fields=event.group,
        intent=intent,
        created_at=occurred_at,
        updated_at=occurred_at,
        version=event.version,
        sequence=1,
        started_at=occurred_at if intent is Intent.ACTIVE else None,
        expires_at=_expiry(event.group, occurred_at),
    )


def _first_intent(fields: JobGroupFields) -> Intent:
    return Intent.ACTIVE if fields.processing_settings.auto_start else Intent.DRAFT


def _expiry(fields: JobGroupFields, created_at: datetime) -> datetime | None:
    seconds = fields.processing_settings.expires_after_seconds
    return None if seconds is None else created_at + timedelta(seconds=seconds)


def _existing(group: JobGroup | None, command: ExistingGroupCommand) -> JobGroup:
    if group is None:
        raise NotFound(f"there is no job group {command.id}")
    if group.deleted_at is not None:
        raise NotFound(f"job group {command.id} was deleted")
    if command.expected_version not in (None, group.version):
        raise VersionConflict(
            f"job group {group.id} is at version {group.version}, not {command.expected_version}",
            current_version=group.version,
        )
    return group


def _update(group: JobGroup, fields: JobGroupFields) -> JobGroupUpdated:
    changed = [
        str(field.alias)
        for name, field in JobGroupFields.model_fields.items()
        if getattr(fields, name) != getattr(group.fields, name)
    ]
    return JobGroupUpdated(
        group_id=group.id, version=group.version + 1, status=group.status, group=fields, changed=changed
    )


def _fields_of(command: CreateJobGroup | UpdateJobGroup) -> JobGroupFields:
    """The writable part of `command`, which was validated with it."""
    return JobGroupFields.model_construct(**{name: getattr(command, name) for name in JobGroupFields.model_fields})


def _patched(fields: JobGroupFields, patch: dict[str, Any]) -> JobGroupFields:
    merged = merge_patch(fields.model_dump(mode="json", context=REVEAL_SECRETS), patch)
    if len(orjson.dumps(merged)) > MAX_COMMAND_BYTES:
        raise PayloadTooLarge(f"the patched group would be larger than {MAX_COMMAND_BYTES} bytes")
    try:
        return JobGroupFields.model_validate(merged)
    except ValidationError as error:
        raise ValidationFailed.of(error, "patch") from None


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` after the JSON merge patch `patch` (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged

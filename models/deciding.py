"""What each command makes happen, or why it is refused. Pure: no clock, no ids made, no I/O."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from models.command import Command
from models.commands import MAX_COMMAND_BYTES
from models.deciding_jobs import (
    add_jobs,
    cancelling,
    do_what_is_due,
    retry,
    reviewable,
    take_reports,
    with_failure_limit,
)
from models.errors import (
    AlreadyExists,
    IllegalTransition,
    NotFound,
    PayloadTooLarge,
    ValidationFailed,
    VersionConflict,
)
from models.event import GroupEvent
from models.events import (
    JobGroupCreated,
    JobGroupDeleted,
    JobGroupPaused,
    JobGroupResumed,
    JobGroupSealed,
    JobGroupStarted,
    JobGroupUpdated,
)
from models.fields import REVEAL_SECRETS, JobGroupFields, Notifications
from models.group_commands import (
    CancelJobGroup,
    CreateJobGroup,
    DeleteJobGroup,
    DisableWebhook,
    PatchJobGroup,
    PauseJobGroup,
    ResumeJobGroup,
    RetryJobGroup,
    SealJobGroup,
    StartJobGroup,
    UpdateJobGroup,
    WakeJobGroup,
)
from models.job import take_review
from models.job_commands import AddJobs, ReportJobs, ReviewJob
from models.job_group import JobGroup, event_fields, first_intent
from models.lifecycle import LEGAL, NO_JOBS, Intent, status_of
from models.loaded import Loaded
from models.notifying import refuse_what_nothing_fits, without_webhook


def decide(loaded: Loaded, command: Command, now: datetime) -> Sequence[GroupEvent]:
    """Return what `command` makes happen, in order; nothing where it comes too late to matter.

    Raises a Refusal where the command cannot be carried out.
    """
    if isinstance(command, CreateJobGroup):
        return [_create(loaded.group, command)]
    group = _existing(loaded.group, command)
    if group.status not in LEGAL[command.type]:
        raise IllegalTransition(f"{command.type} has no meaning for a group that is {group.status}")
    return _decide(group, loaded, command, now)


def _decide(group: JobGroup, loaded: Loaded, command: Command, now: datetime) -> Sequence[GroupEvent]:
    match command:
        case AddJobs():
            return add_jobs(group, loaded, command)
        case ReportJobs():
            return with_failure_limit(group, take_reports(group, loaded, command, now))
        case ReviewJob():
            return [take_review(reviewable(loaded, command), command, group.version + 1)]
        case RetryJobGroup():
            return retry(group, loaded, command)
        case WakeJobGroup():
            return with_failure_limit(group, do_what_is_due(group, loaded, now))
        case DisableWebhook():
            fields = without_webhook(group.fields, command.url)
            return [] if fields == group.fields else [_update(group, fields)]
        case _:
            return [_decide_alone(group, command)]


def _decide_alone(group: JobGroup, command: Command) -> GroupEvent:  # noqa: C901 - flat: one case for each command
    match command:
        case UpdateJobGroup():
            return _update(group, command)
        case PatchJobGroup():
            return _update(group, _patched(group.fields, command.patch), "patch")
        case DeleteJobGroup():
            return JobGroupDeleted(**event_fields(group))
        case StartJobGroup():
            return JobGroupStarted(**event_fields(replace(group, intent=Intent.ACTIVE)))
        case PauseJobGroup():
            return JobGroupPaused(**event_fields(replace(group, intent=Intent.PAUSED)))
        case ResumeJobGroup():
            return JobGroupResumed(**event_fields(replace(group, intent=Intent.ACTIVE)))
        case CancelJobGroup():
            return cancelling(group, "cancelled by command")
        case SealJobGroup():
            return _sealed(group)
        case _:
            raise TypeError(f"no decision for {type(command).__name__}")


def _create(group: JobGroup | None, command: CreateJobGroup) -> JobGroupCreated:
    if group is not None:
        state = "exists already" if group.deleted_at is None else "existed and was deleted"
        raise AlreadyExists(f"job group {group.id} {state}; ids are not used twice")
    refuse_what_nothing_fits(Notifications(), command.notifications)
    status = status_of(first_intent(command), NO_JOBS, sealed=False)
    return JobGroupCreated(group_id=command.id, version=1, status=status, group=command)


def _existing(group: JobGroup | None, command: Command) -> JobGroup:
    if group is None:
        raise NotFound(f"there is no job group {command.target}")
    if group.deleted_at is not None:
        raise NotFound(f"job group {command.target} was deleted")
    expected: int | None = getattr(command, "expected_version", None)
    if expected not in (None, group.version):
        raise VersionConflict(
            f"job group {group.id} is at version {group.version}, not {expected}", current_version=group.version
        )
    return group


def _update(group: JobGroup, fields: JobGroupFields, *prefix: str) -> JobGroupUpdated:
    refuse_what_nothing_fits(group.fields.notifications, fields.notifications, *prefix)
    changed = [
        str(info.alias)
        for name, info in JobGroupFields.model_fields.items()
        if getattr(fields, name) != getattr(group.fields, name)
    ]
    return JobGroupUpdated(**event_fields(group), group=fields, changed=changed)


def _patched(fields: JobGroupFields, patch: dict[str, Any]) -> JobGroupFields:
    # By name: what is patched may still be the command that wrote it, whose own fields are no part of the group.
    written = fields.model_dump(mode="json", include=set(JobGroupFields.model_fields), context=REVEAL_SECRETS)
    merged = merge_patch(written, patch)
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


def _sealed(group: JobGroup) -> JobGroupSealed:
    if group.sealed:
        raise IllegalTransition(f"job group {group.id} is sealed already")
    return JobGroupSealed(**event_fields(replace(group, sealed=True)))

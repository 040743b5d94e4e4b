"""The contracts of the commands: what a sender may ask, and the envelope it comes in."""

import hashlib
import json
from functools import cached_property
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, StringConstraints, ValidationError

from models import names
from models.command import Command
from models.contract import Contract, storable_text
from models.errors import FieldError, ValidationFailed
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
from models.job_commands import AddJobs, ReportJobs, ReviewJob

MAX_COMMAND_BYTES = 256 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_COUNT = 500

CommandId = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable_text)]
ShortId = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable_text)]
OutcomeChannel = Annotated[str, StringConstraints(max_length=200, pattern=f"^{names.OUTCOME_CHANNEL_PREFIX}[\\w.-]+$")]


_ALL: tuple[type[Command], ...] = (
    CreateJobGroup,
    UpdateJobGroup,
    PatchJobGroup,
    DeleteJobGroup,
    StartJobGroup,
    PauseJobGroup,
    ResumeJobGroup,
    CancelJobGroup,
    RetryJobGroup,
    SealJobGroup,
    WakeJobGroup,
    DisableWebhook,
    AddJobs,
    ReportJobs,
    ReviewJob,
)
COMMANDS: dict[str, type[Command]] = {command.type: command for command in _ALL}


class CommandEnvelope(Contract):
    """A command as it travels: who asks what, under which id. `data` is checked later, against the contract of `type`,
    so that a command whose data is wrong is still answered and recorded."""

    id: CommandId
    type: ShortId
    data: dict[str, Any]
    actor: ShortId | None = None
    correlation_id: ShortId | None = None
    traceparent: ShortId | None = None
    reply_to: OutcomeChannel | None = None

    @cached_property
    def canonical(self) -> bytes:
        """What the command asks, spelled the same whatever the order of its keys."""
        return json.dumps([self.type, self.data], sort_keys=True, separators=(",", ":")).encode()

    @property
    def fingerprint(self) -> bytes:
        """What tells this command from another that uses the same id: the SHA-256 of its canonical form."""
        return hashlib.sha256(self.canonical).digest()


def parse_command(envelope: CommandEnvelope) -> Command:
    """Return the typed command in `envelope`; raises ValidationFailed naming each wrong field."""
    contract = COMMANDS.get(envelope.type)
    if contract is None:
        known = ", ".join(COMMANDS)
        raise ValidationFailed([FieldError(field="type", message=f"unknown command; known are {known}")])
    try:
        return contract.model_validate(_with_ids(envelope))
    except ValidationError as error:
        raise ValidationFailed.of(error) from None


def group_id_of(envelope: CommandEnvelope) -> UUID | None:
    """Return the id of the group that `envelope` is about, or None where its data names none that can be read."""
    data = _with_ids(envelope)
    match envelope.type, data:
        case names.JOB_REPORT, {"reports": [{"groupId": named}, *_]}:
            return _as_uuid(named)
        case ((names.JOB_ADD | names.JOB_REVIEW), {"groupId": named}):
            return _as_uuid(named)
        case _:
            return _as_uuid(data.get("id"))


def _with_ids(envelope: CommandEnvelope) -> dict[str, Any]:
    """What is new takes an id that follows from its command's, so that a redelivered command makes the same again."""
    data = envelope.data
    match envelope.type, data:
        case names.JOB_GROUP_CREATE, _ if data.get("id") is None:
            return {**data, "id": derived_group_id(envelope.id)}
        case names.JOB_ADD, {"jobs": list(jobs)}:
            return {**data, "jobs": [_with_job_id(job, envelope.id, number) for number, job in enumerate(jobs)]}
        case _:
            return data


def _with_job_id(job: Any, command_id: str, number: int) -> Any:
    if not isinstance(job, dict) or job.get("id") is not None:
        return job
    return {**job, "id": uuid5(NAMESPACE_URL, f"{names.EVENT_SOURCE}/commands/{command_id}/jobs/{number}")}


def derived_group_id(command_id: str) -> UUID:
    """Return the id that follows from a command's: itself where it is a UUID, else one made from it."""
    return _as_uuid(command_id) or uuid5(NAMESPACE_URL, f"{names.EVENT_SOURCE}/commands/{command_id}")


def _as_uuid(value: Any) -> UUID | None:
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        return None

"""The contracts of the commands: what a sender may ask, and the envelope it comes in."""

import hashlib
import json
from typing import Annotated, Any, ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from models import names
from models.contract import Contract, JsonObject, Request, storable_text
from models.errors import FieldError, ValidationFailed
from models.fields import JobGroupFields

MAX_COMMAND_BYTES = 256 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_COUNT = 500

CommandId = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable_text)]
ShortId = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable_text)]
OutcomeChannel = Annotated[str, StringConstraints(max_length=200, pattern=f"^{names.OUTCOME_CHANNEL_PREFIX}[\\w.-]+$")]


class Command(Request):
    """The data of one command on the group `id`. Each subclass names its `type`, also the name of its Celery task."""

    type: ClassVar[str]
    id: UUID


class CreateJobGroup(JobGroupFields, Command):
    """Make a new group. A sender may leave `id` out: the group then takes one that follows from the command's."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("id"))

    type = names.JOB_GROUP_CREATE


class ExistingGroupCommand(Command):
    """A command on a group that must exist, and, with `expectedVersion`, must not have changed since it was read."""

    expected_version: Annotated[StrictInt, Field(ge=1)] | None = None


class UpdateJobGroup(JobGroupFields, ExistingGroupCommand):
    """Replace every writable field; an absent one goes back to its default."""

    type = names.JOB_GROUP_UPDATE


class PatchJobGroup(ExistingGroupCommand):
    """Change the fields named in `patch`, a JSON merge patch (RFC 7396): null puts a field back to its default."""

    type = names.JOB_GROUP_PATCH
    patch: JsonObject


class DeleteJobGroup(ExistingGroupCommand):
    """Remove a group for good; its id is never used again."""

    type = names.JOB_GROUP_DELETE


COMMANDS: dict[str, type[Command]] = {
    command.type: command for command in (CreateJobGroup, UpdateJobGroup, PatchJobGroup, DeleteJobGroup)
}


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


def canonical(envelope: CommandEnvelope) -> bytes:
    """Return what the command asks, spelled the same whatever the order of its keys."""
    return json.dumps([envelope.type, envelope.data], sort_keys=True, separators=(",", ":")).encode()


def fingerprint(envelope: CommandEnvelope) -> bytes:
    """Return what tells this command from another that uses the same id: the SHA-256 of its canonical form."""
    return hashlib.sha256(canonical(envelope)).digest()


def parse_command(envelope: CommandEnvelope) -> Command:
    """Return the typed command in `envelope`; raises ValidationFailed naming each wrong field."""
    contract = COMMANDS.get(envelope.type)
    if contract is None:
        known = ", ".join(COMMANDS)
        raise ValidationFailed([FieldError(field="type", message=f"unknown command; known are {known}")])
    try:
        return contract.model_validate(_with_group_id(envelope))
    except ValidationError as error:
        raise ValidationFailed.of(error) from None


def group_id_of(envelope: CommandEnvelope) -> UUID | None:
    """Return the id of the group that `envelope` is about, or None where its data names none that can be read."""
    return _as_uuid(_with_group_id(envelope).get("id"))


def _with_group_id(envelope: CommandEnvelope) -> dict[str, Any]:
    """A new group without an id takes its command's, so that a redelivered command makes the same group."""
    data = envelope.data
    if envelope.type != names.JOB_GROUP_CREATE or data.get("id") is not None:
        return data
    return {**data, "id": derived_group_id(envelope.id)}


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

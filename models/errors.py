"""The domain's refusals: why a command was not carried out."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import ValidationError

from models.contract import Contract

MAX_ERRORS_COUNT = 50
MAX_FIELD_LENGTH = 200
"""A refusal is stored, published and told: it must not grow with what it refuses."""


class ErrorCode(StrEnum):
    """The closed set of reasons that an outcome can give."""

    VALIDATION_FAILED = "validation_failed"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    VERSION_CONFLICT = "version_conflict"
    ILLEGAL_TRANSITION = "illegal_transition"
    COMMAND_ID_REUSED = "command_id_reused"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    DEAD_LETTERED = "dead_lettered"


class FieldError(Contract):
    """One wrong field: `field` is its dotted path in the data as sent, for instance `notifications.channels.0.url`."""

    field: str
    message: str


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A command that changes nothing; `code` says why to programs, `detail` to people."""

    code: ClassVar[ErrorCode]

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class ValidationFailed(Refusal):
    """The command's data does not fit its contract."""

    code = ErrorCode.VALIDATION_FAILED

    def __init__(self, errors: Sequence[FieldError]) -> None:
        errors = errors[:MAX_ERRORS_COUNT]
        listed = "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in errors)
        super().__init__(listed, errors=list(errors))

    @classmethod
    def of(cls, error: ValidationError, *prefix: str) -> "ValidationFailed":
        """Return the refusal that names each field of pydantic's `error`, under `prefix`."""
        return cls([field_error(found, *prefix) for found in error.errors(include_url=False, include_context=False)])


class NotFound(Refusal):
    """The group does not exist, or no longer."""

    code = ErrorCode.NOT_FOUND


class AlreadyExists(Refusal):
    """The id of a new group is, or was, the id of another."""

    code = ErrorCode.ALREADY_EXISTS


class VersionConflict(Refusal):
    """The group has moved on since the version the sender had seen."""

    code = ErrorCode.VERSION_CONFLICT


class IllegalTransition(Refusal):
    """The group or job is not in a status in which the command has a meaning."""

    code = ErrorCode.ILLEGAL_TRANSITION


class CommandIdReused(Refusal):
    """The command id was used before, for something else."""

    code = ErrorCode.COMMAND_ID_REUSED


class PayloadTooLarge(Refusal):
    """The command is larger than the service takes."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class DeadLettered(Refusal):
    """The command could not be carried out for no fault that it can be told of, and was set aside."""

    code = ErrorCode.DEAD_LETTERED

    def __init__(self, reason: str, letter_id: UUID) -> None:
        super().__init__(f"it could not be carried out ({reason}) and is kept as dead letter {letter_id}")


def field_error(found: Any, *prefix: str) -> FieldError:
    """Return one of pydantic's error details (``ValidationError.errors()``) as a field error."""
    path = [*prefix, *(str(part) for part in _steps(found["loc"]))]
    return FieldError.model_construct(
        field=".".join(path)[:MAX_FIELD_LENGTH], message=found["msg"].removeprefix("Value error, ")
    )


def _steps(location: Sequence[str | int]) -> list[str | int]:
    """Leave out the kind of channel that pydantic puts behind a channel's index: the data has no such step."""
    before = (None, *location)
    return [
        part
        for part, previous in zip(location, before, strict=False)
        if not (isinstance(previous, int) and part in ("webhook", "email"))
    ]

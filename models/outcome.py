"""What became of a command."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from models.commands import CommandEnvelope
from models.contract import Contract
from models.errors import CommandIdReused, ErrorCode, FieldError, Refusal


class OutcomeError(Contract):
    """Why a command was rejected."""

    code: ErrorCode
    detail: str
    errors: list[FieldError] | None = None
    current_version: int | None = None


class Outcome(Contract):
    """The one terminal answer to a command: `succeeded`, or `rejected` and nothing changed.

    It names no group where the command named none, and no version where it was rejected: the version is the group's
    after the command.
    """

    model_config = ConfigDict(extra="ignore")  # whoever reads outcomes may be older than the worker that tells them

    command_id: str
    status: Literal["succeeded", "rejected"]
    type: str
    group_id: UUID | None = None
    version: int | None = None
    error: OutcomeError | None = None
    group: dict[str, Any] | None = Field(
        None, description="The group as the command left it. Only callers are told it, and only where it is not large."
    )


@dataclass(frozen=True, slots=True)
class HandledCommand:
    """A command that has its outcome, and the fingerprint of what it asked."""

    fingerprint: bytes
    outcome: Outcome

    def outcome_for(self, envelope: CommandEnvelope) -> Outcome:
        """Return the outcome, if `envelope` is that command; raises CommandIdReused if it is another of the same id."""
        if envelope.fingerprint != self.fingerprint:
            raise CommandIdReused(f"command id {envelope.id} was used before, for something else")
        return self.outcome


def succeeded(envelope: CommandEnvelope, group_id: UUID, version: int) -> Outcome:
    """Return the outcome of a command that took the group to `version`."""
    return Outcome(command_id=envelope.id, status="succeeded", type=envelope.type, group_id=group_id, version=version)


def rejected(envelope: CommandEnvelope, group_id: UUID | None, refusal: Refusal) -> Outcome:
    """Return the outcome of a command that was refused."""
    error = OutcomeError(code=refusal.code, detail=refusal.detail, **refusal.facts)
    return Outcome.model_construct(
        command_id=envelope.id, status="rejected", type=envelope.type, group_id=group_id, version=None, error=error
    )

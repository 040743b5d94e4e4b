"""The answer to a command that changes nothing."""

from models.commands import CommandEnvelope, group_id_of
from models.errors import Refusal
from models.events import CommandRejected
from models.outcome import Outcome, rejected
from models.store.unit_of_work import UnitOfWork


def refuse(work: UnitOfWork, envelope: CommandEnvelope, refusal: Refusal) -> Outcome:
    """Return the outcome of a refused command, and let it be published. The inbox is the caller's affair."""
    outcome = rejected(envelope, group_id_of(envelope), refusal)
    event = CommandRejected(
        group_id=outcome.group_id, command_id=envelope.id, command_type=envelope.type, error=outcome.error
    )
    work.append(event, envelope)
    return outcome

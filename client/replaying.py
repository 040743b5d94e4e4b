"""Sending the commands in dead letters again, under the ids that they had."""

from uuid import UUID

from sqlalchemy import Engine

from client.producer import MAX_NESTING, CommandProducer, nests_deeper
from models.commands import CommandEnvelope
from models.dead_letter import DeadLetter
from models.dead_letter_contents import contents_of
from models.store.graveyard import mark_replayed, reopen

CONFIRM_SECONDS = 15


class NotReplayable(Exception):  # noqa: N818 - it describes the letter
    """There is nothing in the letter that could be sent; the message says what to do instead."""

    def __init__(self, letter: DeadLetter) -> None:
        super().__init__(
            f"no command can be read in it ({letter.reason}: {letter.detail}). Its sender must send the command anew, "
            "under a new id; then discard the letter."
        )


def replay(engine: Engine, producer: CommandProducer, id_: UUID, letter: DeadLetter) -> int:
    """Send the commands in `letter`, and return how many they are.

    First they lose the outcome `dead_lettered`, which a worker would only repeat; last the letter is marked. Whoever
    dies in between leaves a letter without the mark: replayed again, it sends the same ids, which take effect once.

    Raises NotReplayable, and BrokerUnavailable where the broker did not confirm.
    """
    commands = _sendable(letter)
    with engine.begin() as connection:
        reopen(connection, [command.id for command in commands])
    for confirmation in [producer.send(command) for command in commands]:
        confirmation.result(CONFIRM_SECONDS)
    with engine.begin() as connection:
        mark_replayed(connection, id_)
    return len(commands)


def _sendable(letter: DeadLetter) -> list[CommandEnvelope]:
    commands = [command for command in contents_of(letter).commands if not nests_deeper(command.data, MAX_NESTING)]
    if not commands:
        raise NotReplayable(letter)
    return commands

"""What is in the command queue of a broker without workers."""

from typing import Any

from kombu import Message

from client.broker import COMMAND_QUEUE, connect


def emptied(broker_url: str) -> str:
    """Return `broker_url`, its command queue empty."""
    with connect(broker_url) as connection:
        queue = COMMAND_QUEUE(connection.channel())
        queue.declare()
        queue.purge()
    return broker_url


def waiting(broker_url: str) -> list[Message]:
    """Take everything from the command queue."""
    with connect(broker_url) as connection:
        queue = COMMAND_QUEUE(connection.channel())
        messages = list(iter(lambda: queue.get(no_ack=True), None))
        return [message for message in messages if message]


def commands_in(messages: list[Message]) -> list[dict[str, Any]]:
    """Return the commands in `messages`, in their order."""
    return [command for message in messages for command in message.payload[1]["commands"]]


def ids_in(messages: list[Message]) -> list[str]:
    """Return the ids of the commands in `messages`, in their order."""
    return [command["id"] for command in commands_in(messages)]

"""A backlog of commands, and how fast it is worked off."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from models import names
from models.commands import CommandEnvelope

SHARED_GROUP_COUNT = 500
WARM_UP_SHARE = 0.1
"""Of a backlog, what is worked off before the clock starts: processes start, connect and prepare their statements."""
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Backlog:
    """Commands to be worked off in any order, and those that must have taken effect before."""

    before: list[CommandEnvelope]
    commands: list[CommandEnvelope]


def creates(count: int) -> Backlog:
    """Return `count` times `job_group.create`."""
    return Backlog([], [_create(uuid7()) for _ in range(count)])


def mixed(count: int) -> Backlog:
    """Return `count` commands: 30 % create, 60 % update one of 500 groups, 10 % delete.

    Each delete has a group of its own that is there from the start, so that every command succeeds in any order.
    """
    random = Random(1)
    shared = [UUID(int=number) for number in range(1, SHARED_GROUP_COUNT + 1)]
    doomed = [UUID(int=SHARED_GROUP_COUNT + number) for number in range(1, count // 10 + 1)]
    made = [_create(uuid7()) for _ in range(count * 3 // 10)]
    deleted = [_command(names.JOB_GROUP_DELETE, {"id": str(id_)}) for id_ in doomed]
    rest = count - len(made) - len(deleted)
    updated = [_command(names.JOB_GROUP_UPDATE, _fields(random.choice(shared))) for _ in range(rest)]
    commands = made + updated + deleted
    random.shuffle(commands)
    return Backlog([_create(id_) for id_ in shared + doomed], commands)


BACKLOGS: Mapping[str, Callable[[int], Backlog]] = {"creates": creates, "mixed": mixed}


def rate(done: Callable[[], int], total: int) -> float:
    """Return how many commands per second are `done`, from the first tenth of `total` to the last one.

    Raises TimeoutError where nothing moves for a minute.
    """
    looks = _looks(done)
    started_at, first = next(look for look in looks if look[1] >= total * WARM_UP_SHARE)
    if first >= total:
        raise ValueError(f"{total} commands are too few: all were done between two looks")
    ended_at, last = next(look for look in looks if look[1] >= total)
    return (last - first) / (ended_at - started_at)


def _looks(done: Callable[[], int]) -> Iterator[tuple[float, int]]:
    before, moved_at = -1, time.monotonic()
    while True:
        count, now = done(), time.monotonic()
        if count != before:
            before, moved_at = count, now
        elif now - moved_at > PATIENCE_SECONDS:
            raise TimeoutError(f"{count} commands are done, and no more for {PATIENCE_SECONDS:g} s")
        yield now, count
        time.sleep(LOOK_SECONDS)


def _create(group_id: UUID) -> CommandEnvelope:
    return _command(names.JOB_GROUP_CREATE, _fields(group_id))


def _command(type_: str, data: dict[str, Any]) -> CommandEnvelope:
    return CommandEnvelope(id=str(uuid7()), type=type_, data=data)


def _fields(group_id: UUID) -> dict[str, Any]:
    return {
        "id": str(group_id),
        "name": f"Invoices of {str(group_id)[-4:]}",
        "description": "Scanned on the third floor",
        "template": "standard-invoice",
        "priority": "high",
        "tags": ["scanned", "third-floor"],
        "metadata": {"costCentre": "4711"},
    }

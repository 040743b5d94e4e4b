"""What a load is made of: commands on groups, drawn by a seed, and the messages that carry them."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models import names
from models.commands import CommandEnvelope
from tests.commands import fields

Channel = Literal["batch", "task", "intake"]

CHANNELS: dict[Channel, tuple[int, int, int]] = {"batch": (6, 10, 40), "task": (2, 1, 6), "intake": (2, 5, 30)}
"""How often each way in is taken, and the fewest and most commands that go in together."""
REPEATED_SHARE = 0.05
STALE_SHARE = 0.05


@dataclass(frozen=True)
class Chunk:
    """Commands that are sent together."""

    channel: Channel
    commands: list[CommandEnvelope]


@dataclass
class GroupStory:
    """The commands on one group, in the order in which a user would send them."""

    choice: random.Random

    def __post_init__(self) -> None:
        self.group_id = self._id()
        self.job_ids: list[str] = []

    def tell(self, count: int) -> Iterator[CommandEnvelope]:
        """Give `count` commands: a creation, documents, then whatever the seed says."""
        settings = {
            "autoStart": self.choice.random() < 0.8,
            "maxConcurrency": self.choice.choice([None, 1, 3]),
            # What is due later would come after the last look.
            "retryBackoff": {"initialSeconds": 0.1, "factor": 1.0},
        }
        yield self._command(names.JOB_GROUP_CREATE, {"id": self.group_id, **fields(processingSettings=settings)})
        yield self._add()
        for _ in range(count - 2):
            yield self._any()

    def _any(self) -> CommandEnvelope:
        kinds: dict[Callable[[], CommandEnvelope], int] = {
            self._patch: 30,
            self._update: 10,
            self._report: 25,
            self._add: 8,
            lambda: self._on_group(names.JOB_GROUP_START): 5,
            lambda: self._on_group(names.JOB_GROUP_PAUSE): 6,
            lambda: self._on_group(names.JOB_GROUP_RESUME): 6,
            lambda: self._on_group(names.JOB_GROUP_RETRY): 5,
            lambda: self._on_group(names.JOB_GROUP_CANCEL): 3,
            lambda: self._on_group(names.JOB_GROUP_DELETE): 2,
        }
        (make,) = self.choice.choices(list(kinds), weights=list(kinds.values()))
        return make()

    def _patch(self) -> CommandEnvelope:
        return self._on_group(names.JOB_GROUP_PATCH, patch={"metadata": {"note": self.choice.randrange(1_000_000)}})

    def _update(self) -> CommandEnvelope:
        return self._on_group(names.JOB_GROUP_UPDATE, **fields(priority=self.choice.choice(["low", "high", "urgent"])))

    def _add(self) -> CommandEnvelope:
        added = [self._id() for _ in range(self.choice.randint(1, 4))]
        self.job_ids += added
        jobs = [{"id": id_, "document": {"uri": f"file:///{id_}.pdf"}} for id_ in added]
        return self._command(names.JOB_ADD, {"groupId": self.group_id, "jobs": jobs, "last": False})

    def _report(self) -> CommandEnvelope:
        told = self.choice.sample(self.job_ids, k=self.choice.randint(1, min(3, len(self.job_ids))))
        return self._command(names.JOB_REPORT, {"reports": [self._told(job_id) for job_id in told]})

    def _told(self, job_id: str) -> dict[str, Any]:
        about = {"jobId": job_id, "groupId": self.group_id, "attempt": self.choice.randint(1, 2)}
        if self.choice.random() < 0.3:
            return {**about, "status": "failed", "error": {"code": "torn", "message": "the page is torn"}}
        return {**about, "status": "succeeded", "confidence": round(self.choice.random(), 2)}

    def _on_group(self, type_: str, **data: Any) -> CommandEnvelope:
        if self.choice.random() < STALE_SHARE:
            data["expectedVersion"] = self.choice.randint(1, 5)
        return self._command(type_, {"id": self.group_id, **data})

    def _command(self, type_: str, data: dict[str, Any]) -> CommandEnvelope:
        return CommandEnvelope(id=self._id(), type=type_, data=data)

    def _id(self) -> str:
        return str(UUID(int=self.choice.getrandbits(128), version=4))


def plan(seed: int, command_count: int, group_count: int) -> list[Chunk]:
    """Return `command_count` commands on `group_count` groups in the messages that carry them.

    The groups take turns, so that a group's next command rarely shares a message with its last one. Some commands come
    a second time, later or at once; some expect a version that has passed.
    """
    choice = random.Random(seed)
    stories = [
        GroupStory(random.Random(choice.random())).tell(command_count // group_count) for _ in range(group_count)
    ]
    commands = [command for turn in zip(*stories, strict=True) for command in choice.sample(turn, k=len(turn))]
    for command in choice.sample(commands, k=int(len(commands) * REPEATED_SHARE)):
        commands.insert(choice.randint(commands.index(command) + 1, len(commands)), command)
    return list(chunked(commands, choice))


def chunked(commands: list[CommandEnvelope], choice: random.Random) -> Iterator[Chunk]:
    """Give `commands` in messages by all ways in, each of a size that fits its way."""
    weights = [weight for weight, _, _ in CHANNELS.values()]
    position = 0
    while position < len(commands):
        (channel,) = choice.choices(list(CHANNELS), weights=weights)
        _, fewest, most = CHANNELS[channel]
        count = choice.randint(fewest, most)
        yield Chunk(channel, commands[position : position + count])
        position += count

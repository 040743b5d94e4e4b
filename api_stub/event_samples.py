"""An event of every name, for the examples of the AsyncAPI document: what the service's own rules make of commands."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from api_stub.command_samples import ADDITION, CREATION, GROUP_ID, RESULT, REVIEW_OF_JOB, report
from api_stub.samples import COMMAND_ID, CREATED_AT, published
from models import names
from models.commands import CommandEnvelope, parse_command
from models.deciding import decide
from models.errors import ErrorCode, NotFound
from models.event import GroupEvent
from models.events import CommandRejected
from models.loaded import Loaded
from models.outcome import Outcome, OutcomeError, rejected, succeeded
from models.settling import conclude, fill, is_swept, sweep

_HOUR = timedelta(hours=1)
_UNREADABLE = {"code": "unreadable", "message": "no text on the page"}
_GROUP = UUID(GROUP_ID)
_UNKNOWN = NotFound(f"there is no job group {GROUP_ID}")
_ASKED = CommandEnvelope(id=COMMAND_ID, type=names.JOB_GROUP_START, data={"id": GROUP_ID})


def outcomes() -> list[Outcome]:
    """Return the outcome of a command that succeeded, and of one that did not."""
    return [succeeded(_ASKED, _GROUP, version=2), rejected(_ASKED, _GROUP, _UNKNOWN)]


def events() -> dict[str, dict[str, Any]]:
    """Return an event of each name, as subscribers receive it."""
    error = OutcomeError(code=ErrorCode.NOT_FOUND, detail=_UNKNOWN.detail)
    refusal = CommandRejected(group_id=_GROUP, command_id=COMMAND_ID, command_type=_ASKED.type, error=error)
    return {**_expired(), **_reviewed_and_cancelled(), refusal.name: published(refusal, None)}


class _Story:
    """One group that commands happen to, and the first event of each name that they made."""

    def __init__(self) -> None:
        self.now = CREATED_AT
        self.told: dict[str, dict[str, Any]] = {}
        self._loaded = Loaded()

    def send(self, type_: str, data: dict[str, Any]) -> None:
        """Carry out one command, and what follows from it."""
        command = parse_command(CommandEnvelope(id=COMMAND_ID, type=type_, data=data))
        self._happen(decide(self._loaded, command, self.now))
        group = self._loaded.group
        if group is not None and is_swept(group):
            self._happen(sweep(group, self._loaded.queued()))
        if group is not None and group.room:
            self._happen(fill(group, self._loaded.due(self.now), group.version, self.now))

    def ask(self, word: str) -> None:
        """Send the command `job_group.WORD`."""
        self.send(f"job_group.{word}", {"id": GROUP_ID})

    def _happen(self, events: Sequence[GroupEvent]) -> None:
        before = self._loaded.group.status if self._loaded.group else None
        for event in events:
            self._tell(event)
        for conclusion in conclude(before, self._loaded.group) if self._loaded.group else ():
            self._tell(conclusion)

    def _tell(self, event: GroupEvent) -> None:
        group = self._loaded.happen(event, self.now)
        self.told.setdefault(event.name, published(event, group.sequence, self.now))


def _expired() -> dict[str, dict[str, Any]]:
    """A job was under way when the group's time ended."""
    story = _Story()
    story.send(names.JOB_GROUP_CREATE, {**CREATION, "processingSettings": {"expiresAfterSeconds": 3600}})
    story.send(names.JOB_ADD, ADDITION)
    story.now += _HOUR
    story.ask("wake")
    return story.told


def _reviewed_and_cancelled() -> dict[str, dict[str, Any]]:
    """One job was done at last, one failed for good, one was a duplicate; tried again, the group was given up."""
    story = _Story()
    story.send(names.JOB_GROUP_CREATE, {**CREATION, "processingSettings": {"autoStart": False, "maxConcurrency": 2}})
    story.send(names.JOB_GROUP_UPDATE, CREATION)
    for word in ("start", "pause", "resume"):
        story.ask(word)
    story.send(names.JOB_ADD, ADDITION)
    story.send(names.JOB_REPORT, report(1, 1, status="failed", error=_UNREADABLE))
    story.send(names.JOB_REPORT, report(2, 1, status="failed", error={**_UNREADABLE, "retryable": False}))
    story.now += _HOUR
    story.ask("wake")
    story.send(names.JOB_REPORT, report(1, 2, **{**RESULT, "confidence": 0.4}))
    story.send(names.JOB_REVIEW, {**REVIEW_OF_JOB, "decision": "reject"})
    story.ask("retry")
    story.send(names.JOB_REPORT, report(1, 3, **RESULT))
    story.ask("cancel")
    story.send(names.JOB_REPORT, report(2, 2, **RESULT))
    story.ask("delete")
    return story.told

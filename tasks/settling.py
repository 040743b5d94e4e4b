"""What follows from the state that groups have reached: the end of what was given up, the dispatch of what is due."""

from collections.abc import Iterable

from models.commands import CommandEnvelope
from models.event import GroupEvent
from models.fields import Priority
from models.job_group import JobGroup
from models.settling import conclude, fill, is_swept, sweep
from models.store.unit_of_work import UnitOfWork

_URGENCY = {priority: rank for rank, priority in enumerate(reversed(Priority))}


def end_queue(work: UnitOfWork, group: JobGroup, envelope: CommandEnvelope) -> None:
    """Let the queued jobs of a cancelled or expired group end with it.

    At once, so that the next command finds the group as it would in a transaction of its own.
    """
    if is_swept(group):
        work.load_queue(group.id)
        _happen(work, group, sweep(group, work.loaded[group.id].queued()), envelope)


def settle(work: UnitOfWork) -> None:
    """Dispatch what is due in every group that a command was about, urgent groups first.

    Once for a whole batch, however many of its commands made room.
    """
    groups = [group for group_id in work.last_command if (group := work.loaded[group_id].group) and group.room]
    groups.sort(key=lambda group: _URGENCY[group.fields.priority])
    work.load_due({group.id: group.room for group in groups})
    for group in groups:
        # Where no command had an effect of its own, the dispatch is one: no version may stand for two states.
        version = group.version if work.has_changed(group.id) else group.version + 1
        due = work.loaded[group.id].due(work.now)
        _happen(work, group, fill(group, due, version, work.now), work.last_command[group.id])


def _happen(work: UnitOfWork, group: JobGroup, events: Iterable[GroupEvent], envelope: CommandEnvelope) -> None:
    before, after = group.status, group
    for event in events:
        after = work.happen(event, envelope)
    for conclusion in conclude(before, after):
        work.happen(conclusion, envelope)

"""What a transaction does for its groups after the commands: the end of what was given up, the dispatch of what is due.

Once for a whole batch, however many of its commands made room.
"""

from collections.abc import Iterable

from models.event import GroupEvent
from models.fields import Priority
from models.job_group import JobGroup
from models.settling import conclude, fill, is_swept, sweep
from models.store.unit_of_work import UnitOfWork

_URGENCY = {priority: rank for rank, priority in enumerate(reversed(Priority))}


def settle(work: UnitOfWork) -> None:
    """Let happen what follows for every group that a command was about; urgent groups first."""
    groups = [group for group_id in work.last_command if (group := work.loaded[group_id].group)]
    groups.sort(key=lambda group: _URGENCY[group.fields.priority])
    _sweep(work, [group for group in groups if is_swept(group)])
    _fill(work, [group for group in groups if group.room])


def _sweep(work: UnitOfWork, groups: list[JobGroup]) -> None:
    work.load_queue([group.id for group in groups])
    for group in groups:
        _happen(work, group, sweep(group, work.loaded[group.id].queued()))


def _fill(work: UnitOfWork, groups: list[JobGroup]) -> None:
    work.load_due({group.id: group.room for group in groups})
    for group in groups:
        _happen(work, group, fill(group, work.loaded[group.id].due(work.now), work.now))


def _happen(work: UnitOfWork, group: JobGroup, events: Iterable[GroupEvent]) -> None:
    envelope = work.last_command[group.id]
    before, after = group.status, group
    for event in events:
        after = work.happen(event, envelope)
    for conclusion in conclude(before, after):
        work.happen(conclusion, envelope)

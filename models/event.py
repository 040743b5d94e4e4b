"""What all domain events have in common."""

from typing import ClassVar
from uuid import UUID

from models.contract import Contract


class DomainEvent(Contract):
    """Something that happened. The fields are the `data` that subscribers receive."""

    name: ClassVar[str]

    @property
    def routing_key(self) -> str:
        """What subscribers bind to: the name, unless the event says more."""
        return self.name


class GroupEvent(DomainEvent):
    """Something that happened to a group or to one of its jobs; `version` is the group's after it."""

    group_id: UUID
    version: int

"""What all commands have in common."""

from abc import abstractmethod
from typing import ClassVar
from uuid import UUID

from models.contract import Request


class Command(Request):
    """The data of one command on one group. Each subclass names its `type`, also the name of its Celery task."""

    type: ClassVar[str]

    @property
    @abstractmethod
    def target(self) -> UUID:
        """The group that the command is about."""

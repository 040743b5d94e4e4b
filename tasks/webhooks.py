"""Giving a webhook up whose receiver is gone, on the same path as every command."""

from functools import partial
from uuid import UUID

from sqlalchemy import Engine
from uuid_utils.compat import uuid7

from models import names
from models.commands import CommandEnvelope
from tasks.following import follow
from tasks.handling import handle

ACTOR = "notifier"


def disable_webhook(engine: Engine, group_id: UUID, url: str) -> None:
    """Disable every channel of the group that sends to `url`; its owners see that as an update, and may undo it."""
    data = {"id": str(group_id), "url": url}
    command = CommandEnvelope(id=str(uuid7()), type=names.JOB_GROUP_DISABLE_WEBHOOK, data=data, actor=ACTOR)
    follow([command], partial(handle, engine))

"""Server-Sent Events as bytes (WHATWG HTML, section 9.2), each event written once for all who read it."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import RowMapping

from models.store.outbox import cloud_event_of

MEDIA_TYPE = "text/event-stream"
RETRY_MILLISECONDS = 1000

_LINE_ENDS = {sign.encode(): rb"\u%04x" % ord(sign) for sign in "\u0085\u2028\u2029"}
"""None to the standard, nor to JSON, but to many a client that splits text into lines as Unicode does."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """A published event, and how it is written."""

    position: int
    group_id: UUID
    name: str
    written: bytes

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """Return the event in `row`."""
        position, name = row["position"], row["name"]
        return cls(position, row["group_id"], name, block(position, name, cloud_event_of(row)))


def block(position: int, name: str, document: dict[str, Any]) -> bytes:
    """Return an event as it is written."""
    data = orjson.dumps(document)
    for line_end, escaped in _LINE_ENDS.items():
        data = data.replace(line_end, escaped)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (position, name.encode(), data)


def opening(position: int) -> bytes:
    """Return what a stream begins with, so that a reader who has seen no event yet can resume as well."""
    return b"retry: %d\nid: %d\n\n" % (RETRY_MILLISECONDS, position)


def heartbeat(position: int) -> bytes:
    """Return what is written when there is nothing to tell up to `position`.

    A block without data is no event, and yet its id becomes the last event id (section 9.2.6, "dispatch the event"):
    who wants few events does not look for them, after a reconnection, in all that came since the last of them.
    """
    return b": heartbeat\nid: %d\n\n" % position

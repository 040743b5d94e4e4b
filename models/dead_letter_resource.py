"""How dead letters look from outside. What is kept is shown to nobody as it is: it may hold secrets."""

import codecs
import json
from base64 import b64encode
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from models.contract import Contract
from models.dead_letter import DeadLetterReason
from models.masking import MASK, masked, may_hold_a_secret

MAX_SHOWN_BYTES = 512 * 1024
"""More than any one command takes, and little enough to be read in one look."""

BodyForm = Literal["json", "text", "base64", "withheld"]


class DeadLetterResource(Contract):
    """A message that was set aside."""

    id: UUID
    reason: DeadLetterReason
    detail: str = Field(description="what exactly was wrong, for people")
    source: str = Field(description="the queue or stream it came from")
    command_id: str | None = Field(description="none where the message has several commands, or names none")
    command_type: str | None
    group_id: UUID | None
    body_bytes: int
    died_at: datetime
    replayed_at: datetime | None


class DeadLetterDocument(DeadLetterResource):
    """A message that was set aside, with what is in it."""

    headers: dict[str, Any] = Field(description=f"of the message; what may be a secret is `{MASK}`")
    body_form: BodyForm = Field(
        description=f"`json`: `body` is the message's, what may be a secret in it is `{MASK}`; `text` or `base64`: its "
        "beginning, which is no JSON; `withheld`: it is no JSON, and names a secret"
    )
    body_complete: bool = Field(description=f"false where it is longer than the {MAX_SHOWN_BYTES} bytes that are shown")
    body: Any


def show_body(beginning: bytes, *, complete: bool) -> tuple[BodyForm, Any]:
    """Return how a body is shown, and as what; `beginning` is at most MAX_SHOWN_BYTES of it."""
    if complete:
        try:
            return "json", masked(json.loads(beginning))
        except (ValueError, RecursionError):
            pass
    # UTF-16 spells ASCII with zeros in between.
    if may_hold_a_secret(beginning.replace(b"\0", b"").decode("latin-1")):
        return "withheld", None
    try:
        return "text", codecs.getincrementaldecoder("utf-8")().decode(beginning, final=complete)
    except UnicodeDecodeError:
        return "base64", b64encode(beginning).decode()

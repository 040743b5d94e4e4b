"""The dead letters' table."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from models.dead_letter import DeadLetter
from models.store.bulk import Row, insert_rows
from models.store.tables import dead_letters

_MAX_BODY_BYTES = 8 * 1024 * 1024
_MAX_TEXT_LENGTH = 2000


def bury(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Keep `letters`. A body beyond 8 MiB keeps its beginning."""
    insert_rows(connection, dead_letters, [_row_of(letter) for letter in letters])


def _row_of(letter: DeadLetter) -> Row:
    id_ = uuid7()
    return {
        "group_id": letter.group_id or id_,
        "id": id_,
        "reason": letter.reason,
        "detail": _storable(letter.detail),
        "source": letter.source,
        "command_id": letter.command_id and _storable(letter.command_id),
        "command_type": letter.command_type and _storable(letter.command_type),
        "headers": _storable_headers(letter.headers),
        "body": rf"\x{letter.body[:_MAX_BODY_BYTES].hex()}",
        "died_at": datetime.now(UTC),
    }


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode(errors="replace").decode()[:_MAX_TEXT_LENGTH]


def _storable_headers(headers: dict[str, Any]) -> dict[str, str]:
    """Headers come from anybody and hold anything: each value is kept as the text of its JSON."""
    return {_storable(str(key)): _storable(json.dumps(value, default=repr)) for key, value in headers.items()}

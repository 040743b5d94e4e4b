"""The dead letters' table."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Connection, RowMapping, Text, Uuid, any_, delete, literal, select, update
from uuid_utils.compat import uuid7

from models.dead_letter import DeadLetter, DeadLetterReason
from models.errors import ErrorCode
from models.store.bulk import Row, write_rows
from models.store.tables import commands, dead_letters

_MAX_BODY_BYTES = 8 * 1024 * 1024
_MAX_TEXT_LENGTH = 2000


def bury(connection: Connection, letters: Sequence[DeadLetter]) -> list[UUID]:
    """Keep `letters` and return their ids. A body beyond 8 MiB keeps its beginning."""
    rows = [_row_of(letter) for letter in letters]
    write_rows(connection, {dead_letters: rows})
    return [row["id"] for row in rows]


def dig_up(connection: Connection, id_: UUID) -> DeadLetter | None:
    """Return the letter as it was buried, or None if there is none of this id."""
    row = connection.execute(select(dead_letters).where(dead_letters.c.id == id_)).mappings().one_or_none()
    return None if row is None else _letter_of(row)


def not_replayed(connection: Connection, reason: DeadLetterReason | None) -> Sequence[UUID]:
    """Return the ids of the letters, of all reasons or of one, that were never replayed, oldest first."""
    query = select(dead_letters.c.id).where(dead_letters.c.replayed_at.is_(None)).order_by(dead_letters.c.id)
    return connection.execute(query if reason is None else query.where(dead_letters.c.reason == reason)).scalars().all()


def reopen(connection: Connection, command_ids: Sequence[str]) -> None:
    """Let these commands be carried out once more, if all that became of them is a dead letter."""
    code = commands.c.outcome["error"]["code"].astext
    asked = commands.c.id == any_(literal(list(command_ids), ARRAY(Text)))
    connection.execute(delete(commands).where(asked, code == ErrorCode.DEAD_LETTERED))


def mark_replayed(connection: Connection, id_: UUID) -> None:
    """Note that the commands in the letter are on their way again."""
    connection.execute(update(dead_letters).where(dead_letters.c.id == id_).values(replayed_at=datetime.now(UTC)))


def discard(connection: Connection, ids: Sequence[UUID]) -> Sequence[UUID]:
    """Delete these letters for good, and return the ids of those that there were."""
    asked = dead_letters.c.id == any_(literal(list(ids), ARRAY(Uuid)))
    return connection.execute(delete(dead_letters).where(asked).returning(dead_letters.c.id)).scalars().all()


def stored_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return headers as they were before they were stored; of a value that was too long, the beginning of its JSON."""
    return {name: _value_of(text) for name, text in headers.items()}


def _value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _letter_of(row: RowMapping) -> DeadLetter:
    return DeadLetter(
        reason=DeadLetterReason(row["reason"]),
        headers=stored_headers(row["headers"]),
        **{name: row[name] for name in ("detail", "source", "body", "command_id", "command_type")},
        group_id=None if row["group_id"] == row["id"] else row["group_id"],
    )


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
        "replayed_at": None,
    }


def _storable(text: str) -> str:
    return text.replace("\x00", "�").encode(errors="replace").decode()[:_MAX_TEXT_LENGTH]


def _storable_headers(headers: dict[str, Any]) -> dict[str, str]:
    """Headers come from anybody and hold anything: each value is kept as the text of its JSON."""
    return {_storable(str(key)): _storable(json.dumps(value, default=repr)) for key, value in headers.items()}

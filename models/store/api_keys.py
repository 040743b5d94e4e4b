"""The table of API keys. No function here gives a digest away but the one that callers are known by."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Text, cast, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.api_key import ApiKey
from models.store.tables import api_keys

_TOLD = [column for column in api_keys.c if column is not api_keys.c.digest]
_LIVE = api_keys.c.revoked_at.is_(None)


def add_key(connection: Connection, key: ApiKey, digest: bytes) -> bool:
    """Store a new key; return False, with nothing stored, where a live key has its name."""
    row = insert(api_keys).values(**dict(key), digest=digest).on_conflict_do_nothing()
    return connection.execute(row.returning(api_keys.c.id)).first() is not None


def list_keys(connection: Connection) -> list[ApiKey]:
    """Return all keys, the revoked ones too, oldest first."""
    found = connection.execute(select(*_TOLD).order_by(api_keys.c.created_at, api_keys.c.id))
    return [ApiKey.model_validate(dict(row)) for row in found.mappings()]


def revoke_key(connection: Connection, id_or_name: str, now: datetime) -> ApiKey | None:
    """Revoke the live key of this id or name and return it; None where there is none."""
    revoked = update(api_keys).where(_LIVE, _is_called(id_or_name)).values(revoked_at=now).returning(*_TOLD)
    row = connection.execute(revoked).mappings().one_or_none()
    return None if row is None else ApiKey.model_validate(dict(row))


async def live_keys(connection: AsyncConnection) -> Mapping[bytes, ApiKey]:
    """Return every key that is not revoked, by its digest."""
    found = await connection.execute(select(api_keys.c.digest, *_TOLD).where(_LIVE))
    return {digest: ApiKey.model_validate(dict(zip(ApiKey.model_fields, told, strict=True))) for digest, *told in found}


def _is_called(id_or_name: str) -> ColumnElement[bool]:
    return or_(api_keys.c.name == id_or_name, cast(api_keys.c.id, Text) == id_or_name)

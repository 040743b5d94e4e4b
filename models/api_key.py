"""API keys: what is kept of one, so that it is known again and cannot be told."""

import hashlib
from datetime import datetime
from typing import Literal
from uuid import UUID

from models.contract import Contract

KEY_PREFIX = "jg_"
"""Lets a key be recognised where it should not be: in a repository, in a chat."""
OWNER_DIGITS = 16

Scope = Literal["read", "write"]


class ApiKey(Contract):
    """What may be told of a key. `owner` stands for it in logs and events; `per_minute` None is the service's limit."""

    id: UUID
    name: str
    owner: str
    scopes: tuple[Scope, ...]
    per_minute: int | None
    created_at: datetime
    revoked_at: datetime | None


def digest_of(key: str) -> bytes:
    """Return the SHA-256 of `key`, all that is stored of it.

    Neither salted nor slow: a key has 256 random bits, which no dictionary holds, and a service that looks keys up by
    their digest needs no comparison whose duration could tell anything about them.
    """
    return hashlib.sha256(key.encode()).digest()


def owner_of(digest: bytes) -> str:
    """Return what tells the key of this digest from others: hexadecimal digits."""
    return digest.hex()[:OWNER_DIGITS]

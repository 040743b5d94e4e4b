"""Who is logged in to the console.

The browser holds a random token and nothing else; Redis holds, under the token's SHA-256, the SHA-256 of the API key.
Whoever reads the one or the other learns no key, and with what is in Redis cannot be anybody.
"""

import hashlib
import secrets

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api_stub.problems import Problem
from models import names

SESSION_SECONDS = 12 * 3600
"""A working day. It is not prolonged by use: what a thief of the token has ends with it."""
_TOKEN_BYTES = 32


class Sessions:
    """Sessions of all processes together. Every method raises Problem (503) where Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def open(self, key_digest: bytes) -> str:
        """Return the token of a new session for who holds the key of this digest."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        try:
            await self._redis.set(_name(token), key_digest, ex=SESSION_SECONDS)
        except (RedisError, OSError):
            raise _unavailable() from None
        return token

    async def find(self, token: str) -> bytes | None:
        """Return the digest of the key that the session stands for; None: there is none, or none any more."""
        try:
            found = await self._redis.get(_name(token))
        except (RedisError, OSError):
            raise _unavailable() from None
        return found if isinstance(found, bytes) else None

    async def close(self, token: str) -> None:
        """End the session."""
        try:
            # Not DEL: the API's user in Redis may not, since it could delete commands with it.
            await self._redis.expire(_name(token), 0)
        except (RedisError, OSError):
            raise _unavailable() from None


def _name(token: str) -> str:
    return f"{names.SERVICE}.sessions.{hashlib.sha256(token.encode()).hexdigest()}"


def _unavailable() -> Problem:
    return Problem.unavailable("Redis does not answer, and without it nobody's session can be checked; try again")

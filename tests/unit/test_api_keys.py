"""API keys and who holds them."""

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from api_stub.known_keys import KnownKeys
from models.api_key import digest_of, owner_of


def keys(*configured: str) -> KnownKeys:
    """Return configured keys only: no database is asked for them."""
    return KnownKeys(map(SecretStr, configured), create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))


def test_a_key_reads_and_writes_unless_it_says_otherwise() -> None:
    known = keys("one", "two:read")
    one, two = known.find("one"), known.find("two")
    assert one is not None
    assert two is not None
    assert (one.may_write, two.may_write) == (True, False)


def test_an_owner_tells_keys_apart_without_telling_the_key() -> None:
    one, two = (keys("one", "two").find(key) for key in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.owner != two.owner
    assert one.owner == owner_of(digest_of("one")) == "7692c3ad3540bb80"  # the beginning of SHA-256("one")


@pytest.mark.parametrize("presented", ["", "ONE", "one ", "two:read", "on", "one\x00", "é", "\xff"])
def test_any_other_key_is_nobody(presented: str) -> None:
    assert keys("one", "two:read").find(presented) is None


def test_nothing_that_is_logged_by_accident_tells_a_key() -> None:
    known = keys("hidden")
    assert "hidden" not in f"{known!r} {vars(known)!r} {known.find('hidden')!r}"

"""API keys and who holds them."""

import pytest
from pydantic import SecretStr

from api_stub.auth import ApiKeys, NoApiKeys


def keys(*configured: str) -> ApiKeys:
    return ApiKeys(map(SecretStr, configured))


def test_a_key_reads_and_writes_unless_it_says_otherwise() -> None:
    known = keys("one", "two:read")
    one, two = known.caller("one"), known.caller("two")
    assert one is not None
    assert two is not None
    assert (one.may_write, two.may_write) == (True, False)


def test_an_owner_tells_keys_apart_without_telling_the_key() -> None:
    one, two = (keys("one", "two").caller(key) for key in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.owner != two.owner
    assert one.owner == "7692c3ad3540bb80"  # the beginning of SHA-256("one")


@pytest.mark.parametrize("presented", ["", "ONE", "one ", "two:read", "on", "one\x00", "é", "\xff"])
def test_any_other_key_is_nobody(presented: str) -> None:
    assert keys("one", "two:read").caller(presented) is None


def test_a_service_without_keys_lets_nobody_in() -> None:
    with pytest.raises(NoApiKeys, match="token_urlsafe"):
        keys()

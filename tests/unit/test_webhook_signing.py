"""What is signed can be verified with the library that receivers use."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from workers.notifying.signing import key_of, signed

BODY = '{"id": "1", "name": "Müller"}'.encode()
SECRET = "whsec_" + b64encode(b"0123456789abcdef01234567").decode()


def test_a_secret_of_the_specification_is_given_to_the_library_as_it_is() -> None:
    assert Webhook(SECRET).verify(BODY, signed("id", BODY, SECRET, datetime.now(UTC))) == {"id": "1", "name": "Müller"}


@pytest.mark.parametrize("secret", ["just words", "whsec_no base64!", "geheim ü", "whsec_", "whsec_a"])
def test_any_other_text_is_its_own_bytes(secret: str) -> None:
    assert key_of(secret) == secret.encode()
    Webhook(secret.encode()).verify(BODY, signed("id", BODY, secret, datetime.now(UTC)))


def test_padding_may_be_left_out() -> None:
    assert key_of("whsec_MDEyMw") == key_of("whsec_MDEyMw==") == b"0123"


def test_without_a_secret_there_is_no_signature() -> None:
    assert signed("id", BODY, None, datetime(2023, 1, 31, tzinfo=UTC)) == {
        "webhook-id": "id",
        "webhook-timestamp": "1675123200",
    }


def test_what_was_changed_or_is_old_is_found_out() -> None:
    headers = signed("id", BODY, SECRET, datetime.now(UTC))
    old = signed("id", BODY, SECRET, datetime.now(UTC) - timedelta(minutes=6))
    for body, told in ((BODY + b" ", headers), (BODY, headers | {"webhook-id": "other"}), (BODY, old)):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(body, told)

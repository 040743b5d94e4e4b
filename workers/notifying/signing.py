"""The headers by which a receiver knows who sent a webhook, and that it is not a repetition by somebody else."""

import binascii
from base64 import b64decode
from contextlib import suppress
from datetime import datetime

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"


def signed(id_: str, body: bytes, secret: str | None, now: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks for a message; without a secret all but the signature."""
    headers = {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp()))}
    if secret:
        headers["webhook-signature"] = Webhook(key_of(secret)).sign(id_, now, body.decode())
    return headers


def key_of(secret: str) -> bytes:
    """Return the bytes that `secret` stands for: those in the base64 after `whsec_`; of any other text, its own."""
    prefix, encoded = secret[: len(PREFIX)], secret[len(PREFIX) :]
    padding = "=" * (-len(encoded) % 4)  # which the library lets its users leave out
    with suppress(binascii.Error, ValueError):
        if prefix == PREFIX and (key := b64decode(encoded + padding, validate=True)):
            return key
    return secret.encode()

"""Sending an event to a webhook, as Standard Webhooks has it (https://www.standardwebhooks.com)."""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpcore
import orjson
from opentelemetry.trace import SpanKind

from client import tracing
from client.guarded_http import Unreachable, exchange
from client.message_spans import of_event
from client.public_network import ForbiddenAddress
from models import names
from models.delivery import Attempt, Verdict
from models.fields import WebhookChannel
from models.store.deliveries import Claim
from settings import Settings
from workers.notifying.signing import signed
from workers.publisher import CONTENT_TYPE

DEADLINE_SECONDS = 15.0
MAX_ANSWER_BYTES = 16 * 1024
"""As much of an answer's body is read, out of politeness; nothing in it counts."""
_ASKING_FOR_PATIENCE = (429, 503)


def send_webhook(claim: Claim, channel: WebhookChannel, settings: Settings) -> Attempt:
    """Send the event of `claim` to `channel`, and return what came of it."""
    if urlsplit(channel.url).scheme != "https" and not settings.webhook_allow_http:
        return Attempt(Verdict.GIVE_UP, error="a webhook without TLS takes JOBGROUPS_WEBHOOK_ALLOW_HTTP")
    came = (claim.event or {}).get("traceparent")
    with tracing.stage("POST", SpanKind.CLIENT, under=came, attributes=_about(claim, channel)) as span:
        attempt = _send(claim, channel, settings, tracing.traceparent_of(span))
        if attempt.response_status is not None:
            span.set_attribute("http.response.status_code", attempt.response_status)
        if attempt.verdict is not Verdict.DELIVERED:
            tracing.fail(span, str(attempt.response_status or "no_answer"))
    return attempt


def _about(claim: Claim, channel: WebhookChannel) -> tracing.Attributes:
    """Not the address as a whole, as the conventions for HTTP would have it: many webhooks have their secret in it."""
    address = urlsplit(channel.url)
    return {
        "http.request.method": "POST",
        "server.address": address.hostname or "",
        "server.port": address.port or {"https": 443}.get(address.scheme, 80),
        "http.request.resend_count": claim.attempts - 1,
        "jobgroups.delivery.id": str(claim.id),
        **of_event(str(claim.event_id), names.event_type(claim.event_name)),
    }


def _send(claim: Claim, channel: WebhookChannel, settings: Settings, traceparent: str | None) -> Attempt:
    deadline = time.monotonic() + DEADLINE_SECONDS
    body = orjson.dumps(claim.event)
    secret = channel.secret.get_secret_value() if channel.secret else None
    headers = {
        **({"traceparent": traceparent} if traceparent else {}),
        "Content-Type": CONTENT_TYPE,
        "User-Agent": "jobgroups-notifier",
        **signed(str(claim.event_id), body, secret, datetime.now(UTC)),
    }
    hosts = settings.webhook_allowed_hosts
    try:
        with exchange("POST", channel.url, headers, body, allowed_hosts=hosts, deadline=deadline) as response:
            attempt = _attempt_of(response.status, dict(response.headers))
            _read(response)
            return attempt
    except ForbiddenAddress as error:
        return Attempt(Verdict.GIVE_UP, error=str(error))
    except Unreachable as error:
        return Attempt(Verdict.RETRY, error=str(error))


def _attempt_of(status: int, headers: Mapping[bytes, bytes]) -> Attempt:
    if 200 <= status < 300:
        return Attempt(Verdict.DELIVERED, status)
    if 300 <= status < 400:
        return Attempt(Verdict.RETRY, status, "redirects are not followed: put the new address into the channel")
    if status == 410:
        return Attempt(Verdict.GONE, status, "the receiver is gone: its channel was disabled")
    patience = _retry_after(headers) if status in _ASKING_FOR_PATIENCE else 0.0
    return Attempt(Verdict.RETRY, status, f"the receiver answers {status}", patience)


def _retry_after(headers: Mapping[bytes, bytes]) -> float:
    """Return the seconds of `Retry-After`, which may be a number or a date (RFC 9110, 10.2.3); 0 if there is none."""
    value = {name.lower(): value for name, value in headers.items()}.get(b"retry-after", b"").decode("latin-1")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    with suppress(ValueError):
        return (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return 0.0


def _read(response: httpcore.Response) -> None:
    size_bytes = 0
    with suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        for chunk in response.iter_stream():
            size_bytes += len(chunk)
            if size_bytes > MAX_ANSWER_BYTES:
                return

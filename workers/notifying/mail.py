"""Sending an event to one person, through the mail server of the settings."""

import asyncio
from email.errors import MessageError
from email.message import EmailMessage
from functools import cache
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import aiosmtplib

from models.delivery import Attempt, Verdict
from models.store.deliveries import Claim
from settings import Settings
from workers.notifying.mail_text import message_of

DEADLINE_SECONDS = 15.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def send_mail(claim: Claim, settings: Settings) -> Attempt:
    """Send the event of `claim` to its target, and return what came of it."""
    if settings.smtp_url is None or settings.mail_from is None:
        return Attempt(Verdict.RETRY, error="there is no mail server: JOBGROUPS_SMTP_URL is not set")
    try:
        message = message_of(claim, claim.event or {}, settings.mail_from)
    except (ValueError, MessageError):
        return Attempt(Verdict.GIVE_UP, error="no mail can have this address")
    try:
        sending = _send(message, claim.target.address, settings.smtp_url)
        asyncio.run_coroutine_threadsafe(sending, _loop()).result()
    except aiosmtplib.SMTPRecipientsRefused as error:
        return _refused(error.recipients[0], for_good=_is_final(error.recipients[0]))
    except aiosmtplib.SMTPDataError as error:
        return _refused(error, for_good=_is_final(error))
    except aiosmtplib.SMTPResponseException as error:
        # Not of this mail: the password, the sender. Whoever runs the service can mend that.
        return _refused(error, for_good=False)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        # Their texts tell of servers, never of passwords; but some have none.
        return Attempt(Verdict.RETRY, error=f"{type(error).__name__}: {error}".removesuffix(": "))
    return Attempt(Verdict.DELIVERED, aiosmtplib.SMTPStatus.completed)


def greet(smtp_url: str, timeout_seconds: float) -> None:
    """Log in to the mail server, and send nothing. Raises aiosmtplib's SMTPException, or OSError."""
    asyncio.run_coroutine_threadsafe(_greet(smtp_url, timeout_seconds), _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all mails: a loop that ended with its mail would leave connections that are still being closed."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="mail", daemon=True).start()
    return loop


async def _send(message: EmailMessage, recipient: str, smtp_url: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await aiosmtplib.send(message, recipients=[recipient], timeout=DEADLINE_SECONDS, **_server(smtp_url))


async def _greet(smtp_url: str, timeout_seconds: float) -> None:
    async with (
        asyncio.timeout(timeout_seconds),
        aiosmtplib.SMTP(timeout=timeout_seconds, **_server(smtp_url)),
    ):
        pass


def _server(smtp_url: str) -> dict[str, Any]:
    server = urlsplit(smtp_url)
    return {
        "hostname": server.hostname,
        "port": server.port or _PORTS[server.scheme],
        "username": unquote(server.username) if server.username else None,
        "password": unquote(server.password) if server.password else None,
        "use_tls": server.scheme == "smtps",
        "start_tls": server.scheme == "smtp+starttls",
    }


def _is_final(answer: aiosmtplib.SMTPResponseException) -> bool:
    """What begins with 4 is for the moment, what begins with 5 for good (RFC 5321, 4.2.1)."""
    return 500 <= answer.code < 600


def _refused(answer: aiosmtplib.SMTPResponseException, *, for_good: bool) -> Attempt:
    verdict = Verdict.GIVE_UP if for_good else Verdict.RETRY
    return Attempt(verdict, answer.code, f"the mail server answers {answer.code} {answer.message}")

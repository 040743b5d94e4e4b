"""The mail server that notifications go through."""

import asyncio

import aiosmtplib

from workers.notifying.mail import server_options
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Finding, fault, fine

TIMEOUT_SECONDS = 5


def answers(circumstances: Circumstances) -> Finding:
    """Greet the mail server, and log in where the address names a user; send nothing."""
    url = circumstances.settings.smtp_url
    if url is None:
        return fine("JOBGROUPS_SMTP_URL is not set: no mail is sent.")
    try:
        asyncio.run(_greet(url))
    except aiosmtplib.SMTPAuthenticationError as error:
        return fault(
            f"The mail server does not let this user in: {error.message}.",
            "Correct the user and the password in JOBGROUPS_SMTP_URL.",
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        return fault(
            f"The mail server does not answer: {str(error) or type(error).__name__}.",
            "See that it runs, and that JOBGROUPS_SMTP_URL names its host, its port, and whether it speaks TLS.",
        )
    return fine("The mail server answers.")


async def _greet(url: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS), aiosmtplib.SMTP(timeout=TIMEOUT_SECONDS, **server_options(url)):
        pass

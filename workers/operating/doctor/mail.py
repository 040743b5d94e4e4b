"""The mail server that notifications go through."""

import aiosmtplib

from workers.notifying.mail import greet
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Finding, fault, fine

TIMEOUT_SECONDS = 5


def answers(circumstances: Circumstances) -> Finding:
    """Greet the mail server, and log in where the address names a user."""
    url = circumstances.settings.smtp_url
    if url is None:
        return fine("JOBGROUPS_SMTP_URL is not set: no mail is sent.")
    try:
        greet(url, TIMEOUT_SECONDS)
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

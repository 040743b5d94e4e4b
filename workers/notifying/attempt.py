"""One attempt at a delivery."""

from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from client import tracing
from models.delivery import MAX_ATTEMPTS, Attempt, Verdict
from models.fields import EmailChannel, Notifications, WebhookChannel
from models.notifying import channel_to
from models.store.deliveries import Claim
from settings import Settings
from tasks.errors_told import told_of, trace_of
from workers.notifying.mail import send_mail
from workers.notifying.webhook import send_webhook

log = structlog.get_logger()


def attempt(claim: Claim, settings: Settings) -> Attempt:
    """Send the event of `claim`, if its group still wants that, and return what came of it. Raises nothing."""
    with bound_contextvars(**named(claim)):
        made = _attempt(claim, settings)
        log.info("delivery_attempted", verdict=made.verdict, response_status=made.response_status)
    return made


def named(claim: Claim) -> dict[str, Any]:
    """Return what the log calls a delivery by: its own id, its event's, and those of what caused it."""
    event = claim.event or {}
    about = {
        "delivery_id": str(claim.id),
        "group_id": str(claim.group_id),
        "event_id": str(claim.event_id),
        "command_id": event.get("causationid"),
        "correlation_id": event.get("correlationid"),
        "trace_id": tracing.trace_id(event.get("traceparent")),
    }
    return {name: value for name, value in about.items() if value}


def _attempt(claim: Claim, settings: Settings) -> Attempt:
    if claim.attempts > MAX_ATTEMPTS:
        return Attempt(Verdict.GIVE_UP, error="nothing was heard of the last attempt")
    if claim.event is None:
        return Attempt(Verdict.GIVE_UP, error="the event is no longer kept")
    try:
        notifications = Notifications.model_validate(claim.notifications)
        match channel_to(notifications, claim.target, claim.event_name):
            case WebhookChannel() as webhook:
                return send_webhook(claim, webhook, settings)
            case EmailChannel():
                return send_mail(claim, settings)
    except Exception as error:  # noqa: BLE001 - a fault of ours must end in the log of deliveries, not with its thread
        log.error("attempt_died", error=told_of(error), traceback=trace_of(error))
        return Attempt(Verdict.RETRY, error="a fault of the notifier: its log has more")
    return Attempt(Verdict.UNWANTED, error="no enabled channel of the group sends this event there any more")

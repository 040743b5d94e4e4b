"""One attempt at a delivery."""

import structlog

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
        log.error("attempt_died", delivery_id=str(claim.id), error=told_of(error), traceback=trace_of(error))
        return Attempt(Verdict.RETRY, error="a fault of the notifier: its log has more")
    return Attempt(Verdict.UNWANTED, error="no enabled channel of the group sends this event there any more")

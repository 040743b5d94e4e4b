"""Every name that crosses a wire, once: commands (which are Celery task names), queues, streams, events."""

SERVICE = "ocr_invoice"
EVENT_SOURCE = "/ocr-invoice-job-groups"

# Commands: the `type` of a command, and the name of the Celery task that carries it.
JOB_GROUP_CREATE = "job_group.create"
JOB_GROUP_UPDATE = "job_group.update"
JOB_GROUP_PATCH = "job_group.patch"
JOB_GROUP_DELETE = "job_group.delete"
HANDLE_BATCH = "command.handle_batch"

# Where commands come in.
COMMAND_QUEUE = "ocr_invoice.commands"
INTAKE = "ocr_invoice.intake"
"""A queue on RabbitMQ, a stream on Redis: plain JSON commands from producers in any language."""
INTAKE_GROUP = "intake"

# Where messages end that nobody could handle. RabbitMQ moves them here; Redis has no such thing.
DEAD_LETTER_EXCHANGE = "ocr_invoice.dead_letters"
DEAD_LETTER_QUEUE = "ocr_invoice.dead_letters"

# Where events go out.
EVENT_EXCHANGE = "ocr_invoice.events"
EVENT_STREAM = "ocr_invoice.events"
"""On Redis, the stream that subscribers in any language read beside the exchange."""

OUTCOME_CHANNEL_PREFIX = "ocr_invoice.outcomes."
"""Redis channels on which waiting callers learn outcomes; `replyTo` must start with it."""

# Domain events: routing key, and the middle of the CloudEvents type.
JOB_GROUP_CREATED = "job_group.created"
JOB_GROUP_UPDATED = "job_group.updated"
JOB_GROUP_DELETED = "job_group.deleted"
COMMAND_REJECTED = "command.rejected"


def event_type(name: str) -> str:
    """Return the CloudEvents `type` of the event called `name`, for instance `ocr_invoice.job_group.created.v1`."""
    return f"{SERVICE}.{name}.v1"

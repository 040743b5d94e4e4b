"""Every name that crosses a wire, once: commands (which are Celery task names), queues, streams, events."""

SERVICE = "ocr_invoice"
EVENT_SOURCE = "/ocr-invoice-job-groups"
SCHEMAS = "/schemas"
API_VERSION = "1.0.0"
"""Of the HTTP API, by semantic versioning."""

# Commands: the `type` of a command, and the name of the Celery task that carries it.
JOB_GROUP_CREATE = "job_group.create"
JOB_GROUP_UPDATE = "job_group.update"
JOB_GROUP_PATCH = "job_group.patch"
JOB_GROUP_DELETE = "job_group.delete"
JOB_GROUP_START = "job_group.start"
JOB_GROUP_PAUSE = "job_group.pause"
JOB_GROUP_RESUME = "job_group.resume"
JOB_GROUP_CANCEL = "job_group.cancel"
JOB_GROUP_RETRY = "job_group.retry"
JOB_GROUP_SEAL = "job_group.seal"
JOB_GROUP_WAKE = "job_group.wake"
JOB_GROUP_DISABLE_WEBHOOK = "job_group.disable_webhook"
JOB_ADD = "job.add"
JOB_REPORT = "job.report"
JOB_REVIEW = "job.review"
HANDLE_BATCH = "command.handle_batch"
HANDLE_GATHERED = "command.handle_gathered"
"""Within a worker only: what came in several messages and goes to the pool as one task."""

# Where commands come in.
COMMAND_QUEUE = "ocr_invoice.commands"
INTAKE = "ocr_invoice.intake"
"""A queue on RabbitMQ, a stream on Redis: plain JSON commands from producers in any language."""
INTAKE_GROUP = "intake"

# What Redis calls the connections over which commands are taken, so that it can tell whether somebody does.
WORKER_CLIENT = "jobgroups-worker"
INTAKE_CLIENT = "jobgroups-intake"

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
JOB_GROUP_STARTED = "job_group.started"
JOB_GROUP_PAUSED = "job_group.paused"
JOB_GROUP_RESUMED = "job_group.resumed"
JOB_GROUP_SEALED = "job_group.sealed"
JOB_GROUP_JOBS_ADDED = "job_group.jobs_added"
JOB_GROUP_AWAITING_REVIEW = "job_group.awaiting_review"
JOB_GROUP_COMPLETED = "job_group.completed"
JOB_GROUP_CANCELLING = "job_group.cancelling"
JOB_GROUP_CANCELLED = "job_group.cancelled"
JOB_GROUP_EXPIRED = "job_group.expired"
JOB_GROUP_REOPENED = "job_group.reopened"
JOB_DISPATCHED = "job.dispatched"
JOB_SUCCEEDED = "job.succeeded"
JOB_NEEDS_REVIEW = "job.needs_review"
JOB_FAILED = "job.failed"
JOB_RETRY_SCHEDULED = "job.retry_scheduled"
JOB_CANCELLED = "job.cancelled"
JOB_EXPIRED = "job.expired"
JOB_SKIPPED = "job.skipped"
JOB_REJECTED = "job.rejected"
COMMAND_REJECTED = "command.rejected"


def event_type(name: str) -> str:
    """Return the CloudEvents `type` of an event's routing key, for instance `ocr_invoice.job_group.created.v1`.

    The priority in `job.dispatched.high` is for engines to bind to, and no other type of event.
    """
    name = JOB_DISPATCHED if name.startswith(JOB_DISPATCHED) else name
    return f"{SERVICE}.{name}.v1"


def schema_address(type_: str) -> str:
    """Return where the HTTP API serves the JSON Schema of a command or an event: its `dataschema`."""
    return f"{SCHEMAS}/{type_}"

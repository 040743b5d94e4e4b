"""The engine's answers: one `job.report` command for each event."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog

from models import names
from models.commands import CommandEnvelope
from workers.engine.dispatched_job import DispatchedJob, DispatchEvent
from workers.engine.reader import Reader, Unreadable

MAX_MESSAGE_CHARACTERS = 2000
ACTOR = "ocr_engine"

log = structlog.get_logger()


def report(event: DispatchEvent, reader: Reader) -> CommandEnvelope:
    """Read the document of `event` and return the command that says how it went.

    The command's id follows from the event's, so that an event delivered twice is reported once.
    """
    job = event.data
    attempt = {"jobId": str(job.job_id), "groupId": str(job.group_id), "attempt": job.attempt}
    return CommandEnvelope(
        id=command_id(event.id),
        type=names.JOB_REPORT,
        data={"reports": [attempt | _outcome(job, reader)]},
        actor=ACTOR,
        correlation_id=event.correlationid,
        traceparent=event.traceparent,
    )


def command_id(event_id: str) -> str:
    """Return the id of the command that answers the event `event_id`: always the same."""
    return str(uuid5(NAMESPACE_URL, f"{names.EVENT_SOURCE}/events/{event_id}/report"))


def _outcome(job: DispatchedJob, reader: Reader) -> dict[str, Any]:
    try:
        reading = reader.read(job)
    except Unreadable as error:
        return _failure(error.code, error.message, retryable=error.retryable)
    except Exception as error:
        # One document that the reader has no answer to must not take the others' engine away.
        log.exception("reader_failed", job_id=str(job.job_id), attempt=job.attempt)
        return _failure("engine_error", f"the engine failed on this document: {type(error).__name__}", retryable=True)
    return {"status": "succeeded", "confidence": reading.confidence, "result": reading.result}


def _failure(code: str, message: str, *, retryable: bool) -> dict[str, Any]:
    error = {"code": code, "message": message[:MAX_MESSAGE_CHARACTERS], "retryable": retryable}
    return {"status": "failed", "error": error}

"""A domain event in the words of a mail."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from models import names
from models.store.deliveries import Claim

_GROUP = {
    names.JOB_GROUP_CREATED: "was created",
    names.JOB_GROUP_UPDATED: "was changed",
    names.JOB_GROUP_DELETED: "was deleted",
    names.JOB_GROUP_STARTED: "was started",
    names.JOB_GROUP_PAUSED: "was paused",
    names.JOB_GROUP_RESUMED: "goes on",
    names.JOB_GROUP_SEALED: "takes no more documents",
    names.JOB_GROUP_JOBS_ADDED: "has new documents",
    names.JOB_GROUP_AWAITING_REVIEW: "waits for somebody to review results",
    names.JOB_GROUP_CANCELLING: "is being cancelled",
    names.JOB_GROUP_CANCELLED: "was cancelled",
    names.JOB_GROUP_EXPIRED: "ran out of time",
    names.JOB_GROUP_REOPENED: "was opened again",
}
_COMPLETED = {
    "completed": "is completed",
    "completed_with_errors": "is completed, with errors",
    "failed": "has failed",
}
"""By the event's `outcome`."""
_JOB = {
    names.JOB_DISPATCHED: "was given to an engine",
    names.JOB_SUCCEEDED: "was read",
    names.JOB_NEEDS_REVIEW: "needs a review",
    names.JOB_FAILED: "failed",
    names.JOB_RETRY_SCHEDULED: "will be tried again",
    names.JOB_CANCELLED: "was cancelled",
    names.JOB_EXPIRED: "ran out of time",
    names.JOB_SKIPPED: "was skipped as a duplicate",
    names.JOB_REJECTED: "was rejected by its reviewer",
}


def message_of(claim: Claim, event: dict[str, Any], sender: str) -> EmailMessage:
    """Return the mail that tells the claim's target of `event`; the same each time, `Message-ID` included.

    Raises ValueError or MessageError where the target is no address that a mail can have.
    """
    message = EmailMessage(policy=SMTP)
    batch = f" (batch number {_one_line(claim.batch_number)})" if claim.batch_number else ""
    name, happened = _one_line(claim.group_name), what_happened(claim.event_name, event["data"])
    message["From"] = sender
    message["To"] = Address(addr_spec=claim.target.address)
    message["Subject"] = f"{name}{happened}"
    message["Date"] = format_datetime(datetime.fromisoformat(event["time"]))
    message["Message-ID"] = f"<{claim.id}@{sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice need answer it
    why = f"{claim.target.address} is named in the notifications of this job group."
    message.set_content("\n".join([f"Batch {name}{batch}{happened}.", "", *_facts(claim, event), "", why, ""]))
    return message


def what_happened(event_name: str, data: dict[str, Any]) -> str:
    """Return the rest of the sentence that begins with the batch's name."""
    if event_name == names.JOB_GROUP_COMPLETED:
        return f" {_COMPLETED[data['outcome']]}"
    if event_name in _GROUP:
        return f" {_GROUP[event_name]}"
    job = names.JOB_DISPATCHED if event_name.startswith(names.JOB_DISPATCHED) else event_name
    return f": document {_one_line(data['externalId'] or data['jobId'])} {_JOB[job]}"


def _facts(claim: Claim, event: dict[str, Any]) -> list[str]:
    data = event["data"]
    facts = {
        "Event": claim.event_name,
        "Time": event["time"],
        "Status": data.get("status"),
        "Jobs": _tally(data["counts"]) if "counts" in data else None,
        "Reason": data.get("reason"),
        "Error": (data.get("error") or {}).get("message"),
        "Job group": claim.group_id,
        "Job": data.get("jobId"),
        "Event id": claim.event_id,
    }
    return [f"  {fact + ':':<11}{_one_line(str(value))}" for fact, value in facts.items() if value is not None]


def _tally(counts: dict[str, int]) -> str:
    some = {name: count for name, count in counts.items() if count and name != "total"}
    return ", ".join([f"{counts['total']} in all", *(f"{count} {name}" for name, count in some.items())])


def _one_line(text: str) -> str:
    return " ".join(text.split())

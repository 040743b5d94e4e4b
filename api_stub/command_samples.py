"""Data for every command, for the examples of the AsyncAPI document; each can be sent as it is."""

from typing import Any

from api_stub.samples import COMMAND_ID, GROUP, PATCH, REVIEW
from models import names

GROUP_ID = COMMAND_ID
_SAME_DOCUMENT = {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}


def job_id(number: int) -> str:
    """Return the id of the sample group's job `number`, from 1."""
    return f"0186071a-5d40-7000-8000-{0x100 + number:012x}"


def _job(number: int, **document: Any) -> dict[str, Any]:
    uri = f"https://scans.example.com/{number}.pdf"
    return {"id": job_id(number), "externalId": f"scan-{number}", "document": {"uri": uri, **document}}


def report(number: int, attempt: int, **said: Any) -> dict[str, Any]:
    """Return an engine's report on one attempt: a success, unless `said` says otherwise."""
    about = {"jobId": job_id(number), "groupId": GROUP_ID, "attempt": attempt}
    return {"reports": [{**about, "status": "succeeded", **said}]}


CREATION: dict[str, Any] = {"id": GROUP_ID, **GROUP}
ADDITION: dict[str, Any] = {
    "groupId": GROUP_ID,
    "jobs": [_job(1, mimeType="application/pdf", pageCount=2), _job(2, **_SAME_DOCUMENT), _job(3, **_SAME_DOCUMENT)],
    "last": True,
}
RESULT: dict[str, Any] = {"confidence": 0.97, "result": {"invoiceNumber": "INV-2023-0042", "total": "4557.00"}}
REVIEW_OF_JOB: dict[str, Any] = {"groupId": GROUP_ID, "jobId": job_id(1), **REVIEW}


def commands() -> dict[str, dict[str, Any]]:
    """Return data for each command, by its type."""
    group = {"id": GROUP_ID}
    words = ("delete", "start", "pause", "resume", "cancel", "seal")
    batch = [
        {"id": COMMAND_ID, "type": names.JOB_GROUP_CREATE, "data": CREATION},
        {"id": job_id(0), "type": names.JOB_ADD, "data": ADDITION},
    ]
    return {
        names.JOB_GROUP_CREATE: CREATION,
        names.JOB_GROUP_UPDATE: {**CREATION, "expectedVersion": 1},
        names.JOB_GROUP_PATCH: {**group, "patch": PATCH, "expectedVersion": 1},
        names.JOB_GROUP_RETRY: {**group, "jobIds": [job_id(2)]},
        names.JOB_ADD: ADDITION,
        names.JOB_REPORT: report(1, 1, **RESULT),
        names.JOB_REVIEW: REVIEW_OF_JOB,
        names.HANDLE_BATCH: {"commands": batch},
        **{f"job_group.{word}": group for word in words},
    }
